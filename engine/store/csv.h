#ifndef DU_CSV_H
#define DU_CSV_H

/* Comma-separated values (RFC 4180), read in place: records of fields, with the line each begins
 * at.
 *
 * Invariants
 *  1. Fields are NUL-terminated texts within the caller's, which is written over.
 *  2. What is malformed ends with its line; the next record is read as if nothing had been.
 *  3. A line may end with LF or CRLF; empty lines are no records; blanks around a field that is not
 *     quoted are no part of it.
 *
 * Thread: the caller's.
 */

#include <stddef.h>

enum { DU_CSV_FIELDS_MOST = 32 };

struct du_csv {
    char *at;
    char separator;
    size_t line; /* of at, from 1 */
    size_t record_line;
    char *fields[DU_CSV_FIELDS_MOST];
    size_t count;
    const char *wrong; /* static */
};

enum du_csv_step { DU_CSV_RECORD, DU_CSV_WRONG, DU_CSV_END };

/* text is NUL-terminated and lives as long as the fields. A mark of UTF-8 is skipped; the separator
 * is the semicolon where the first line has one and no comma. */
void du_csv_init(struct du_csv *csv, char *text);
/* RECORD: count fields, begun at record_line. WRONG: wrong says what is, at record_line. */
enum du_csv_step du_csv_next(struct du_csv *csv);

#endif
