#ifndef DU_COURSE_H
#define DU_COURSE_H

/* The course of an exchange, from its complete header to `finished`: the states of a connection
 * that belong to a request (conn.h shows them all).
 *
 *  begin     HEADER -> HANDLING, calls `request`
 *  read      HANDLING -> READING, by du_exchange_read
 *  reply     HANDLING, READING -> SENDING, by du_exchange_reply
 *  abort     any of them -> finished, CLOSED
 *
 * A step gives true when there is more to do at once. All run inside du_conn_run, but read and
 * reply, which call it.
 */

#include "conn.h"
#include "exchange_int.h"

void du_course_begin(struct du_conn *conn);
void du_course_read(struct du_conn *conn);
void du_course_reply(struct du_conn *conn, struct du_reply *reply);
void du_course_abort(struct du_conn *conn, enum du_exchange_end end);

bool du_course_step_handling(struct du_conn *conn);
bool du_course_step_reading(struct du_conn *conn);
bool du_course_step_sending(struct du_conn *conn);
bool du_course_step_parked(struct du_conn *conn);
bool du_course_step_skipping(struct du_conn *conn);

/* The deadline has passed in READING, in SENDING. */
void du_course_stalled(struct du_conn *conn);
void du_course_window(struct du_conn *conn);

#endif
