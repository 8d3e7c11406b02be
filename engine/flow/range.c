#include "range.h"

#include "clock.h"

#include <string.h>

/* What is left to read of a header's value. */
struct text {
    const char *at, *end;
};

static struct text text_of(struct du_slice slice) {
    return (struct text){slice.data, slice.data + slice.size};
}

static bool skip(struct text *text, char wanted) {
    if (text->at == text->end || *text->at != wanted)
        return false;
    text->at++;
    return true;
}

/* Blanks and the commas of empty list elements (RFC 9110 section 5.6.1.2). */
static void skip_to_element(struct text *text) {
    while (text->at < text->end && strchr(" \t,", *text->at) != NULL && *text->at != '\0')
        text->at++;
}

/* True at a comma or the end, which is where an element may end. */
static bool at_element_end(struct text *text) {
    while (skip(text, ' ') || skip(text, '\t'))
        continue;
    return text->at == text->end || *text->at == ',';
}

/* Entity tags (RFC 9110 section 8.8.3) ------------------------------------------------------- */

struct tag {
    bool weak;
    struct du_slice opaque; /* with its quotes */
};

static bool read_tag(struct text *text, struct tag *tag) {
    tag->weak = text->end - text->at > 2 && memcmp(text->at, "W/", 2) == 0;
    if (tag->weak)
        text->at += 2;
    const char *start = text->at;
    if (!skip(text, '"'))
        return false;
    const char *quote = memchr(text->at, '"', (size_t)(text->end - text->at));
    if (quote == NULL)
        return false;
    text->at = quote + 1;
    tag->opaque = (struct du_slice){start, (size_t)(text->at - start)};
    return true;
}

static bool tag_matches(const struct tag *tag, const char *etag, bool strong) {
    struct text own = text_of(du_slice_of(etag));
    struct tag thing;
    return read_tag(&own, &thing) && du_slice_equal(tag->opaque, thing.opaque) &&
           !(strong && (tag->weak || thing.weak));
}

/* "*" or a list of tags that has the thing's (RFC 9110 sections 13.1.1 and 13.1.2). */
static bool any_matches(struct du_slice list, const char *etag, bool strong) {
    struct text text = text_of(list);
    struct tag tag;
    if (du_slice_equal(list, DU_SLICE("*")))
        return true;
    for (skip_to_element(&text); read_tag(&text, &tag); skip_to_element(&text)) {
        if (etag != NULL && tag_matches(&tag, etag, strong))
            return true;
        if (!at_element_end(&text))
            return false;
    }
    return false;
}

/* Dates --------------------------------------------------------------------------------------- */

/* In whole seconds, as HTTP has them. False: no date, to be ignored. */
static bool read_date(struct du_slice slice, int64_t *seconds) {
    char text[DU_CLOCK_TEXT];
    int64_t wall_ms;
    if (slice.data == NULL || slice.size >= sizeof text)
        return false;
    memcpy(text, slice.data, slice.size);
    text[slice.size] = '\0';
    if (!du_clock_parse_http_date(text, &wall_ms))
        return false;
    *seconds = wall_ms / 1000;
    return true;
}

/* Preconditions (RFC 9110 section 13.2.2) ------------------------------------------------------ */

static bool modified_after(const struct du_range_thing *thing, struct du_slice date, bool unknown) {
    int64_t seconds;
    if (thing->modified_ms < 0 || !read_date(date, &seconds))
        return unknown;
    return thing->modified_ms / 1000 > seconds;
}

/* WHOLE when nothing stands against an answer with content. */
static enum du_range_outcome check(const struct du_range_request *request,
                                   const struct du_range_thing *thing) {
    if (request->if_match.data != NULL) {
        if (!any_matches(request->if_match, thing->etag, true))
            return DU_RANGE_FAILED;
    } else if (modified_after(thing, request->if_unmodified_since, false)) {
        return DU_RANGE_FAILED;
    }
    if (request->if_none_match.data != NULL) {
        if (any_matches(request->if_none_match, thing->etag, false))
            return DU_RANGE_NOT_MODIFIED;
    } else if (!modified_after(thing, request->if_modified_since, true)) {
        return DU_RANGE_NOT_MODIFIED;
    }
    return DU_RANGE_WHOLE;
}

/* Without If-Range, or with the validator that the thing has now (RFC 9110 section 13.1.5). A date
 * counts as strong: what has a date here changes only together with its name or version. */
static bool range_wanted(const struct du_range_request *request,
                         const struct du_range_thing *thing) {
    struct tag tag;
    int64_t seconds;
    if (request->if_range.data == NULL)
        return true;
    if (read_date(request->if_range, &seconds))
        return thing->modified_ms >= 0 && thing->modified_ms / 1000 == seconds;
    struct text text = text_of(request->if_range);
    return thing->etag != NULL && read_tag(&text, &tag) && text.at == text.end &&
           tag_matches(&tag, thing->etag, true);
}

/* Ranges (RFC 9110 section 14) ----------------------------------------------------------------- */

struct spec {
    int64_t first; /* -1: a suffix of `last` bytes */
    int64_t last;  /* INT64_MAX: to the end */
};

/* Digits, at least one; what is too large for an int64_t is the largest. */
static bool read_number(struct text *text, int64_t *number) {
    const char *start = text->at;
    *number = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
        int digit = *text->at - '0';
        *number = *number > (INT64_MAX - digit) / 10 ? INT64_MAX : *number * 10 + digit;
    }
    return text->at > start;
}

/* "5-9", "5-" or "-5". */
static bool read_spec(struct text *text, struct spec *spec) {
    if (skip(text, '-')) {
        spec->first = -1;
        return read_number(text, &spec->last);
    }
    if (!read_number(text, &spec->first) || !skip(text, '-'))
        return false;
    if (!read_number(text, &spec->last))
        spec->last = INT64_MAX;
    return spec->first <= spec->last;
}

/* How many specs the header has, *only being the last; 0 for what is to be ignored. */
static int read_range(struct du_slice header, struct spec *only) {
    struct du_slice unit = {header.data, 6};
    struct text text = text_of(header);
    int count = 0;
    if (header.size < unit.size || !du_slice_equal_fold(unit, DU_SLICE("bytes=")))
        return 0;
    text.at += unit.size;
    for (skip_to_element(&text); text.at < text.end; skip_to_element(&text)) {
        if (!read_spec(&text, only) || !at_element_end(&text))
            return 0;
        if (count < 2)
            count++;
    }
    return count;
}

static enum du_range_outcome cut(const struct spec *spec, int64_t size, int64_t *first,
                                 int64_t *length) {
    bool suffix = spec->first < 0;
    if (suffix ? spec->last == 0 : spec->first >= size)
        return DU_RANGE_UNSATISFIABLE;
    /* A suffix of nothing can be satisfied, but no Content-Range can say so. */
    if (size == 0)
        return DU_RANGE_WHOLE;
    if (suffix) {
        *length = spec->last < size ? spec->last : size;
        *first = size - *length;
    } else {
        *first = spec->first;
        *length = (spec->last < size ? spec->last + 1 : size) - spec->first;
    }
    return DU_RANGE_PART;
}

enum du_range_outcome du_range_decide(const struct du_range_request *request,
                                      const struct du_range_thing *thing, int64_t *first,
                                      int64_t *length) {
    struct spec spec;
    enum du_range_outcome outcome = check(request, thing);
    *first = *length = 0;
    if (outcome == DU_RANGE_WHOLE && request->get && request->range.data != NULL &&
        thing->length >= 0 && range_wanted(request, thing) &&
        read_range(request->range, &spec) == 1)
        outcome = cut(&spec, thing->length, first, length);
    if (outcome == DU_RANGE_WHOLE)
        *length = thing->length;
    return outcome;
}
