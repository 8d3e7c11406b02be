#ifndef DU_MEMBER_COMMANDS_H
#define DU_MEMBER_COMMANDS_H

/* The parts of `dunite member` that are commands of their own. Each gives the exit code. */

#include "arguments.h"

/* `member token add ID | list [ID] | revoke TOKEN` */
int du_member_token(const struct du_arguments *options);
/* `member import FILE` */
int du_member_import(const struct du_arguments *options);

#endif
