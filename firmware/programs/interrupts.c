/*
 * The main loop and the timer interrupt on one pool.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "owners.h"

enum { TICKS = 10000, MICROSECONDS = 20 };

static volatile uint32_t ticks;
static owner_t in_interrupt = {.name = 2u << 24, .random = 0x2545f491};

static void tick(void) {
    work_of(&in_interrupt);
    ticks = ticks + 1;
}

int main(void) {
    static owner_t in_main = {.name = 1u << 24, .random = 0x9e3779b9};
    owners_begin();
    board_timer_start(tick, MICROSECONDS);
    while (ticks < TICKS) work_of(&in_main);
    board_timer_stop();
    give_all(&in_main);
    give_all(&in_interrupt);
    owners_end("main loop and interrupt");
    return BOARD_PASSED;
}
