#ifndef DU_MEMBER_IMPORT_INT_H
#define DU_MEMBER_IMPORT_INT_H

/* What member_import.c (reading the file) and member_import_merge.c (into the members of now)
 * share. */

#include "member_import.h"

/* -1: the file does not say. */
enum du_flag { DU_UNSAID = -1, DU_NO, DU_YES };

struct du_import_row {
    size_t line;
    char *id, *email, *password_hash, *entitlements; /* NULL: the file does not say */
    enum du_flag active, admin;
    struct du_member *after; /* NULL: bad, or nothing changes */
};

/* Adds a finding. */
void du_import_found(struct du_import *import, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
