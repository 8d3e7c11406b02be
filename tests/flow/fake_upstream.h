#ifndef DU_TEST_FAKE_UPSTREAM_H
#define DU_TEST_FAKE_UPSTREAM_H

/* du_fetch_* and du_origin_* in the place of net's: an upstream whose every word the test says. A
 * fetch's hooks are called on the loop of its client, which is a rig_worker; the functions here
 * return when they have been. */

#include "rig.h"

struct fake_fetch;

/* The origin to give to the cache; "http://upstream.test" is its URL. */
struct du_origin *fake_origin(void);

/* Forgets all fetches; to begin a test with. */
void fake_reset(void);
/* How many fetches have been started so far. */
int fake_started(void);
/* Waits until so many have been started, and gives the last of them. */
struct fake_fetch *fake_wait(int count);
/* The next start fails with that kind. */
void fake_refuse(enum du_error_kind kind);

/* False when the hook said stop, or the fetch was over already. */
bool fake_head(struct fake_fetch *fetch, int status, int64_t length);
bool fake_data(struct fake_fetch *fetch, const char *data, size_t size);
void fake_end(struct fake_fetch *fetch, enum du_error_kind kind, bool complete);
/* Upstream answers with that status, and so the fetch ends. */
void fake_end_status(struct fake_fetch *fetch, int status);
void fake_end_busy(struct fake_fetch *fetch, int status, int64_t retry_after);
/* fake_end when the caller is on the fetch's loop. */
void fake_end_here(struct fake_fetch *fetch, enum du_error_kind kind);
/* Head, data and end in one. */
void fake_send(struct fake_fetch *fetch, const char *data, size_t size);
/* Headers that its answer will have; before fake_head. */
void fake_set_etag(struct fake_fetch *fetch, const char *etag);
void fake_set_content_range(struct fake_fetch *fetch, const char *content_range);
/* The request's; "" when it has none. */
const char *fake_range(struct fake_fetch *fetch);
const char *fake_if_range(struct fake_fetch *fetch);
/* Lets pauses pass until so many fetches have been started; gives the last of them. */
struct fake_fetch *fake_wait_again(struct rig *rig, int count);
/* Breaks the body, and each that the filler asks for then. */
void fake_break_for_good(struct rig *rig, struct fake_fetch *fetch, enum du_error_kind kind);

/* While it is paused data may not be sent. */
bool fake_is_paused(struct fake_fetch *fetch);
void fake_wait_resumed(struct fake_fetch *fetch);
/* It has ended, was stopped by a hook or cancelled. */
bool fake_is_over(struct fake_fetch *fetch);
void fake_wait_over(struct fake_fetch *fetch);
const char *fake_url(struct fake_fetch *fetch);

#endif
