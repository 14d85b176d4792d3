/*
 * The main loop and the timer interrupt on one pool.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "owner_table.h"

enum { TICKS = 10000, MICROSECONDS = 20 };

static volatile uint32_t ticks;
static context_t in_interrupt = {.owner = 2u << 24, .random = 0x2545f491};

static void tick(void) {
    context_work(&in_interrupt);
    ticks = ticks + 1;
}

int main(void) {
    static context_t in_main = {.owner = 1u << 24, .random = 0x9e3779b9};
    table_begin();
    board_timer_start(tick, MICROSECONDS);
    while (ticks < TICKS) context_work(&in_main);
    board_timer_stop();
    context_free_all(&in_main);
    context_free_all(&in_interrupt);
    table_end("main loop and interrupt");
    return BOARD_PASSED;
}
