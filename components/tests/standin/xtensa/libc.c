/*
 * What the component, its examples and the stand-ins use of a C library, on the runtime in firmware/runtime/xtensa; there is
 * no C library for the windowed ABI among Debian's packages.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"

int main(void);

/* ---- Start and end -------------------------------------------------------------------------------------------- */

/* From the linker script: data as the program was loaded with, and room for a copy of it. */
extern char board_data_start[], board_data_end[], standin_first_data[];

/* Called by start.s, with everything else zeroed; again after deep sleep, of which only .rtc_noinit remains. */
void board_run(void) {
    static bool copied __attribute__((section(".rtc_noinit")));
    const size_t bytes = (size_t)(board_data_end - board_data_start);
    memcpy(copied ? board_data_start : standin_first_data, copied ? standin_first_data : board_data_start, bytes);
    copied = true;
    exit(main());
}

void exit(int status) {
    board_exit(status);
}

void board_crash(const char *what, uintptr_t number, uintptr_t address) {
    printf("crashed: %s %x at %x\n", what, (unsigned)number, (unsigned)address);
    board_exit(BOARD_CRASHED);
}

char *strcpy(char *to, const char *from) {
    return memcpy(to, from, strlen(from) + 1);
}

/* ---- Formatted text ------------------------------------------------------------------------------------------- */

/* Where text goes: the console, or memory of so many bytes. */
typedef struct {
    char *to;
    size_t room;
    size_t length; /* of the whole text, whether there was room or not */
} sink_t;

static void put(sink_t *sink, char character) {
    if (sink->to == NULL) {
        board_write(&character, 1);
    } else if (sink->length + 1 < sink->room) {
        sink->to[sink->length] = character;
    }
    sink->length++;
}

typedef struct {
    bool left, prefixed;
    int width;
    int precision; /* -1: none */
} form_t;

static void put_padded(sink_t *sink, const form_t *form, const char *text, size_t length) {
    const size_t gap = (size_t)form->width > length ? (size_t)form->width - length : 0;
    for (size_t i = 0; !form->left && i < gap; i++) put(sink, ' ');
    for (size_t i = 0; i < length; i++) put(sink, text[i]);
    for (size_t i = 0; form->left && i < gap; i++) put(sink, ' ');
}

static void put_number(sink_t *sink, const form_t *form, uint32_t number, unsigned radix, bool negative) {
    char digits[16];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[number % radix];
        number /= radix;
    } while (number != 0);
    if (form->prefixed) {
        digits[--at] = 'x';
        digits[--at] = '0';
    }
    if (negative) digits[--at] = '-';
    put_padded(sink, form, digits + at, sizeof(digits) - at);
}

static void put_text(sink_t *sink, const form_t *form, const char *text) {
    size_t length = 0;
    while ((form->precision < 0 || length < (size_t)form->precision) && text[length] != '\0') length++;
    put_padded(sink, form, text, length);
}

static int number_at(const char **at) {
    int number = 0;
    while (**at >= '0' && **at <= '9') number = number * 10 + *(*at)++ - '0';
    return number;
}

/* Conversions %s %c %d %u %x %p %%, with -, #, width and precision, and l and z before them. */
static void format(sink_t *sink, const char *text, va_list values) {
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '%') {
            put(sink, *at);
            continue;
        }
        form_t form = {.precision = -1};
        for (at++; *at == '-' || *at == '#'; at++) *(*at == '-' ? &form.left : &form.prefixed) = true;
        form.width = number_at(&at);
        if (*at == '.') {
            at++;
            form.precision = *at == '*' ? va_arg(values, int) : number_at(&at);
            if (*at == '*') at++;
        }
        while (*at == 'l' || *at == 'z') at++; /* one word, all of them */
        switch (*at) {
        case 's': put_text(sink, &form, va_arg(values, const char *)); break;
        case 'c': put(sink, (char)va_arg(values, int)); break;
        case 'd': {
            const int number = va_arg(values, int);
            put_number(sink, &form, number < 0 ? 0u - (uint32_t)number : (uint32_t)number, 10, number < 0);
            break;
        }
        case 'u': put_number(sink, &form, va_arg(values, unsigned), 10, false); break;
        case 'p': form.prefixed = true; /* fall through */
        case 'x': put_number(sink, &form, va_arg(values, unsigned), 16, false); break;
        case '%': put(sink, '%'); break;
        default: board_crash("unknown conversion", (unsigned char)*at, (uintptr_t)text);
        }
    }
}

int vprintf(const char *text, va_list values) {
    sink_t console = {NULL, 0, 0};
    format(&console, text, values);
    return (int)console.length;
}

int printf(const char *text, ...) {
    va_list values;
    va_start(values, text);
    const int printed = vprintf(text, values);
    va_end(values);
    return printed;
}

int snprintf(char *to, size_t room, const char *text, ...) {
    sink_t memory = {to, room, 0};
    va_list values;
    va_start(values, text);
    format(&memory, text, values);
    va_end(values);
    if (room > 0) to[memory.length < room ? memory.length : room - 1] = '\0';
    return (int)memory.length;
}

FILE standin_console;

size_t fwrite(const void *text, size_t size, size_t count, FILE *file) {
    (void)file;
    board_write((const char *)text, size * count);
    return count;
}
