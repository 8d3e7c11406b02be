#include "limit_denial.h"

struct row {
    const char *name, *text;
};

static const struct row rows[] = {
#define DU_LIMIT_DENIAL(constant, name, fields, text) [DU_DENIAL_##constant] = {#name, text},
#include "limit_denial.def"
#undef DU_LIMIT_DENIAL
};

const char *du_limit_denial_name(enum du_limit_denial kind) {
    return rows[kind].name;
}

const char *du_limit_denial_text(enum du_limit_denial kind) {
    return rows[kind].text;
}
