#include "credentials.h"

#include "list.h"
#include "map.h"
#include "mem.h"
#include "password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

enum { MAC = 32, TEXT_MOST = DU_MEMBER_ID_MOST + 256 + DU_PASSWORD_MOST + 2 };

struct known {
    UT_hash_handle hh;
    struct du_list node; /* in age */
    int64_t until_ms;
    unsigned char mac[MAC];
};

struct du_credentials {
    const struct du_clock *clock;
    size_t most;
    int64_t ttl_ms;
    unsigned char key[MAC];
    pthread_mutex_t lock; /* all below */
    struct known *known;
    struct du_list age; /* the oldest first */
};

enum du_error_kind du_credentials_new(struct du_credentials **credentials, struct du_base *base,
                                      size_t most, int64_t ttl_ms) {
    struct du_credentials *made = du_calloc(1, sizeof *made);
    *credentials = NULL;
    if (made == NULL)
        return DU_MEMORY;
    if (getrandom(made->key, sizeof made->key, 0) != (ssize_t)sizeof made->key) {
        du_free(made);
        return DU_STORE;
    }
    made->clock = &base->clock;
    made->most = most;
    made->ttl_ms = ttl_ms;
    du_list_init(&made->age);
    pthread_mutex_init(&made->lock, NULL);
    *credentials = made;
    return DU_OK;
}

void du_credentials_free(struct du_credentials **credentials) {
    if (*credentials == NULL)
        return;
    du_credentials_clear(*credentials);
    pthread_mutex_destroy(&(*credentials)->lock);
    OPENSSL_cleanse((*credentials)->key, sizeof(*credentials)->key);
    du_free(*credentials);
    *credentials = NULL;
}

/* Id and hash hold no NUL, so the parts cannot run into each other. */
static bool mac_of(const struct du_credentials *credentials, const struct du_member *member,
                   const char *password, size_t size, unsigned char mac[MAC]) {
    unsigned char text[TEXT_MOST];
    size_t id = strlen(member->id) + 1, hash = strlen(member->password_hash) + 1;
    if (id + hash + size > sizeof text)
        return false;
    memcpy(text, member->id, id);
    memcpy(text + id, member->password_hash, hash);
    memcpy(text + id + hash, password, size);
    bool good = HMAC(EVP_sha256(), credentials->key, sizeof credentials->key, text,
                     id + hash + size, mac, NULL) != NULL;
    OPENSSL_cleanse(text, sizeof text);
    return good;
}

static void drop(struct du_credentials *credentials, struct known *known) {
    HASH_DEL(credentials->known, known);
    du_list_remove(&known->node);
    du_free(known);
}

static struct known *find(struct du_credentials *credentials, const unsigned char mac[MAC]) {
    struct known *known;
    HASH_FIND(hh, credentials->known, mac, MAC, known);
    return known;
}

bool du_credentials_known(struct du_credentials *credentials, const struct du_member *member,
                          const char *password, size_t size) {
    unsigned char mac[MAC];
    if (!mac_of(credentials, member, password, size, mac))
        return false;
    int64_t now = du_clock_mono_ms(credentials->clock);
    pthread_mutex_lock(&credentials->lock);
    struct known *known = find(credentials, mac);
    bool fresh = known != NULL && now < known->until_ms;
    if (known != NULL && !fresh)
        drop(credentials, known);
    pthread_mutex_unlock(&credentials->lock);
    return fresh;
}

static void add(struct du_credentials *credentials, const unsigned char mac[MAC],
                int64_t until_ms) {
    struct known *known = du_calloc(1, sizeof *known);
    if (known == NULL)
        return;
    memcpy(known->mac, mac, MAC);
    known->until_ms = until_ms;
    HASH_ADD(hh, credentials->known, mac, MAC, known);
    if (du_map_failed(known)) {
        du_free(known);
        return;
    }
    du_list_append(&credentials->age, &known->node);
    if (HASH_COUNT(credentials->known) > credentials->most)
        drop(credentials, du_container_of(credentials->age.next, struct known, node));
}

void du_credentials_remember(struct du_credentials *credentials, const struct du_member *member,
                             const char *password, size_t size) {
    unsigned char mac[MAC];
    if (!mac_of(credentials, member, password, size, mac))
        return;
    int64_t until = du_clock_mono_ms(credentials->clock) + credentials->ttl_ms;
    pthread_mutex_lock(&credentials->lock);
    struct known *known = find(credentials, mac);
    if (known != NULL)
        drop(credentials, known);
    add(credentials, mac, until);
    pthread_mutex_unlock(&credentials->lock);
}

void du_credentials_clear(struct du_credentials *credentials) {
    pthread_mutex_lock(&credentials->lock);
    while (!du_list_empty(&credentials->age))
        drop(credentials, du_container_of(credentials->age.next, struct known, node));
    pthread_mutex_unlock(&credentials->lock);
}

size_t du_credentials_count(struct du_credentials *credentials) {
    pthread_mutex_lock(&credentials->lock);
    size_t count = HASH_COUNT(credentials->known);
    pthread_mutex_unlock(&credentials->lock);
    return count;
}
