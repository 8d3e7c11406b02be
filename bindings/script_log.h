#ifndef DU_SCRIPT_LOG_H
#define DU_SCRIPT_LOG_H

/* The log line of a script that failed: what was raised, where, with its traceback. It goes to the
 * log and nowhere else.
 *
 * Thread: the worker's.
 */

#include "context.h"

/* request_id may be NULL. Tasks that returned or were cancelled leave no line. */
void du_script_log(struct du_context *context, const char *request_id, const char *message,
                   const struct du_task_result *result);

#endif
