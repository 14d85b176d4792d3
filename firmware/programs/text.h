/*
 * What was printed or logged, looked at.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_TEXT_H
#define FIRMWARE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool is_in(const char *text, const char *part) {
    const size_t length = strlen(part);
    for (; strlen(text) >= length; text++) {
        if (memcmp(text, part, length) == 0) return true;
    }
    return false;
}

#endif /* FIRMWARE_TEXT_H */
