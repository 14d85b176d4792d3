/*
 * Two cores on one pool, each interrupted by its timer.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "owner_table.h"

enum { ROUNDS = 40000, TICKS = 20, MICROSECONDS = 200 };

static context_t in_main[2] = {{.owner = 1u << 24, .random = 0x9e3779b9}, {.owner = 2u << 24, .random = 0x7f4a7c15}};
static context_t in_interrupt[2] = {{.owner = 3u << 24, .random = 0x2545f491}, {.owner = 4u << 24, .random = 0x4f6cdd1d}};
static volatile uint32_t ticks[2];
static uint32_t started, done;

static void tick_of(size_t core) {
    context_work(&in_interrupt[core]);
    ticks[core] = ticks[core] + 1;
}

static void tick_first(void) {
    tick_of(0);
}

static void tick_second(void) {
    tick_of(1);
}

static void run_core(size_t number, void (*tick)(void)) {
    board_timer_start(tick, MICROSECONDS);
    for (uint32_t round = 0; round < ROUNDS || ticks[number] < TICKS; round++) context_work(&in_main[number]);
    board_timer_stop();
    context_free_all(&in_main[number]);
    context_free_all(&in_interrupt[number]);
}

static void second_core(void) {
    __atomic_store_n(&started, 1, __ATOMIC_RELEASE);
    run_core(1, tick_second);
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
}

int main(void) {
    table_begin();
    board_start_second_core(second_core);
    while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) == 0) {
    }
    run_core(0, tick_first);
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) == 0) {
    }
    table_end("two cores and their interrupts");
    return BOARD_PASSED;
}
