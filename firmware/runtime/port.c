/*
 * What a C program tells the bare port before it begins.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "MicroUSC/port/bare.h"
#include "board.h"

/* Counts its calls, a millisecond each: what is logged is the same on every run. */
static uint64_t calls(void) {
    static uint32_t count;
    return (uint64_t)++count * 1000;
}

static void *allocate(size_t bytes, size_t align, uint32_t caps) {
    (void)caps;
    return board_allocate(bytes, align);
}

void board_prepare(void) {
    microusc_bare_set_writer(board_write);
    microusc_bare_set_clock(calls);
    microusc_bare_set_heap(allocate, board_release);
}
