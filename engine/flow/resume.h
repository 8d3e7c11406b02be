#ifndef DU_RESUME_H
#define DU_RESUME_H

/* How a body that broke is gone on with: what to ask upstream for, and what its answer is good for.
 * RFC 9110 sections 13.1.5 (If-Range), 14.2 and 14.4 (Range, Content-Range).
 *
 * Invariants
 *  1. Only a 206 whose Content-Range goes from the right byte to the end of a body of the right
 *     length is to be appended.
 *  2. The rest is only asked for under a digest or a strong validator (then with If-Range). Else
 *     the whole is, as it is of an upstream that answered a range wrongly.
 *  3. A 200 is to be compared as far as there are bytes from before, then appended.
 *  4. Who waits for a first answer waits for no longer than clients do for headers.
 *  5. Without a digest, another strong validator than the first answer's is another thing.
 *
 * Thread: the loop's.
 */

#include "upstream.h"
#include "want.h"

struct du_resume {
    const struct du_want *want;
    char *etag;      /* the first answer's, when it is strong; NULL: none */
    int tries;       /* so far */
    int64_t told_ms; /* upstream told to wait so long before the next; 0: it did not */
    bool plain;      /* upstream does not know how to answer a range */
};

enum du_resume_answer {
    DU_RESUME_APPEND,  /* the rest */
    DU_RESUME_COMPARE, /* all of it anew */
    DU_RESUME_CHANGED, /* of something else */
    DU_RESUME_ODD      /* nothing that was asked for */
};

/* With the first answer, in its head hook. Without memory there is no validator. */
void du_resume_init(struct du_resume *resume, const struct du_want *want,
                    const struct du_fetch_head *head);
void du_resume_deinit(struct du_resume *resume);

/* Whether this ending leaves another try, and how long to wait before it: a little longer each
 * time, or as Retry-After says, if readers can wait that long. */
bool du_resume_may(struct du_resume *resume, const struct du_error *error);
int64_t du_resume_pause_ms(const struct du_resume *resume);
/* How long to wait before a first answer that was 429 or 503 is asked for again, by its Retry-After
 * (RFC 9110 section 10.2.3) or else a little longer each time; begins that try. -1: it is an end.
 */
int64_t du_resume_busy_pause_ms(struct du_resume *resume, const struct du_error *error);
/* Begins a try: the headers to ask with, when `at` bytes are there. To be freed as one block; NULL:
 * out of memory. */
const char **du_resume_headers(struct du_resume *resume, int64_t at);
/* What came back; length: of the whole, -1 unknown. In the head hook. */
enum du_resume_answer du_resume_judge(const struct du_resume *resume,
                                      const struct du_fetch_head *head, int64_t at, int64_t length);

#endif
