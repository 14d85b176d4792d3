/* Of a C library what libc.c has. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
__attribute__((format(printf, 1, 2))) int printf(const char *format, ...);
__attribute__((format(printf, 1, 0))) int vprintf(const char *format, va_list values);
__attribute__((format(printf, 3, 4))) int snprintf(char *to, size_t room, const char *format, ...);
/* There is one file: the console. */
typedef struct {
    char console;
} FILE;
extern FILE standin_console;
#define stdout (&standin_console)
size_t fwrite(const void *text, size_t size, size_t count, FILE *file);
