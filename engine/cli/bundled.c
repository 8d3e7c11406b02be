#include "bundled.h"

#include "digest.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char program_path[] = "/proc/self/exe";
enum { HEADER = 8 }; /* the two lengths before a script */

/* Found in a program's file by its mark, which stands nowhere else in it. `size` 0: no payload. */
struct slot {
    unsigned char mark[16];
    uint64_t offset, size;
    struct du_digest digest;
};
static const volatile struct slot own_slot = {
    .mark = {0x9d, 'd', 'u', 'n', 'i', 't', 'e', 0xb3, 'b', 'u', 'n', 'd', 'l', 'e', 0xf1, 1}};

static struct {
    char *payload;
    struct du_scripts scripts;
} bundled;

/* A copy that the compiler cannot foresee: the file was changed after it was linked. */
static struct slot read_slot(void) {
    struct slot slot;
    const volatile unsigned char *from = (const volatile unsigned char *)&own_slot;
    for (size_t i = 0; i < sizeof slot; i++)
        ((unsigned char *)&slot)[i] = from[i];
    return slot;
}

/* Reads `size` bytes from `offset` on; fewer when the file ends before. -1: see errno. */
static ssize_t read_at(char *out, uint64_t offset, size_t size) {
    int fd = open(program_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t at = 0;
    ssize_t got = 1;
    while (at < size && got != 0) {
        got = pread(fd, out + at, size - at, (off_t)(offset + at));
        if (got < 0 && errno != EINTR)
            break;
        at += got > 0 ? (size_t)got : 0;
    }
    int error = errno;
    close(fd);
    errno = error;
    return got < 0 ? -1 : (ssize_t)at;
}

static uint32_t number_at(const char *bytes) {
    const unsigned char *b = (const unsigned char *)bytes;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Gives where the script at `at` ends; 0 when the payload does not hold it. */
static size_t script_at(const char *payload, size_t size, size_t at,
                        struct du_embedded_script *script) {
    if (size - at < HEADER)
        return 0;
    size_t name = number_at(payload + at), text = number_at(payload + at + 4);
    if (size - at - HEADER < name + text + 2)
        return 0;
    script->name = payload + at + HEADER;
    script->source = script->name + name + 1;
    script->size = text;
    return at + HEADER + name + text + 2;
}

/* Counts the scripts, and notes them when there is room for them. False: the payload is malformed.
 */
static bool list_scripts(size_t size, struct du_embedded_script *list, size_t *count) {
    *count = 0;
    for (size_t at = 0; at < size; ++*count) {
        struct du_embedded_script script;
        at = script_at(bundled.payload, size, at, &script);
        if (at == 0)
            return false;
        if (list != NULL)
            list[*count] = script;
    }
    return true;
}

static const char *load(const struct slot *slot) {
    struct du_digest digest;
    size_t size = (size_t)slot->size, count;
    bundled.payload = du_malloc(size);
    if (bundled.payload == NULL)
        return "out of memory for the bundle";
    ssize_t got = read_at(bundled.payload, slot->offset, size);
    if (got < 0)
        return strerror(errno);
    if ((size_t)got < size)
        return "this bundle is truncated: the scripts at its end are not all there; copy it again";
    if (du_digest_of(bundled.payload, size, &digest) != DU_OK ||
        !du_digest_equal(&digest, &slot->digest) || !list_scripts(size, NULL, &count))
        return "this bundle is damaged: its scripts are not those it was made with; copy it again";
    struct du_embedded_script *list = du_calloc(count, sizeof *list);
    if (list == NULL)
        return "out of memory for the bundle";
    list_scripts(size, list, &count);
    bundled.scripts = (struct du_scripts){list, count};
    return NULL;
}

bool du_bundled_open(void) {
    struct slot slot = read_slot();
    const char *wrong = slot.size > 0 ? load(&slot) : NULL;
    if (wrong == NULL)
        return true;
    fprintf(stderr, "dunite: %s\n", wrong);
    du_bundled_close();
    return false;
}

void du_bundled_close(void) {
    du_free((void *)bundled.scripts.list);
    du_free(bundled.payload);
    memset(&bundled, 0, sizeof bundled);
}

const struct du_scripts *du_bundled_scripts(void) {
    return bundled.scripts.list != NULL ? &bundled.scripts : NULL;
}

const struct du_scripts *du_bundled_unless(const char *folder) {
    return folder == NULL ? du_bundled_scripts() : NULL;
}

/* Making one. */

static void add_number(struct du_bytes *payload, size_t number) {
    for (int i = 0; i < 4; i++)
        du_bytes_add(payload, &(unsigned char){(unsigned char)(number >> (8 * i))}, 1);
}

void du_bundled_add(struct du_bytes *payload, const char *name, const char *text, size_t size) {
    add_number(payload, strlen(name));
    add_number(payload, size);
    du_bytes_add(payload, name, strlen(name) + 1);
    du_bytes_add(payload, text, size);
    du_bytes_add(payload, "", 1);
}

bool du_bundled_make(struct du_bytes *program, const struct du_bytes *payload) {
    struct slot slot = read_slot();
    char *place = memmem(program->data, program->size, slot.mark, sizeof slot.mark);
    slot.offset = program->size;
    slot.size = payload->size;
    if (place == NULL || du_digest_of(payload->data, payload->size, &slot.digest) != DU_OK)
        return false;
    memcpy(place, &slot, sizeof slot);
    du_bytes_add(program, payload->data, payload->size);
    return du_bytes_check(program) == DU_OK && du_bytes_check(payload) == DU_OK;
}

bool du_bundled_program(struct du_bytes *program) {
    struct slot slot = read_slot();
    int fd = open(program_path, O_RDONLY | O_CLOEXEC);
    off_t end = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    if (fd >= 0)
        close(fd);
    if (end < 0)
        return false;
    size_t size = slot.size > 0 ? (size_t)slot.offset : (size_t)end;
    char *room = du_bytes_reserve(program, size);
    ssize_t got = room != NULL ? read_at(room, 0, size) : -1;
    if (got > 0)
        du_bytes_grew(program, (size_t)got);
    return got == (ssize_t)size;
}
