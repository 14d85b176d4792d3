/* The functions of the C library that the programs use; not every toolchain has them. */
#ifndef FIRMWARE_STDIO_H
#define FIRMWARE_STDIO_H

/* Conversions: %s %c %d %u %x %p %%, with the length modifiers z and l. */
__attribute__((format(printf, 1, 2))) int printf(const char *format, ...);
int puts(const char *line);
int putchar(int character);

#endif
