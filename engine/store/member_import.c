#include "member_import.h"

#include "csv.h"
#include "mem.h"
#include "member_import_int.h"
#include "members_int.h"
#include "password.h"

#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {"id",           "email", "password_hash", "active", "admin",
                                      "entitlements", NULL};

enum { COLUMNS = sizeof columns / sizeof *columns - 1 };
enum column { ID, EMAIL, PASSWORD_HASH, ACTIVE, ADMIN, ENTITLEMENTS };

void du_import_found(struct du_import *import, size_t line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    du_bytes_format(&import->findings, "%zu\t", line);
    du_bytes_vformat(&import->findings, format, arguments);
    du_bytes_text(&import->findings, "\n");
    va_end(arguments);
}

/* The header -------------------------------------------------------------------------------- */

/* Which field each column is, -1: none. */
struct header {
    int fields[COLUMNS];
    size_t count;
};

static int column_of(const char *name) {
    for (int i = 0; columns[i] != NULL; i++)
        if (strcmp(columns[i], name) == 0)
            return i;
    return -1;
}

static void add_column(struct du_import *import, const struct du_csv *csv, size_t at,
                       struct header *header) {
    const char *name = csv->fields[at];
    int column = column_of(name);
    if (strcmp(name, "password") == 0)
        du_import_found(
            import, csv->record_line,
            "the column \"password\": passwords are taken as hashes only, in \"password_hash\"");
    else if (column < 0)
        du_import_found(
            import, csv->record_line,
            "no such column: \"%.60s\" (known are id, email, password_hash, active, admin,"
            " entitlements)",
            name);
    else if (header->fields[column] >= 0)
        du_import_found(import, csv->record_line, "the column \"%s\" is there twice", name);
    else
        header->fields[column] = (int)at;
}

static bool read_header(struct du_import *import, struct du_csv *csv, struct header *header) {
    enum du_csv_step step = du_csv_next(csv);
    size_t before = import->findings.size;
    for (int i = 0; i < COLUMNS; i++)
        header->fields[i] = -1;
    header->count = csv->count;
    if (step == DU_CSV_END)
        du_import_found(import, 1, "the file is empty: its first line names the columns");
    else if (step == DU_CSV_WRONG)
        du_import_found(import, csv->record_line, "%s", csv->wrong);
    for (size_t i = 0; step == DU_CSV_RECORD && i < csv->count; i++)
        add_column(import, csv, i, header);
    if (import->findings.size == before && header->fields[ID] < 0)
        du_import_found(import, csv->record_line,
                        "there is no column \"id\" (the first line names them)");
    return import->findings.size == before;
}

/* Rows -------------------------------------------------------------------------------------- */

#define ALPHANUMERIC "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool is_id(const char *text) {
    return strspn(text, ALPHANUMERIC) > 0 && text[strspn(text, ALPHANUMERIC "._-")] == '\0';
}

/* One '@' between two texts, and nothing that Basic credentials could not say. */
static bool is_email(const char *text) {
    const char *at = strchr(text, '@');
    return at != NULL && at != text && at[1] != '\0' && strchr(at + 1, '@') == NULL &&
           strpbrk(text, ": \t\r\n") == NULL;
}

static bool read_flag(const char *text, enum du_flag *flag) {
    static const char *const yes[] = {"true", "yes", "1"}, *const no[] = {"false", "no", "0"};
    *flag = DU_UNSAID;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (du_member_compare_email(text, yes[i]) == 0)
            *flag = DU_YES;
        if (du_member_compare_email(text, no[i]) == 0)
            *flag = DU_NO;
    }
    return *flag != DU_UNSAID || text[0] == '\0';
}

static char *field_of(const struct du_csv *csv, const struct header *header, enum column column) {
    return header->fields[column] >= 0 ? csv->fields[header->fields[column]] : NULL;
}

static void check_flag(struct du_import *import, struct du_import_row *row, enum column column,
                       const char *text, enum du_flag *flag) {
    *flag = DU_UNSAID;
    if (text != NULL && !read_flag(text, flag))
        du_import_found(import, row->line,
                        "%s: found \"%.40s\", allowed are true, false, yes, no, 1, 0",
                        columns[column], text);
}

/* What a row says by itself, whoever is there. */
static void check_row(struct du_import *import, struct du_import_row *row) {
    if (row->id[0] == '\0')
        du_import_found(import, row->line, "id: is missing");
    else if (!is_id(row->id) || strlen(row->id) > DU_MEMBER_ID_MOST)
        du_import_found(
            import, row->line,
            "id: found \"%.40s\", allowed are letters, digits, '.', '_' and '-', at most %d",
            row->id, DU_MEMBER_ID_MOST);
    if (row->email != NULL && !is_email(row->email))
        du_import_found(import, row->line, "email: found \"%.60s\", which is no address",
                        row->email);
    if (row->password_hash != NULL && row->password_hash[0] == '\0')
        row->password_hash = NULL;
    if (row->password_hash != NULL && !du_password_is_hash(row->password_hash))
        du_import_found(
            import, row->line,
            "password_hash: it is of no known sort (argon2id, bcrypt, PBKDF2), or asks too"
            " much");
    for (char *at = row->entitlements; at != NULL && *at != '\0'; at++)
        if (*at == ',' || *at == ';' || *at == '\n')
            *at = ' ';
}

static void add_row(struct du_import *import, const struct du_csv *csv,
                    const struct header *header) {
    struct du_import_row *row = &import->rows[import->count];
    size_t before = import->findings.size;
    *row = (struct du_import_row){.line = csv->record_line};
    if (csv->count != header->count) {
        du_import_found(import, row->line, "found %zu fields, the first line has %zu", csv->count,
                        header->count);
    } else {
        row->id = field_of(csv, header, ID);
        row->email = field_of(csv, header, EMAIL);
        row->password_hash = field_of(csv, header, PASSWORD_HASH);
        row->entitlements = field_of(csv, header, ENTITLEMENTS);
        check_row(import, row);
        check_flag(import, row, ACTIVE, field_of(csv, header, ACTIVE), &row->active);
        check_flag(import, row, ADMIN, field_of(csv, header, ADMIN), &row->admin);
    }
    if (import->findings.size == before)
        import->count++;
    else
        import->bad++;
}

/* Room for as many rows as there are lines. */
static bool make_room(struct du_import *import) {
    size_t lines = 1;
    for (const char *at = import->text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    import->rows = du_calloc(lines, sizeof *import->rows);
    import->by_id = du_calloc(lines, sizeof(struct du_import_row *));
    return import->rows != NULL && import->by_id != NULL;
}

static void read_rows(struct du_import *import) {
    struct du_csv csv;
    struct header header;
    du_csv_init(&csv, import->text);
    if (!read_header(import, &csv, &header))
        return;
    for (enum du_csv_step step; (step = du_csv_next(&csv)) != DU_CSV_END;) {
        if (step == DU_CSV_RECORD) {
            add_row(import, &csv, &header);
        } else {
            du_import_found(import, csv.record_line, "%s", csv.wrong);
            import->bad++;
        }
    }
}

/* What is there twice ----------------------------------------------------------------------- */

static int by_line(const struct du_import_row *a, const struct du_import_row *b) {
    return a->line < b->line ? -1 : a->line > b->line;
}

static int by_id(const void *a, const void *b) {
    const struct du_import_row *left = *(struct du_import_row *const *)a,
                               *right = *(struct du_import_row *const *)b;
    int order = strcmp(left->id, right->id);
    return order != 0 ? order : by_line(left, right);
}

static int by_email(const void *a, const void *b) {
    const struct du_import_row *left = *(struct du_import_row *const *)a,
                               *right = *(struct du_import_row *const *)b;
    int order = du_member_compare_email(left->email, right->email);
    return order != 0 ? order : by_line(left, right);
}

/* Sorts the rows that are left and takes out those that are like the one before. */
static void drop_twins(struct du_import *import, const char *column,
                       int (*compare)(const void *, const void *),
                       const char *(*key)(const struct du_import_row *),
                       int (*compare_keys)(const char *, const char *)) {
    size_t kept = 0;
    if (import->good == 0)
        return;
    qsort(import->by_id, import->good, sizeof(struct du_import_row *), compare);
    for (size_t i = 0; i < import->good; i++) {
        struct du_import_row *row = import->by_id[i];
        const struct du_import_row *last = kept > 0 ? import->by_id[kept - 1] : NULL;
        if (last == NULL || compare_keys(key(row), key(last)) != 0) {
            import->by_id[kept++] = row;
            continue;
        }
        du_import_found(import, row->line, "%s: \"%.60s\" is on line %zu already", column, key(row),
                        last->line);
        import->bad++;
    }
    import->good = kept;
}

static const char *id_of(const struct du_import_row *row) {
    return row->id;
}

static const char *email_of(const struct du_import_row *row) {
    return row->email;
}

static void find_twins(struct du_import *import) {
    for (size_t i = 0; i < import->count; i++)
        import->by_id[import->good++] = &import->rows[i];
    drop_twins(import, "id", by_id, id_of, strcmp);
    if (import->good > 0 && import->by_id[0]->email != NULL) {
        drop_twins(import, "email", by_email, email_of, du_member_compare_email);
        qsort(import->by_id, import->good, sizeof(struct du_import_row *), by_id);
    }
}

enum du_error_kind du_import_read(struct du_import *import, const char *csv, size_t size) {
    du_bytes_init(&import->findings);
    import->text = du_memdup(csv, size);
    if (import->text == NULL || !make_room(import))
        return DU_MEMORY;
    if (strlen(import->text) != size)
        du_import_found(import, 1, "the file has a NUL in it: it is no text");
    else if (!du_bytes_is_utf8(import->text, size))
        du_import_found(import, 1, "the file is no UTF-8");
    else
        read_rows(import);
    find_twins(import);
    return du_bytes_check(&import->findings);
}

void du_import_deinit(struct du_import *import) {
    for (size_t i = 0; i < import->count; i++)
        if (import->rows[i].after != NULL)
            du_member_unref(&import->rows[i].after);
    du_bytes_deinit(&import->findings);
    du_free(import->rows);
    du_free(import->by_id);
    du_free(import->text);
}
