#include "resume.h"

#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    TRIES_MOST = 3,
    FIRST_PAUSE_MS = 250,
    BUSY_PAUSE_MOST_MS = 8000,
    TOLD_MOST_MS = 30000,
    RANGE_TEXT = 48
};

static const char if_range[] = "If-Range: ";

void du_resume_init(struct du_resume *resume, const struct du_want *want,
                    const struct du_fetch_head *head) {
    const char *etag = du_fetch_header(head->fetch, "ETag");
    *resume = (struct du_resume){.want = want};
    if (etag != NULL && etag[0] == '"')
        resume->etag = du_strdup(etag);
}

void du_resume_deinit(struct du_resume *resume) {
    du_free(resume->etag);
    resume->etag = NULL;
}

/* Asking --------------------------------------------------------------------------------------- */

static bool cannot_range(const struct du_resume *resume, const struct du_error *error) {
    return error->kind == DU_UPSTREAM && error->status == 416 && resume->tries > 0 &&
           !resume->plain;
}

bool du_resume_may(struct du_resume *resume, const struct du_error *error) {
    bool passing = du_error_class(error->kind) == DU_CLASS_UPSTREAM && du_error_retryable(error);
    bool rangeless = cannot_range(resume, error);
    resume->plain = resume->plain || rangeless;
    resume->told_ms = passing && error->retry_after > 0 ? error->retry_after * 1000 : 0;
    return resume->tries < TRIES_MOST && resume->told_ms <= TOLD_MOST_MS && (passing || rangeless);
}

int64_t du_resume_pause_ms(const struct du_resume *resume) {
    int64_t pause_ms = FIRST_PAUSE_MS << (2 * resume->tries);
    return pause_ms > resume->told_ms ? pause_ms : resume->told_ms;
}

/* A strong validator or a digest proves that the parts are of one thing. */
static bool asks_for_rest(const struct du_resume *resume, int64_t at) {
    return at > 0 && !resume->plain && (resume->want->by_digest || resume->etag != NULL);
}

static size_t count(const char *const *headers) {
    size_t number = 0;
    while (headers[number] != NULL)
        number++;
    return number;
}

int64_t du_resume_busy_pause_ms(struct du_resume *resume, const struct du_error *error) {
    bool busy = error->kind == DU_UPSTREAM && (error->status == 429 || error->status == 503);
    if (!busy || resume->tries >= TRIES_MOST || error->retry_after > BUSY_PAUSE_MOST_MS / 1000)
        return -1;
    int64_t pause_ms = du_resume_pause_ms(resume);
    resume->tries++;
    return error->retry_after > 0 ? error->retry_after * 1000 : pause_ms;
}

/* The texts stand behind the table, in one block. */
const char **du_resume_headers(struct du_resume *resume, int64_t at) {
    size_t known = count(resume->want->headers), table = (known + 3) * sizeof(char *);
    bool validated = !resume->want->by_digest && resume->etag != NULL;
    size_t condition = validated ? sizeof if_range + strlen(resume->etag) : 0;
    const char **headers = du_calloc(1, table + RANGE_TEXT + condition);
    if (headers == NULL)
        return NULL;
    resume->tries++;
    memcpy(headers, resume->want->headers, known * sizeof *headers);
    if (!asks_for_rest(resume, at))
        return headers;
    char *range = (char *)headers + table;
    snprintf(range, RANGE_TEXT, "Range: bytes=%" PRId64 "-", at);
    headers[known++] = range;
    if (validated) {
        snprintf(range + RANGE_TEXT, condition, "%s%s", if_range, resume->etag);
        headers[known] = range + RANGE_TEXT;
    }
    return headers;
}

/* The answer ----------------------------------------------------------------------------------- */

/* Reads digits, then the character that ends them. */
static bool read_number(const char **text, int64_t *number, char end) {
    const char *at = *text;
    int64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (value > (INT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (*at - '0');
    }
    if (at == *text || *at != end)
        return false;
    *number = value;
    *text = end != '\0' ? at + 1 : at;
    return true;
}

/* "bytes first-last/total"; total -1 for "*". */
static bool read_content_range(const char *text, int64_t *first, int64_t *last, int64_t *total) {
    *total = -1;
    if (text == NULL || strncmp(text, "bytes ", 6) != 0)
        return false;
    text += 6;
    if (!read_number(&text, first, '-') || !read_number(&text, last, '/'))
        return false;
    return strcmp(text, "*") == 0 || read_number(&text, total, '\0');
}

static bool is_changed(const struct du_resume *resume, const struct du_fetch_head *head) {
    const char *etag = du_fetch_header(head->fetch, "ETag");
    return !resume->want->by_digest && resume->etag != NULL && etag != NULL &&
           strcmp(etag, resume->etag) != 0;
}

static enum du_resume_answer judge_part(const struct du_resume *resume,
                                        const struct du_fetch_head *head, int64_t at,
                                        int64_t length) {
    int64_t first, last, total;
    const char *range = du_fetch_header(head->fetch, "Content-Range");
    if (!asks_for_rest(resume, at) || !read_content_range(range, &first, &last, &total))
        return DU_RESUME_ODD;
    if (total >= 0 && length >= 0 && total != length)
        return DU_RESUME_CHANGED;
    int64_t whole = total >= 0 ? total : length;
    bool rest = first == at && last >= first && (whole < 0 || last + 1 == whole);
    bool sized = head->length < 0 || head->length == last - first + 1;
    return rest && sized ? DU_RESUME_APPEND : DU_RESUME_ODD;
}

enum du_resume_answer du_resume_judge(const struct du_resume *resume,
                                      const struct du_fetch_head *head, int64_t at,
                                      int64_t length) {
    enum du_resume_answer answer = DU_RESUME_ODD;
    if (is_changed(resume, head))
        return DU_RESUME_CHANGED;
    if (head->status == 206)
        answer = judge_part(resume, head, at, length);
    else if (head->status == 200)
        answer = head->length >= 0 && length >= 0 && head->length != length ? DU_RESUME_CHANGED
                                                                            : DU_RESUME_COMPARE;
    return answer;
}
