/*
 * What programs that check themselves share: rules, random numbers, contents of blocks, and a search in text.
 *
 * A rule that is broken is printed and ends the program.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_CHECKS_H
#define FIRMWARE_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "board.h"

static inline void broken(const char *rule) {
    printf("broken: %s\n", rule);
#ifdef BROKEN_DETAILS
    BROKEN_DETAILS(); /* prints where the program was */
#endif
    board_exit(BOARD_BROKEN);
}

static inline void check(bool holds, const char *rule) {
    if (!holds) broken(rule);
}

/* The next number of a sequence (xorshift), which begins with any number but 0. */
static inline uint32_t next_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Whether `text` contains `part`. */
static inline bool is_in(const char *text, const char *part) {
    const size_t length = strlen(part);
    for (; strlen(text) >= length; text++) {
        if (memcmp(text, part, length) == 0) return true;
    }
    return false;
}

#endif /* FIRMWARE_CHECKS_H */
