/*
 * A retained pool, and resets of the machine at varying moments while blocks are taken and returned: by a timer, by the
 * second core whatever the first is doing (TWO_CORES), or by a watchdog that no mask holds off (WATCHDOG).
 *
 * With LATE the reset comes before the last stores to the map have reached it: that must be noticed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "kept.h"

enum { HEADER_WORDS = 6, CORES = 2, MOMENTS = 300 };

/* ---- Who holds what ----------------------------------------------------------------------------------------- */

enum state { NOBODYS, HELD, GIVING };

KEPT static volatile uint32_t table[CORES][BLOCKS];
KEPT static volatile uint32_t taking[CORES];
KEPT static uint32_t resets_within; /* that came in the middle of an operation */

/* An entry: state and generation below, their complement above. */
static void enter(size_t core, size_t index, enum state state, uint32_t generation) {
    const uint32_t low = (uint32_t)state << 12 | generation;
    __atomic_thread_fence(__ATOMIC_RELEASE); /* after what the block holds, before what is done next */
    table[core][index] = low | (low ^ 0xFFFF) << 16;
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static uint32_t entry(size_t core, size_t index) {
    const uint32_t word = table[core][index];
    check((word & 0xFFFF) == (word >> 16 ^ 0xFFFF), "an entry of the tables was damaged");
    return word & 0xFFFF;
}

static bool is_held(size_t core, size_t index) {
    return entry(core, index) >> 12 == HELD;
}

static bool is_giving(size_t core, size_t index) {
    return entry(core, index) >> 12 == GIVING;
}

static uint32_t held_generation(size_t core, size_t index) {
    return entry(core, index) & 0xFFF;
}

/* While it is set, the core may have taken a block that is in no table yet. */
static void begin_taking(size_t core) {
    taking[core] = 1;
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void end_taking(size_t core) {
    taking[core] = 0;
}

static size_t taking_cores(void) {
    return (size_t)(taking[0] + taking[1]);
}

static void begin_tables(void) {
    resets_within = 0;
    for (size_t core = 0; core < CORES; core++) {
        taking[core] = 0;
        for (size_t index = 0; index < BLOCKS; index++) enter(core, index, NOBODYS, 0);
    }
}

/* After a reset nobody is in the middle of anything. */
static void settle_tables(void) {
    bool within = taking_cores() > 0;
    for (size_t core = 0; core < CORES; core++) {
        taking[core] = 0;
        for (size_t index = 0; index < BLOCKS; index++) {
            if (is_held(core, index)) continue;
            within = within || is_giving(core, index);
            enter(core, index, NOBODYS, 0);
        }
    }
    resets_within += within;
}

/* ---- Traffic ------------------------------------------------------------------------------------------------ */

/* Takes or returns one block of `core`, and enters in the tables what it is about to do and what it did. */
static void trade(size_t core, uint32_t random) {
    const size_t wanted = random % BLOCKS;
    const uint32_t generation = random >> 8 & 0xFFF;
    if (is_held(core, wanted)) {
        volatile uint32_t *const block = block_of(wanted);
        check(block != NULL && is_filled(block, wanted, held_generation(core, wanted)), "a block changed under its owner");
        enter(core, wanted, GIVING, 0);
        check(memory_pool_retained_free(&pool, (void *)block) == ESP_OK, "a block in use cannot be returned");
        enter(core, wanted, NOBODYS, 0);
        return;
    }
    begin_taking(core);
    volatile uint32_t *const block = memory_pool_retained_alloc(&pool);
    if (block != NULL) {
        const size_t index = memory_pool_retained_index_of(&pool, (const void *)block);
        check(index < BLOCKS && !is_held(0, index) && !is_held(1, index), "a block got a second owner");
        fill(block, index, generation);
        enter(core, index, HELD, generation);
    }
    end_taking(core);
}

static void trade_for_ever(size_t core, uint32_t trades) {
    for (uint32_t random = 0x9e3779b9 + (uint32_t)core + 2 * plan.step, count = 0;; count++) {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        trade(core, random);
        if (count == trades) board_reset();
    }
}

/* How the reset comes. */
#if defined(TWO_CORES)
/* On every other start the second core resets the machine, otherwise the timer of the first. */
static void second_core(void) {
    trade_for_ever(1, plan.step % 2 == 0 ? 50 + plan.step * 7 % 400 : UINT32_MAX);
}

static void reset_some_time(void) {
    board_start_second_core(second_core);
    board_timer_start(board_reset, plan.step % 2 == 0 ? 1000 : 20 + plan.step * 7 % 400);
}
#elif defined(WATCHDOG)
static void reset_some_time(void) {
    board_watchdog_start(20 + plan.step * 7 % 300);
}
#elif defined(LATE)
/* The map as it is at the start, and again at the reset. */
static uint32_t map[(BLOCKS + 15) / 16];

static void reset_too_early(void) {
    memcpy((uint32_t *)memory + HEADER_WORDS, map, sizeof(map));
    board_reset();
}

static void reset_some_time(void) {
    memcpy(map, (uint32_t *)memory + HEADER_WORDS, sizeof(map));
    board_timer_start(reset_too_early, 20);
}
#else
/* A little later from start to start, by less than an operation takes. */
static void reset_some_time(void) {
    for (volatile uint32_t wait = plan.step * 7 % 131; wait > 0;) wait = wait - 1;
    board_timer_start(board_reset, 20 + plan.step % 50);
}
#endif

/* What a reset in the middle of traffic left: every block is its owner's with its contents, or is free, or was on its way. */
static void judge(void) {
    size_t unexplained = 0, live = 0;
    for (size_t index = 0; index < BLOCKS; index++) {
        const bool is_live = block_of(index) != NULL;
        live += is_live;
        check(!(is_held(0, index) && is_held(1, index)), "a block has two owners");
        for (size_t core = 0; core < CORES; core++) {
            if (!is_held(core, index)) continue;
            check(is_live, "a block in use was lost");
            check(is_filled(block_of(index), index, held_generation(core, index)), "a block's contents were lost");
        }
        if (is_held(0, index) || is_held(1, index) || !is_live) continue;
        if (!is_giving(0, index) && !is_giving(1, index)) unexplained++;
        /* Nobody knows of it any more. */
        give(index);
        live--;
    }
    check(unexplained <= taking_cores(), "a block is in use that nobody took");
    check(info_of_pool().used_blocks == live, "the number of blocks in use is wrong");
    check(memory_pool_retained_validate(&pool) == ESP_OK, "the books are wrong after traffic");
    settle_tables();
}

int main(void) {
    if (begin()) {
        check(found == ESP_OK, "a pool was made anew after a reset in the middle of traffic");
        judge();
        plan_next_step();
    } else {
        begin_tables();
    }
    if (plan.step < MOMENTS) {
        reset_some_time();
        trade_for_ever(0, UINT32_MAX);
    }
    check(resets_within > 0, "no reset came in the middle of an operation");
    for (size_t index = 0; index < BLOCKS; index++) {
        if (block_of(index) != NULL) give(index);
    }
    work_out();
    printf("%u resets in the middle of traffic: no block lost, none with two owners\n", (unsigned)MOMENTS);
    return BOARD_PASSED;
}
