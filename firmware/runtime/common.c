/*
 * The part of the runtime that is the same on every board.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "board.h"

__attribute__((weak)) void board_prepare(void) {
}

void board_run(void) {
    board_prepare();
    board_exit(main());
}

void board_crash(const char *what, uintptr_t number, uintptr_t address) {
    printf("crashed: %s %lx at %lx\n", what, (unsigned long)number, (unsigned long)address);
    board_exit(BOARD_CRASHED);
}

/* ---- Console ----------------------------------------------------------------------------------------------- */

int putchar(int character) {
    const char byte = (char)character;
    board_write(&byte, 1);
    return character;
}

static void put_text(const char *text) {
    size_t length = 0;
    while (text[length] != '\0') length++;
    board_write(text, length);
}

int puts(const char *line) {
    put_text(line);
    return putchar('\n');
}

static void put_number(unsigned long number, unsigned long radix) {
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[number % radix];
        number /= radix;
    } while (number != 0);
    board_write(digits + at, sizeof(digits) - at);
}

static void put_signed(long number) {
    if (number < 0) putchar('-');
    put_number(number < 0 ? 0ul - (unsigned long)number : (unsigned long)number, 10);
}

int printf(const char *format, ...) {
    va_list values;
    va_start(values, format);
    for (const char *at = format; *at != '\0'; at++) {
        if (*at != '%') {
            putchar(*at);
            continue;
        }
        at++;
        while (*at == 'z' || *at == 'l') at++; /* int, long and size_t are one word here */
        switch (*at) {
        case 's': put_text(va_arg(values, const char *)); break;
        case 'c': putchar(va_arg(values, int)); break;
        case 'd': put_signed(va_arg(values, long)); break;
        case 'u': put_number(va_arg(values, unsigned long), 10); break;
        case 'x': put_number(va_arg(values, unsigned long), 16); break;
        case 'p':
            put_text("0x");
            put_number((unsigned long)va_arg(values, void *), 16);
            break;
        default: putchar(*at); break;
        }
    }
    va_end(values);
    return 0;
}

_Static_assert(sizeof(int) == sizeof(long) && sizeof(size_t) == sizeof(long), "printf takes all of them as one word");

/* ---- Heap -------------------------------------------------------------------------------------------------- */

/* The header of every piece, live or free. Pieces follow each other without gaps. */
typedef struct {
    size_t bytes; /* of the piece, header included */
    size_t used;
} piece_t;

/* From the linker script. */
extern char board_heap_start[], board_heap_end[];

static piece_t *first_piece(void) {
    static bool ready;
    piece_t *const first = (piece_t *)board_heap_start;
    if (!ready) {
        ready = true;
        *first = (piece_t){(size_t)(board_heap_end - board_heap_start), false};
    }
    return first;
}

static piece_t *next_piece(piece_t *piece) {
    return (piece_t *)((char *)piece + piece->bytes);
}

static bool is_piece(const piece_t *piece) {
    return (const char *)piece < board_heap_end;
}

static void cut(piece_t *piece, size_t bytes) {
    if (piece->bytes < bytes + sizeof(piece_t)) return;
    piece_t *const rest = (piece_t *)((char *)piece + bytes);
    *rest = (piece_t){piece->bytes - bytes, false};
    piece->bytes = bytes;
}

void *board_allocate(size_t bytes, size_t align) {
    if (align < sizeof(piece_t)) align = sizeof(piece_t);
    bytes = (bytes + sizeof(piece_t) - 1) / sizeof(piece_t) * sizeof(piece_t) + sizeof(piece_t);
    for (piece_t *piece = first_piece(); is_piece(piece); piece = next_piece(piece)) {
        if (piece->used) continue;
        while (is_piece(next_piece(piece)) && !next_piece(piece)->used) piece->bytes += next_piece(piece)->bytes;
        const uintptr_t content = (uintptr_t)(piece + 1);
        const size_t gap = ((content + align - 1) & ~(uintptr_t)(align - 1)) - content;
        if (piece->bytes < bytes + gap) continue;
        if (gap > 0) {
            cut(piece, gap);
            piece = next_piece(piece);
        }
        cut(piece, bytes);
        piece->used = true;
        return piece + 1;
    }
    return NULL;
}

void board_release(void *memory) {
    if (memory != NULL) ((piece_t *)memory - 1)->used = false;
}
