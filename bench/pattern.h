#ifndef DU_BENCH_PATTERN_H
#define DU_BENCH_PATTERN_H

/* The bytes of an object, as origin and client know them without keeping them: word i of the object
 * named S is (seed of S + i) times an odd number. No two words of an object are alike, so a byte
 * that is missing, doubled or from another object shows. */

#include <stdint.h>
#include <string.h>

static inline uint64_t pattern_seed(const char *name) {
    uint64_t seed = 1469598103934665603u; /* FNV-1a */
    for (; *name != '\0'; name++)
        seed = (seed ^ (unsigned char)*name) * 1099511628211u;
    return seed;
}

static inline uint64_t pattern_word(uint64_t seed, uint64_t number) {
    return (seed + number) * 0x9E3779B97F4A7C15u;
}

static inline unsigned char pattern_byte(uint64_t seed, uint64_t at) {
    uint64_t word = pattern_word(seed, at / 8);
    unsigned char bytes[8];
    memcpy(bytes, &word, sizeof bytes);
    return bytes[at % 8];
}

#endif
