/*
 * The registers of an interrupted context that start.s saves, and instructions that C cannot express.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_XTENSA_EXCEPTION_H
#define FIRMWARE_XTENSA_EXCEPTION_H

#include <stddef.h>
#include <stdint.h>

/* The order is that of start.s. */
struct frame {
    uint32_t a[16];
    uint32_t sar;
    uint32_t epc;   /* where it continues */
    uint32_t ps;
    uint32_t cause; /* EXCCAUSE */
    uint32_t vaddr; /* EXCVADDR: what was accessed */
};

/* start.s */
__attribute__((noreturn)) void xt_exit(int status);
int xt_write(int file, const void *bytes, size_t length);
uint32_t xt_ccount(void);
void xt_set_ccompare(uint32_t when);
void xt_set_intenable(uint32_t interrupts);
uint32_t xt_interrupts(void);

/* words.c: an access to the memory that takes words only. Performs it and returns true, or returns false. */
int words_access(struct frame *frame);

#endif /* FIRMWARE_XTENSA_EXCEPTION_H */
