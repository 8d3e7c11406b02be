/* Whatever a server writes into WWW-Authenticate: what is read may be sent on, and what cannot be
 * read changes nothing. */

#include "challenge.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds)
        abort();
}

static void must_be_clean(const struct du_bytes *text) {
    for (size_t i = 0; i < text->size; i++)
        must((unsigned char)text->data[i] >= 0x20 && text->data[i] != 0x7f);
}

static void look(const struct du_challenge *challenge) {
    must_be_clean(&challenge->realm);
    must_be_clean(&challenge->service);
    must_be_clean(&challenge->scope);
    must(challenge->scheme != DU_CHALLENGE_BEARER || challenge->realm.size > 0);
}

/* A Basic challenge stands before it: only a Bearer one may take its place. */
static void read_after_basic(struct du_slice value) {
    struct du_challenge challenge;
    du_challenge_init(&challenge);
    must(du_challenge_read(&challenge, DU_SLICE("Basic realm=\"first\"")) == DU_OK);
    enum du_error_kind kind = du_challenge_read(&challenge, value);
    must(kind == DU_OK || challenge.scheme == DU_CHALLENGE_BASIC);
    must(challenge.scheme == DU_CHALLENGE_BEARER || strcmp(challenge.realm.data, "first") == 0);
    look(&challenge);
    du_challenge_deinit(&challenge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* A block of its own size, so that reading past its end is seen. */
    char *copy = malloc(size);
    if (size > 0)
        memcpy(copy, data, size);
    struct du_slice value = {copy, size};
    struct du_challenge challenge;
    du_challenge_init(&challenge);
    enum du_error_kind kind = du_challenge_read(&challenge, value);
    must(kind == DU_OK || challenge.scheme == DU_CHALLENGE_NONE);
    look(&challenge);
    du_challenge_deinit(&challenge);
    read_after_basic(value);
    free(copy);
    return 0;
}
