#include "framing.h"

enum { MOST_DIGITS = 15, MOST_ASIDE = 16384 };

void du_framing_init(struct du_framing *framing, bool chunked, int64_t length) {
    framing->digits = 0;
    framing->aside = 0;
    framing->left = length > 0 ? (uint64_t)length : 0;
    framing->state = chunked ? DU_FRAMING_SIZE : length > 0 ? DU_FRAMING_LENGTH : DU_FRAMING_DONE;
}

static int hex(unsigned char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum du_framing_state size_char(struct du_framing *framing, char c) {
    int digit = hex((unsigned char)c);
    if (digit >= 0) {
        framing->left = framing->left * 16 + (unsigned)digit;
        return ++framing->digits <= MOST_DIGITS ? DU_FRAMING_SIZE : DU_FRAMING_BAD;
    }
    if (framing->digits == 0)
        return DU_FRAMING_BAD;
    return c == ';' ? DU_FRAMING_EXTENSION : c == '\r' ? DU_FRAMING_SIZE_END : DU_FRAMING_BAD;
}

/* A byte of a line that is dropped: it stays in `same` until CR. */
static enum du_framing_state dropped_char(struct du_framing *framing, char c,
                                          enum du_framing_state same, enum du_framing_state at_cr) {
    if (++framing->aside > MOST_ASIDE)
        return DU_FRAMING_BAD;
    if (c == '\r')
        return at_cr;
    return ((unsigned char)c < ' ' && c != '\t') || c == 127 ? DU_FRAMING_BAD : same;
}

static enum du_framing_state next_chunk(struct du_framing *framing) {
    framing->digits = 0;
    framing->left = 0;
    return DU_FRAMING_SIZE;
}

/* One byte that is not body. */
static enum du_framing_state step(struct du_framing *framing, char c) {
    switch (framing->state) {
    case DU_FRAMING_SIZE:
        return size_char(framing, c);
    case DU_FRAMING_EXTENSION:
        return dropped_char(framing, c, DU_FRAMING_EXTENSION, DU_FRAMING_SIZE_END);
    case DU_FRAMING_SIZE_END:
        if (c != '\n')
            return DU_FRAMING_BAD;
        return framing->left > 0 ? DU_FRAMING_DATA : DU_FRAMING_TRAILER;
    case DU_FRAMING_DATA_END:
        return c == '\r' ? DU_FRAMING_DATA_CR : DU_FRAMING_BAD;
    case DU_FRAMING_DATA_CR:
        return c == '\n' ? next_chunk(framing) : DU_FRAMING_BAD;
    case DU_FRAMING_TRAILER:
        if (c == ' ' || c == '\t' || c == ':')
            return DU_FRAMING_BAD;
        return dropped_char(framing, c, DU_FRAMING_TRAILER_LINE, DU_FRAMING_LAST_CR);
    case DU_FRAMING_TRAILER_LINE:
        return dropped_char(framing, c, DU_FRAMING_TRAILER_LINE, DU_FRAMING_TRAILER_CR);
    case DU_FRAMING_TRAILER_CR:
        return c == '\n' ? DU_FRAMING_TRAILER : DU_FRAMING_BAD;
    case DU_FRAMING_LAST_CR:
        return c == '\n' ? DU_FRAMING_DONE : DU_FRAMING_BAD;
    case DU_FRAMING_LENGTH:
    case DU_FRAMING_DATA:
    case DU_FRAMING_DONE:
    case DU_FRAMING_BAD:
        break;
    }
    return framing->state;
}

size_t du_framing_take(struct du_framing *framing, const char *data, size_t size,
                       struct du_slice *piece) {
    size_t used = 0;
    *piece = (struct du_slice){data, 0};
    while (used < size) {
        if (framing->state == DU_FRAMING_LENGTH || framing->state == DU_FRAMING_DATA) {
            size_t take = size - used < framing->left ? size - used : (size_t)framing->left;
            *piece = (struct du_slice){data + used, take};
            framing->left -= take;
            if (framing->left == 0)
                framing->state =
                    framing->state == DU_FRAMING_LENGTH ? DU_FRAMING_DONE : DU_FRAMING_DATA_END;
            return used + take;
        }
        if (framing->state == DU_FRAMING_DONE || framing->state == DU_FRAMING_BAD)
            break;
        framing->state = step(framing, data[used++]);
    }
    return used;
}
