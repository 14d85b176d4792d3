/*
 * Routines that compilers call by themselves. Debian's libgcc for the LX106 has none of those that are in the ROM of an
 * ESP8266, and there is no libgcc for the windowed ABI. They are written for size, and compiled with -fno-builtin, so that
 * none becomes a call to itself.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdint.h>
#include <string.h>

void *memmove(void *to, const void *from, size_t bytes);
uint32_t __udivsi3(uint32_t number, uint32_t by);
uint32_t __umodsi3(uint32_t number, uint32_t by);
int32_t __divsi3(int32_t number, int32_t by);
int32_t __modsi3(int32_t number, int32_t by);
uint64_t __udivdi3(uint64_t number, uint64_t by);
uint64_t __umoddi3(uint64_t number, uint64_t by);
uint64_t __muldi3(uint64_t one, uint64_t other);

void *memcpy(void *to, const void *from, size_t bytes) {
    for (size_t at = 0; at < bytes; at++) ((char *)to)[at] = ((const char *)from)[at];
    return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
    if ((uintptr_t)to <= (uintptr_t)from) return memcpy(to, from, bytes);
    while (bytes-- > 0) ((char *)to)[bytes] = ((const char *)from)[bytes];
    return to;
}

void *memset(void *to, int byte, size_t bytes) {
    for (size_t at = 0; at < bytes; at++) ((char *)to)[at] = (char)byte;
    return to;
}

int memcmp(const void *one, const void *other, size_t bytes) {
    for (size_t at = 0; at < bytes; at++) {
        const int difference = ((const unsigned char *)one)[at] - ((const unsigned char *)other)[at];
        if (difference != 0) return difference;
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != '\0') length++;
    return length;
}

/* Long division, one bit per round. `rest` is the remainder. A division by zero returns all ones. */
static uint64_t divide(uint64_t number, uint64_t by, unsigned bits, uint64_t *rest) {
    uint64_t quotient = 0, left = 0;
    while (bits-- > 0) {
        left = left << 1 | (number >> bits & 1);
        quotient <<= 1;
        if (left >= by) {
            left -= by;
            quotient |= 1;
        }
    }
    *rest = left;
    return quotient;
}

uint64_t __udivdi3(uint64_t number, uint64_t by) {
    uint64_t rest;
    return divide(number, by, 64, &rest);
}

uint64_t __umoddi3(uint64_t number, uint64_t by) {
    uint64_t rest;
    divide(number, by, 64, &rest);
    return rest;
}

uint32_t __udivsi3(uint32_t number, uint32_t by) {
    uint64_t rest;
    return (uint32_t)divide(number, by, 32, &rest);
}

uint32_t __umodsi3(uint32_t number, uint32_t by) {
    uint64_t rest;
    divide(number, by, 32, &rest);
    return (uint32_t)rest;
}

static uint32_t magnitude(int32_t number) {
    return number < 0 ? 0u - (uint32_t)number : (uint32_t)number;
}

int32_t __divsi3(int32_t number, int32_t by) {
    const uint32_t quotient = __udivsi3(magnitude(number), magnitude(by));
    return (int32_t)((number < 0) != (by < 0) ? 0u - quotient : quotient);
}

int32_t __modsi3(int32_t number, int32_t by) {
    const uint32_t rest = __umodsi3(magnitude(number), magnitude(by));
    return (int32_t)(number < 0 ? 0u - rest : rest);
}

/* By halves of a word, whose products fit in a word. */
uint64_t __muldi3(uint64_t one, uint64_t other) {
    const uint32_t a = (uint32_t)one, b = (uint32_t)other;
    const uint32_t low = (a & 0xffff) * (b & 0xffff), high = (a >> 16) * (b >> 16);
    const uint32_t left = (a >> 16) * (b & 0xffff), right = (a & 0xffff) * (b >> 16);
    const uint32_t middle = (low >> 16) + (left & 0xffff) + (right & 0xffff);
    const uint32_t carried = high + (left >> 16) + (right >> 16) + (middle >> 16);
    const uint32_t crossed = a * (uint32_t)(other >> 32) + b * (uint32_t)(one >> 32);
    return (uint64_t)(carried + crossed) << 32 | (middle << 16 | (low & 0xffff));
}
