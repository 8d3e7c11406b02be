#include "service.h"

#include "clock.h"
#include "notify.h"
#include "server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_SOCKET = 3 }; /* SD_LISTEN_FDS_START */

static long number_of(const char *name) {
    const char *text = getenv(name);
    char *end;
    long number = text != NULL ? strtol(text, &end, 10) : -1;
    return text != NULL && *text != '\0' && *end == '\0' ? number : -1;
}

static bool is_for_us(const char *name) {
    return getenv(name) == NULL || number_of(name) == (long)getpid();
}

/* The names that LISTEN_FDNAMES gives, with colons between them. */
static void find_sockets(struct du_service *service) {
    long count = is_for_us("LISTEN_PID") ? number_of("LISTEN_FDS") : 0;
    const char *names = getenv("LISTEN_FDNAMES");
    int found = 0;
    for (; found < count && found < DU_SERVICE_SOCKETS; found++) {
        size_t size = names != NULL ? strcspn(names, ":") : 0;
        service->for_admin[found] = size == 5 && memcmp(names, "admin", 5) == 0;
        service->sockets[found] = FIRST_SOCKET + found;
        fcntl(FIRST_SOCKET + found, F_SETFD, FD_CLOEXEC);
        if (names != NULL)
            names += size + (names[size] == ':');
    }
    service->sockets[found] = -1;
}

void du_service_open(struct du_service *service) {
    static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                            "LISTEN_PID",    "LISTEN_FDS",    "LISTEN_FDNAMES"};
    memset(service, 0, sizeof *service);
    const char *manager = getenv("NOTIFY_SOCKET");
    service->manager = manager != NULL ? du_notify_new(manager) : NULL;
    find_sockets(service);
    long watchdog_us = is_for_us("WATCHDOG_PID") ? number_of("WATCHDOG_USEC") : 0;
    service->watchdog_ms = watchdog_us > 0 ? watchdog_us / 1000 : 0;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
}

void du_service_close(struct du_service *service) {
    if (service->manager != NULL)
        du_notify_free(&service->manager);
}

void du_service_tell(const struct du_service *service, const char *state) {
    if (service->manager != NULL)
        du_notify_send(service->manager, state);
}

void du_service_tell_reloading(const struct du_service *service) {
    char state[64];
    struct du_clock clock;
    du_clock_init(&clock);
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)(du_clock_mono_ns(&clock) / 1000));
    du_service_tell(service, state);
}

/* The addresses of those that are (or are not) for admin, as a member of the object. */
static bool add_addresses(const struct du_service *service, const char *key, bool for_admin,
                          struct du_bytes *json) {
    struct du_error error;
    bool any = false;
    for (int i = 0; service->sockets[i] >= 0; i++) {
        struct du_bytes address;
        if (service->for_admin[i] != for_admin)
            continue;
        du_bytes_init(&address);
        if (du_socket_name(service->sockets[i], &address, &error) != DU_OK) {
            fprintf(stderr, "dunite: descriptor %d of LISTEN_FDS: %s\n", service->sockets[i],
                    error.message);
            du_bytes_deinit(&address);
            return false;
        }
        if (any)
            du_bytes_text(json, ",");
        else
            du_bytes_format(json, "%s\"%s\":[", json->size > 1 ? "," : "", key);
        any = true;
        du_bytes_json(json, address.data, address.size);
        du_bytes_deinit(&address);
    }
    if (any)
        du_bytes_text(json, "]");
    return true;
}

bool du_service_override(const struct du_service *service, struct du_bytes *overrides) {
    if (service->sockets[0] < 0 || overrides->failed)
        return true;
    overrides->data[--overrides->size] = '\0'; /* the brace comes back at the end */
    bool fine = add_addresses(service, "listen", false, overrides) &&
                add_addresses(service, "admin_listen", true, overrides);
    du_bytes_text(overrides, "}");
    return fine;
}
