#include "clock.h"

#include <stdio.h>
#include <string.h>

enum { DAY_MS = 86400000 };

static int64_t system_ns(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void du_clock_init(struct du_clock *clock) {
    atomic_init(&clock->manual, false);
    atomic_init(&clock->wall_ms, 0);
    atomic_init(&clock->mono_ns, 0);
}

void du_clock_init_manual(struct du_clock *clock, int64_t wall_ms) {
    atomic_init(&clock->manual, true);
    atomic_init(&clock->wall_ms, wall_ms);
    atomic_init(&clock->mono_ns, 1000000000);
}

int64_t du_clock_wall_ms(const struct du_clock *clock) {
    int64_t base = atomic_load(&clock->wall_ms);
    return atomic_load(&clock->manual) ? base : base + system_ns(CLOCK_REALTIME) / 1000000;
}

int64_t du_clock_mono_ns(const struct du_clock *clock) {
    int64_t base = atomic_load(&clock->mono_ns);
    return atomic_load(&clock->manual) ? base : base + system_ns(CLOCK_MONOTONIC);
}

int64_t du_clock_mono_ms(const struct du_clock *clock) {
    return du_clock_mono_ns(clock) / 1000000;
}

void du_clock_advance(struct du_clock *clock, int64_t ms) {
    atomic_fetch_add(&clock->wall_ms, ms);
    atomic_fetch_add(&clock->mono_ns, ms * 1000000);
}

void du_clock_set(struct du_clock *clock, int64_t wall_ms) {
    int64_t system = atomic_load(&clock->manual) ? 0 : system_ns(CLOCK_REALTIME) / 1000000;
    atomic_store(&clock->wall_ms, wall_ms - system);
}

struct timespec du_clock_deadline(int64_t ms) {
    int64_t ns = system_ns(CLOCK_MONOTONIC) + ms * 1000000;
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

int32_t du_clock_day(int64_t wall_ms) {
    int64_t day = wall_ms / DAY_MS;
    return (int32_t)(wall_ms % DAY_MS < 0 ? day - 1 : day);
}

int64_t du_clock_day_left_secs(int64_t wall_ms) {
    int64_t end = ((int64_t)du_clock_day(wall_ms) + 1) * DAY_MS;
    return (end - wall_ms + 999) / 1000;
}

static struct tm *split(int64_t wall_ms, struct tm *parts) {
    time_t seconds = (time_t)((wall_ms - (wall_ms % 1000 + 1000) % 1000) / 1000);
    return gmtime_r(&seconds, parts);
}

static void two_digits(char *to, int number) {
    to[0] = (char)('0' + number / 10);
    to[1] = (char)('0' + number % 10);
}

/* By hand: every log line has one. */
const char *du_clock_rfc3339(int64_t wall_ms, char text[DU_CLOCK_TEXT]) {
    struct tm parts;
    text[0] = '\0';
    if (split(wall_ms, &parts) == NULL)
        return text;
    if (parts.tm_year < -900 || parts.tm_year >= 8100) {
        if (strftime(text, DU_CLOCK_TEXT, "%FT%TZ", &parts) == 0)
            text[0] = '\0';
        return text;
    }
    memcpy(text, "0000-00-00T00:00:00Z", sizeof "0000-00-00T00:00:00Z");
    two_digits(text, (parts.tm_year + 1900) / 100);
    two_digits(text + 2, (parts.tm_year + 1900) % 100);
    two_digits(text + 5, parts.tm_mon + 1);
    two_digits(text + 8, parts.tm_mday);
    two_digits(text + 11, parts.tm_hour);
    two_digits(text + 14, parts.tm_min);
    two_digits(text + 17, parts.tm_sec);
    return text;
}

const char *du_clock_http_date(int64_t wall_ms, char text[DU_CLOCK_TEXT]) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm parts;
    text[0] = '\0';
    if (split(wall_ms, &parts) != NULL)
        snprintf(text, DU_CLOCK_TEXT, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[parts.tm_wday],
                 parts.tm_mday, months[parts.tm_mon], (parts.tm_year + 1900) % 10000, parts.tm_hour,
                 parts.tm_min, parts.tm_sec);
    return text;
}

static bool join(struct tm *parts, int64_t *wall_ms) {
    struct tm wanted = *parts;
    time_t seconds = timegm(parts);
    if (parts->tm_mon != wanted.tm_mon || parts->tm_mday != wanted.tm_mday ||
        parts->tm_hour != wanted.tm_hour || parts->tm_min != wanted.tm_min)
        return false;
    *wall_ms = (int64_t)seconds * 1000;
    return true;
}

/* True when text begins like shape, where 0 stands for any digit. */
static bool shaped(const char *text, const char *shape) {
    for (; *shape != '\0'; shape++, text++)
        if (*shape == '0' ? *text < '0' || *text > '9' : *text != *shape)
            return false;
    return true;
}

static int number(const char *text, int digits) {
    int value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

/* "Z" or "+01:00"; false when it is neither. */
static bool zone(const char *text, int64_t *offset_ms) {
    *offset_ms = 0;
    if (strcmp(text, "Z") == 0)
        return true;
    if ((!shaped(text, "+00:00") && !shaped(text, "-00:00")) || text[6] != '\0')
        return false;
    int hours = number(text + 1, 2), minutes = number(text + 4, 2);
    *offset_ms = (*text == '-' ? -60000 : 60000) * ((int64_t)hours * 60 + minutes);
    return hours < 24 && minutes < 60;
}

bool du_clock_parse_rfc3339(const char *text, int64_t *wall_ms) {
    if (!shaped(text, "0000-00-00T00:00:00") && !shaped(text, "0000-00-00 00:00:00"))
        return false;
    struct tm parts = {.tm_year = number(text, 4) - 1900,
                       .tm_mon = number(text + 5, 2) - 1,
                       .tm_mday = number(text + 8, 2),
                       .tm_hour = number(text + 11, 2),
                       .tm_min = number(text + 14, 2),
                       .tm_sec = number(text + 17, 2)};
    const char *rest = text + 19;
    if (shaped(rest, ".0"))
        rest += 1 + strspn(rest + 1, "0123456789");
    int64_t offset_ms;
    if (!zone(rest, &offset_ms) || !join(&parts, wall_ms))
        return false;
    *wall_ms -= offset_ms;
    return true;
}

bool du_clock_parse_http_date(const char *text, int64_t *wall_ms) {
    /* The one that is sent, and the two that must be understood (RFC 9110 section 5.6.7). */
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %e %H:%M:%S %Y"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm parts = {0};
        const char *rest = strptime(text, forms[i], &parts);
        if (rest != NULL && *rest == '\0' && join(&parts, wall_ms))
            return true;
    }
    return false;
}
