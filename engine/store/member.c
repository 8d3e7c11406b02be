#include "bytes.h"
#include "mem.h"
#include "members_int.h"
#include "password.h"

#include <stdlib.h>
#include <string.h>

enum { HASH_MOST = 255 };

/* Checks ------------------------------------------------------------------------------------ */

/* No spaces, no controls: names go into logs, headers and space-parted lists. */
static bool is_name(const char *text, size_t size, size_t most) {
    if (size == 0 || size > most)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 127)
            return false;
    return true;
}

static bool is_hash(const char *text) {
    static const char prefix[] = "$argon2id$";
    return text[0] == '\0' ||
           (strncmp(text, prefix, sizeof prefix - 1) == 0 && strlen(text) <= HASH_MOST) ||
           du_password_is_foreign(text);
}

static enum du_error_kind check(const struct du_member_source *source, struct du_error *error) {
    if (!is_name(source->id, strlen(source->id), DU_MEMBER_ID_MOST))
        return du_error_set(error, DU_STORE, "\"%.40s\" is no id for a member", source->id);
    if (!is_name(source->email, strlen(source->email), DU_MEMBER_EMAIL_MOST) ||
        strchr(source->email, '@') == NULL)
        return du_error_set(error, DU_STORE, "member %s: \"%.40s\" is no e-mail address",
                            source->id, source->email);
    if (!is_hash(source->password_hash))
        return du_error_set(error, DU_STORE,
                            "member %s: the password hash is of no known sort (argon2id, bcrypt,"
                            " PBKDF2)",
                            source->id);
    return DU_OK;
}

/* Entitlements ------------------------------------------------------------------------------ */

char *du_member_join(const char *const *entitlements, size_t count) {
    struct du_bytes text;
    du_bytes_init(&text);
    du_bytes_add(&text, "", 0);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            du_bytes_text(&text, " ");
        du_bytes_text(&text, entitlements[i]);
    }
    char *joined = du_bytes_check(&text) == DU_OK
                       ? du_memdup(text.size > 0 ? text.data : "", text.size)
                       : NULL;
    du_bytes_deinit(&text);
    return joined;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Parts text in place; how many there are, sorted, each once. */
static size_t part(char *text, const char **entitlements) {
    size_t count = 0, kept = 0;
    char *rest = text;
    for (const char *word; (word = strtok_r(rest, " ", &rest)) != NULL;)
        entitlements[count++] = word;
    qsort(entitlements, count, sizeof *entitlements, by_text);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(entitlements[i], entitlements[kept - 1]) != 0)
            entitlements[kept++] = entitlements[i];
    return kept;
}

static size_t words(const char *text) {
    size_t count = 0;
    for (const char *at = text; *at != '\0'; at++)
        count += *at != ' ' && (at == text || at[-1] == ' ');
    return count;
}

static enum du_error_kind check_entitlements(const struct du_member_source *source,
                                             struct du_error *error) {
    if (words(source->entitlements) > DU_MEMBER_ENTITLEMENTS_MOST)
        return du_error_set(error, DU_STORE, "member %s: more than %d entitlements", source->id,
                            DU_MEMBER_ENTITLEMENTS_MOST);
    for (const char *at = source->entitlements; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            return du_error_set(error, DU_STORE, "member %s: a malformed entitlement", source->id);
    return DU_OK;
}

bool du_member_entitled(const struct du_member *member, const char *application) {
    return member->entitlement_count > 0 &&
           bsearch(&application, member->entitlements, member->entitlement_count,
                   sizeof *member->entitlements, by_text) != NULL;
}

/* Making ------------------------------------------------------------------------------------ */

static void member_free(struct du_value *value) {
    du_free(value);
}

static char *keep(char **at, const char *text) {
    size_t size = strlen(text) + 1;
    char *kept = memcpy(*at, text, size);
    *at += size;
    return kept;
}

/* One block: the member, its list, its texts. */
static struct du_member *make(const struct du_member_source *source) {
    static const struct du_value_type type = {"member", member_free};
    size_t list = words(source->entitlements) * sizeof(char *);
    size_t texts = strlen(source->id) + strlen(source->email) + strlen(source->password_hash) +
                   strlen(source->entitlements) + 4;
    struct du_member *member = du_malloc(sizeof *member + list + texts);
    if (member == NULL)
        return NULL;
    const char **entitlements = (const char **)(member + 1);
    char *at = (char *)entitlements + list;
    du_value_init(&member->value, &type);
    member->id = keep(&at, source->id);
    member->email = keep(&at, source->email);
    member->password_hash = keep(&at, source->password_hash);
    member->active = source->active;
    member->admin = source->admin;
    member->fixed = source->fixed;
    member->created_ms = source->created_ms;
    member->entitlements = entitlements;
    member->entitlement_count = part(keep(&at, source->entitlements), entitlements);
    return member;
}

enum du_error_kind du_member_new(struct du_member **member, const struct du_member_source *source,
                                 struct du_error *error) {
    *member = NULL;
    enum du_error_kind kind = check(source, error);
    if (kind == DU_OK)
        kind = check_entitlements(source, error);
    if (kind != DU_OK)
        return kind;
    *member = make(source);
    return *member != NULL ? DU_OK : du_error_set(error, DU_MEMORY, "member %s", source->id);
}

void du_member_unref(struct du_member **member) {
    struct du_value *value = *member != NULL ? &(*member)->value : NULL;
    *member = NULL;
    du_value_unref(&value);
}
