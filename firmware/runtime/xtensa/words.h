/*
 * Memory that takes aligned 32-bit accesses only: see words.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_XTENSA_WORDS_H
#define FIRMWARE_XTENSA_WORDS_H

#include <stdint.h>

#define WORDS_START 0x3f000000u
#define WORDS_BYTES 4096u

/* Its first byte; the other WORDS_BYTES - 1 follow. */
void *words_memory(void);

/* Accesses so far. */
uint32_t words_accesses(void);

#endif /* FIRMWARE_XTENSA_WORDS_H */
