/*
 * What a C program gives to the bare-metal port before it begins.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "MicroUSC/port/bare.h"
#include "board.h"

/* Counts its calls, one millisecond each, so that the log is the same in every run. */
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
