#include "lua_json.h"

#include "box.h"
#include "bytes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    lua_State *L;
    const char *start, *at, *end;
    struct du_bytes *string; /* the string in the making */
    const char *wrong;       /* why it is no JSON; NULL while it is */
    int depth;
};

/* All of these say whether it went well; on failure `wrong` is set and nothing is pushed for sure.
 */
static bool read_value(struct reader *reader);

static bool fail(struct reader *reader, const char *why) {
    if (reader->wrong == NULL)
        reader->wrong = why;
    return false;
}

static void skip_space(struct reader *reader) {
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL && *reader->at != 0)
        reader->at++;
}

static bool take(struct reader *reader, char wanted) {
    if (reader->at == reader->end || *reader->at != wanted)
        return false;
    reader->at++;
    return true;
}

static bool digit_here(const struct reader *reader) {
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool skip_digits(struct reader *reader) {
    if (!digit_here(reader))
        return fail(reader, "a number without digits");
    while (digit_here(reader))
        reader->at++;
    return true;
}

static bool push_integer(struct reader *reader, const char *from) {
    errno = 0;
    long long value = strtoll(from, NULL, 10);
    bool exact = errno == 0 && (double)value < 0x1p63 && (long long)(double)value == value;
    if (!exact)
        return fail(reader, "an integer that a double cannot hold");
    lua_pushinteger(reader->L, value);
    return true;
}

static bool read_number(struct reader *reader) {
    const char *from = reader->at;
    bool whole = true;
    take(reader, '-');
    if (!take(reader, '0') && !skip_digits(reader))
        return false;
    if (take(reader, '.')) {
        whole = false;
        if (!skip_digits(reader))
            return false;
    }
    if (take(reader, 'e') || take(reader, 'E')) {
        whole = false;
        if (!take(reader, '+'))
            take(reader, '-');
        if (!skip_digits(reader))
            return false;
    }
    if (whole)
        return push_integer(reader, from);
    double number = strtod(from, NULL);
    if (!isfinite(number))
        return fail(reader, "a number that a double cannot hold");
    lua_pushnumber(reader->L, number);
    return true;
}

static bool read_hex4(struct reader *reader, unsigned *code) {
    unsigned char bytes[2];
    if (reader->end - reader->at < 4 || !du_bytes_unhex(reader->at, 4, bytes))
        return fail(reader, "a \\u without four hex digits");
    *code = (unsigned)bytes[0] << 8 | bytes[1];
    reader->at += 4;
    return true;
}

static void add_utf8(struct du_bytes *bytes, unsigned code) {
    char text[4];
    size_t size = 0;
    if (code < 0x80) {
        text[size++] = (char)code;
    } else if (code < 0x800) {
        text[size++] = (char)(0xC0 | code >> 6);
    } else if (code < 0x10000) {
        text[size++] = (char)(0xE0 | code >> 12);
        text[size++] = (char)(0x80 | (code >> 6 & 0x3F));
    } else {
        text[size++] = (char)(0xF0 | code >> 18);
        text[size++] = (char)(0x80 | (code >> 12 & 0x3F));
        text[size++] = (char)(0x80 | (code >> 6 & 0x3F));
    }
    if (code >= 0x80)
        text[size++] = (char)(0x80 | (code & 0x3F));
    du_bytes_add(bytes, text, size);
}

/* What follows \u: one code unit, or the two of a surrogate pair. */
static bool read_unicode(struct reader *reader) {
    unsigned code, low;
    if (!read_hex4(reader, &code))
        return false;
    if (code >= 0xD800 && code < 0xE000) {
        if (code >= 0xDC00 || !take(reader, '\\') || !take(reader, 'u') ||
            !read_hex4(reader, &low) || low < 0xDC00 || low > 0xDFFF)
            return fail(reader, "half a surrogate pair");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    add_utf8(reader->string, code);
    return true;
}

static bool read_escape(struct reader *reader) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end)
        return fail(reader, "a string without an end");
    char letter = *reader->at++;
    if (letter == 'u')
        return read_unicode(reader);
    const char *found = letter != '\0' ? strchr(from, letter) : NULL;
    if (found == NULL)
        return fail(reader, "an unknown escape in a string");
    du_bytes_add(reader->string, &to[found - from], 1);
    return true;
}

static bool read_string(struct reader *reader) {
    if (!take(reader, '"'))
        return fail(reader, "a key that is no string");
    du_bytes_clear(reader->string);
    while (reader->at < reader->end && *reader->at != '"') {
        unsigned char byte = (unsigned char)*reader->at;
        size_t size =
            du_lua_json_utf8((const unsigned char *)reader->at, (size_t)(reader->end - reader->at));
        if (byte < 0x20)
            return fail(reader, "a control character in a string");
        if (size == 0)
            return fail(reader, "text that is no UTF-8");
        if (byte == '\\') {
            reader->at++;
            if (!read_escape(reader))
                return false;
            continue;
        }
        du_bytes_add(reader->string, reader->at, size);
        reader->at += size;
    }
    if (!take(reader, '"'))
        return fail(reader, "a string without an end");
    if (reader->string->failed)
        return fail(reader, "out of memory");
    lua_pushlstring(reader->L, reader->string->size > 0 ? reader->string->data : "",
                    reader->string->size);
    return true;
}

static bool read_array(struct reader *reader) {
    lua_newtable(reader->L);
    du_lua_json_push_array_metatable(reader->L);
    lua_setmetatable(reader->L, -2);
    skip_space(reader);
    if (take(reader, ']'))
        return true;
    for (lua_Integer n = 1;; n++) {
        if (!read_value(reader))
            return false;
        lua_rawseti(reader->L, -2, n);
        skip_space(reader);
        if (take(reader, ']'))
            return true;
        if (!take(reader, ','))
            return fail(reader, "an array without ',' or ']' after a value");
    }
}

static bool read_object(struct reader *reader) {
    lua_newtable(reader->L);
    skip_space(reader);
    if (take(reader, '}'))
        return true;
    for (;;) {
        skip_space(reader);
        if (!read_string(reader))
            return false;
        skip_space(reader);
        if (!take(reader, ':'))
            return fail(reader, "a key without ':'");
        if (!read_value(reader))
            return false;
        lua_rawset(reader->L, -3);
        skip_space(reader);
        if (take(reader, '}'))
            return true;
        if (!take(reader, ','))
            return fail(reader, "an object without ',' or '}' after a value");
    }
}

static bool read_nested(struct reader *reader) {
    luaL_checkstack(reader->L, 6, NULL);
    if (++reader->depth > DU_LUA_JSON_DEPTH)
        return fail(reader, "more than 64 deep");
    bool fine = take(reader, '[') ? read_array(reader) : take(reader, '{') && read_object(reader);
    reader->depth--;
    return fine;
}

static bool read_word(struct reader *reader) {
    static const char *const words[] = {"false", "true", "null"};
    for (int i = 0; i < 3; i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, words[i], size) != 0)
            continue;
        reader->at += size;
        if (i == 2)
            lua_pushlightuserdata(reader->L, NULL);
        else
            lua_pushboolean(reader->L, i);
        return true;
    }
    return fail(reader, "something that is no JSON value");
}

static bool read_value(struct reader *reader) {
    skip_space(reader);
    if (reader->at == reader->end)
        return fail(reader, "an end where a value should be");
    char first = *reader->at;
    if (first == '{' || first == '[')
        return read_nested(reader);
    if (first == '"')
        return read_string(reader);
    if (first == '-' || digit_here(reader))
        return read_number(reader);
    return read_word(reader);
}

int du_lua_json_decode(lua_State *L, const char *text, size_t size) {
    int top = lua_gettop(L);
    if (size > DU_LUA_JSON_BYTES) {
        lua_pushnil(L);
        lua_pushliteral(L, "more than 8 MiB");
        return 2;
    }
    luaL_checkstack(L, 8, NULL);
    struct reader reader = {L, text, text, text + size, du_box_bytes(L), NULL, 0};
    bool fine = read_value(&reader);
    skip_space(&reader);
    if (fine && reader.at != reader.end)
        fine = fail(&reader, "something after the value");
    du_bytes_deinit(reader.string);
    if (fine)
        return 1;
    lua_settop(L, top);
    lua_pushnil(L);
    lua_pushfstring(L, "%s, at byte %d", reader.wrong, (int)(reader.at - reader.start) + 1);
    return 2;
}
