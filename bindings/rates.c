#include "rates.h"

#define RULE(n)                                                                                    \
    { "script", n, 60 * 1000 }
#define RULES10(n)                                                                                 \
    RULE(n), RULE(n + 1), RULE(n + 2), RULE(n + 3), RULE(n + 4), RULE(n + 5), RULE(n + 6),         \
        RULE(n + 7), RULE(n + 8), RULE(n + 9)
#define RULES100(n)                                                                                \
    RULES10(n), RULES10(n + 10), RULES10(n + 20), RULES10(n + 30), RULES10(n + 40),                \
        RULES10(n + 50), RULES10(n + 60), RULES10(n + 70), RULES10(n + 80), RULES10(n + 90)

enum du_error_kind du_rates_new(struct du_rate **rate, size_t keys) {
    static const struct du_rate_rule rules[DU_RATES_MOST] = {
        RULES100(1),   RULES100(101), RULES100(201), RULES100(301), RULES100(401),
        RULES100(501), RULES100(601), RULES100(701), RULES100(801), RULES100(901)};
    return du_rate_new(rate, rules, DU_RATES_MOST, keys);
}
