/*
 * Two cores on one pool, each interrupted by its timer.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "owners.h"

enum { ROUNDS = 40000, TICKS = 20, MICROSECONDS = 200 };

static owner_t in_main[2] = {{.name = 1u << 24, .random = 0x9e3779b9}, {.name = 2u << 24, .random = 0x7f4a7c15}};
static owner_t in_interrupt[2] = {{.name = 3u << 24, .random = 0x2545f491}, {.name = 4u << 24, .random = 0x4f6cdd1d}};
static volatile uint32_t ticks[2];
static uint32_t started, done;

static void tick_of(size_t core) {
    work_of(&in_interrupt[core]);
    ticks[core] = ticks[core] + 1;
}

static void tick_first(void) {
    tick_of(0);
}

static void tick_second(void) {
    tick_of(1);
}

static void core(size_t number, void (*tick)(void)) {
    board_timer_start(tick, MICROSECONDS);
    for (uint32_t round = 0; round < ROUNDS || ticks[number] < TICKS; round++) work_of(&in_main[number]);
    board_timer_stop();
    give_all(&in_main[number]);
    give_all(&in_interrupt[number]);
}

static void second(void) {
    __atomic_store_n(&started, 1, __ATOMIC_RELEASE);
    core(1, tick_second);
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
}

int main(void) {
    owners_begin();
    board_start_second_core(second);
    while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) == 0) {
    }
    core(0, tick_first);
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) == 0) {
    }
    owners_end("two cores and their interrupts");
    return BOARD_PASSED;
}
