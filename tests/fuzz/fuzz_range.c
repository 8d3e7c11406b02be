/* Whatever a request's headers say, a part lies within the thing and is never empty. */

#include "mem.h"
#include "range.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds)
        abort();
}

/* The next line of the input, copied to a block of its own size, so that reading past it is seen.
 */
static struct du_slice take_line(struct du_slice *input) {
    struct du_slice line = {NULL, 0};
    if (input->size == 0)
        return line;
    const char *newline = memchr(input->data, '\n', input->size);
    size_t size = newline != NULL ? (size_t)(newline - input->data) : input->size;
    size_t taken = newline != NULL ? size + 1 : size;
    char *copy = du_malloc(size);
    if (copy == NULL)
        return line;
    memcpy(copy, input->data, size);
    *input = (struct du_slice){input->data + taken, input->size - taken};
    line = (struct du_slice){copy, size};
    return line;
}

static void try(const struct du_range_request *request, int64_t thing_length) {
    static const char *const etags[] = {NULL, "\"abc\"", "W/\"abc\""};
    for (size_t i = 0; i < sizeof etags / sizeof *etags; i++) {
        struct du_range_thing thing = {thing_length, etags[i], i == 0 ? -1 : 1769903990123};
        int64_t first, length;
        enum du_range_outcome outcome = du_range_decide(request, &thing, &first, &length);
        if (outcome == DU_RANGE_PART)
            must(first >= 0 && length > 0 && length <= thing_length - first);
        else
            must(first == 0 && length == (outcome == DU_RANGE_WHOLE ? thing_length : 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int64_t lengths[] = {-1, 0, 1, 1000, INT64_MAX};
    struct du_slice input = {(const char *)data, size};
    struct du_range_request request = {.get = true};
    struct du_slice *const headers[] = {
        &request.range,    &request.if_range,          &request.if_none_match,
        &request.if_match, &request.if_modified_since, &request.if_unmodified_since};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        *headers[i] = take_line(&input);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        try(&request, lengths[i]);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        du_free((void *)headers[i]->data);
    return 0;
}
