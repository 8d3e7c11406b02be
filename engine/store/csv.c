#include "csv.h"

#include <stdbool.h>
#include <string.h>

void du_csv_init(struct du_csv *csv, char *text) {
    static const char mark[] = "\xef\xbb\xbf";
    if (strncmp(text, mark, sizeof mark - 1) == 0)
        text += sizeof mark - 1;
    size_t first = strcspn(text, "\r\n");
    bool semicolon = memchr(text, ',', first) == NULL && memchr(text, ';', first) != NULL;
    *csv = (struct du_csv){.at = text, .line = 1, .separator = semicolon ? ';' : ','};
}

static bool is_end_of_line(const char *at) {
    return *at == '\n' || *at == '\0' || (*at == '\r' && (at[1] == '\n' || at[1] == '\0'));
}

/* Moves over the end of a line. */
static void skip_end(struct du_csv *csv) {
    csv->at += *csv->at == '\r';
    if (*csv->at == '\n') {
        csv->at++;
        csv->line++;
    }
}

static void skip_blanks(struct du_csv *csv) {
    csv->at += strspn(csv->at, " \t");
}

/* at is behind the opening quote; then behind the closing one. Where the text ends; NULL: no
 * closing quote. */
static char *read_quoted(struct du_csv *csv) {
    char *out = csv->at;
    for (; *csv->at != '\0'; csv->at++) {
        if (*csv->at == '"' && csv->at[1] != '"') {
            csv->at++;
            return out;
        }
        csv->at += *csv->at == '"';
        csv->line += *csv->at == '\n';
        *out++ = *csv->at;
    }
    return NULL;
}

static char *read_plain(struct du_csv *csv) {
    char *end = csv->at;
    for (; *csv->at != csv->separator && !is_end_of_line(csv->at); csv->at++) {
        if (*csv->at == '"')
            csv->wrong = "a quote within a field: quote the whole field, and double the quote";
        if (*csv->at != ' ' && *csv->at != '\t')
            end = csv->at + 1;
    }
    return end;
}

/* Reads one field. Then at is at what ended it, which may lie under the field's NUL: *ended. */
static bool read_field(struct du_csv *csv, char *ended) {
    skip_blanks(csv);
    bool quoted = *csv->at == '"';
    csv->at += quoted;
    char *start = csv->at, *end = quoted ? read_quoted(csv) : read_plain(csv);
    if (end == NULL)
        csv->wrong = "a quote that is never closed";
    else if (quoted)
        skip_blanks(csv);
    if (csv->wrong == NULL && *csv->at != csv->separator && !is_end_of_line(csv->at))
        csv->wrong = "text behind a closing quote";
    if (csv->wrong == NULL && csv->count == DU_CSV_FIELDS_MOST)
        csv->wrong = "too many fields";
    if (csv->wrong != NULL)
        return false;
    *ended = *csv->at;
    csv->fields[csv->count++] = start;
    if (*ended == csv->separator)
        csv->at++;
    else
        skip_end(csv);
    *end = '\0';
    return true;
}

enum du_csv_step du_csv_next(struct du_csv *csv) {
    char ended = csv->separator;
    csv->count = 0;
    csv->wrong = NULL;
    for (skip_blanks(csv); *csv->at != '\0' && is_end_of_line(csv->at); skip_blanks(csv))
        skip_end(csv);
    csv->record_line = csv->line;
    if (*csv->at == '\0')
        return DU_CSV_END;
    while (ended == csv->separator)
        if (!read_field(csv, &ended)) {
            while (!is_end_of_line(csv->at))
                csv->at++;
            skip_end(csv);
            return DU_CSV_WRONG;
        }
    return DU_CSV_RECORD;
}
