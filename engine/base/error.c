#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum retry { RETRY_NEVER, RETRY_ALWAYS, RETRY_BY_STATUS };

struct row {
    const char *name;
    enum du_error_class class;
    int http;
    enum retry retry;
    const char *text;
};

static const struct row rows[] = {
    [DU_OK] = {"Ok", DU_CLASS_LOCAL, 200, RETRY_NEVER, "fine"},
#define DU_ERROR(constant, name, class, http, retry, text)                                         \
    [DU_##constant] = {#name, DU_CLASS_##class, http, RETRY_##retry, text},
#include "error.def"
#undef DU_ERROR
};

const char *du_error_name(enum du_error_kind kind) {
    return rows[kind].name;
}

const char *du_error_text(enum du_error_kind kind) {
    return rows[kind].text;
}

enum du_error_class du_error_class(enum du_error_kind kind) {
    return rows[kind].class;
}

const char *du_error_class_name(enum du_error_class class) {
    switch (class) {
    case DU_CLASS_NOT_FOUND:
        return "NotFound";
    case DU_CLASS_UPSTREAM:
        return "Upstream";
    case DU_CLASS_LOCAL:
        return "Local";
    }
    return "";
}

int du_error_http(enum du_error_kind kind) {
    return rows[kind].http;
}

bool du_error_retryable(const struct du_error *error) {
    switch (rows[error->kind].retry) {
    case RETRY_NEVER:
        return false;
    case RETRY_ALWAYS:
        return true;
    case RETRY_BY_STATUS:
        return error->status == 429 || error->status >= 500;
    }
    return false;
}

bool du_error_kind_of(const char *name, enum du_error_kind *kind) {
    for (size_t i = 1; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *kind = (enum du_error_kind)i;
            return true;
        }
    }
    return false;
}

struct du_error du_error_of(enum du_error_kind kind) {
    return (struct du_error){.kind = kind, .retry_after = -1};
}

enum du_error_kind du_error_set(struct du_error *error, enum du_error_kind kind, const char *format,
                                ...) {
    if (error != NULL) {
        *error = du_error_of(kind);
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return kind;
}

enum du_error_kind du_error_errno(struct du_error *error, int number, const char *what,
                                  const char *path) {
    enum du_error_kind kind = number == ENOMEM ? DU_MEMORY : DU_IO;
    char text[96] = "";
    const char *reason = strerror_r(number, text, sizeof text);
    return du_error_set(error, kind, "%s %s: %s", what, path, reason);
}
