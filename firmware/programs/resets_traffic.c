/*
 * A retained pool, and resets of the machine at varying moments while blocks are allocated and freed: by a timer, by the
 * second core whatever the first is doing (TWO_CORES), or by a watchdog that no interrupt mask stops (WATCHDOG).
 *
 * With LATE the reset comes before the last stores have reached the map: that must be found.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "retained_program.h"

enum { HEADER_WORDS = 6, CORES = 2, MOMENTS = 300 };

/* ---- Owners of blocks ---------------------------------------------------------------------------------------- */

enum state { FREE, OWNED, FREEING };

NOT_CLEARED static volatile uint32_t table[CORES][BLOCKS];
NOT_CLEARED static volatile uint32_t allocating[CORES];
NOT_CLEARED static uint32_t resets_during_operations; /* resets that came during an operation */

/* An entry: state and generation in the lower half, their complement in the upper half. */
static void enter(size_t core, size_t index, enum state state, uint32_t generation) {
    const uint32_t low = (uint32_t)state << 12 | generation;
    __atomic_thread_fence(__ATOMIC_RELEASE); /* after the content of the block, before the next operation */
    table[core][index] = low | (low ^ 0xFFFF) << 16;
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static uint32_t entry(size_t core, size_t index) {
    const uint32_t word = table[core][index];
    check((word & 0xFFFF) == (word >> 16 ^ 0xFFFF), "an entry of the tables was damaged");
    return word & 0xFFFF;
}

static bool is_owned(size_t core, size_t index) {
    return entry(core, index) >> 12 == OWNED;
}

static bool is_freeing(size_t core, size_t index) {
    return entry(core, index) >> 12 == FREEING;
}

static uint32_t owned_generation(size_t core, size_t index) {
    return entry(core, index) & 0xFFF;
}

/* While it is set, the core may have allocated a block that is in no table yet. */
static void begin_alloc(size_t core) {
    allocating[core] = 1;
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void end_alloc(size_t core) {
    allocating[core] = 0;
}

static size_t allocating_cores(void) {
    return (size_t)(allocating[0] + allocating[1]);
}

static void begin_tables(void) {
    resets_during_operations = 0;
    for (size_t core = 0; core < CORES; core++) {
        allocating[core] = 0;
        for (size_t index = 0; index < BLOCKS; index++) enter(core, index, FREE, 0);
    }
}

/* After a reset no core is within an operation. */
static void clear_interrupted_operations(void) {
    bool within = allocating_cores() > 0;
    for (size_t core = 0; core < CORES; core++) {
        allocating[core] = 0;
        for (size_t index = 0; index < BLOCKS; index++) {
            if (is_owned(core, index)) continue;
            within = within || is_freeing(core, index);
            enter(core, index, FREE, 0);
        }
    }
    resets_during_operations += within;
}

/* ---- Traffic ------------------------------------------------------------------------------------------------ */

/* Allocates or frees one block of `core`. The tables say what it is about to do and what it did. */
static void alloc_or_free(size_t core, uint32_t random) {
    const size_t wanted = random % BLOCKS;
    const uint32_t generation = random >> 8 & 0xFFF;
    if (is_owned(core, wanted)) {
        volatile uint32_t *const block = block_of(wanted);
        check(block != NULL && is_filled(block, wanted, owned_generation(core, wanted)), "the content of a live block changed");
        enter(core, wanted, FREEING, 0);
        check(memory_pool_retained_free(&pool, (void *)block) == ESP_OK, "a correct free was refused");
        enter(core, wanted, FREE, 0);
        return;
    }
    begin_alloc(core);
    volatile uint32_t *const block = memory_pool_retained_alloc(&pool);
    if (block != NULL) {
        const size_t index = memory_pool_retained_index_of(&pool, (const void *)block);
        check(index < BLOCKS && !is_owned(0, index) && !is_owned(1, index), "a block has two owners");
        fill(block, index, generation);
        enter(core, index, OWNED, generation);
    }
    end_alloc(core);
}

static void run_for_ever(size_t core, uint32_t operations) {
    for (uint32_t random = 0x9e3779b9 + (uint32_t)core + 2 * plan.step, count = 0;; count++) {
        alloc_or_free(core, next_random(&random));
        if (count == operations) board_reset();
    }
}

/* How the reset comes. */
#if defined(TWO_CORES)
/* On every other start the second core resets the machine, otherwise the timer of the first. */
static void second_core(void) {
    run_for_ever(1, plan.step % 2 == 0 ? 50 + plan.step * 7 % 400 : UINT32_MAX);
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
/* A little later with every start, by less than the time of an operation. */
static void reset_some_time(void) {
    for (volatile uint32_t wait = plan.step * 7 % 131; wait > 0;) wait = wait - 1;
    board_timer_start(board_reset, 20 + plan.step % 50);
}
#endif

/* After a reset during traffic every block is that of its owner, with its content, or is free, or was being allocated or freed. */
static void compare_with_tables(void) {
    size_t unexplained = 0, live = 0;
    for (size_t index = 0; index < BLOCKS; index++) {
        const bool is_live = block_of(index) != NULL;
        live += is_live;
        check(!(is_owned(0, index) && is_owned(1, index)), "a block has two owners");
        for (size_t core = 0; core < CORES; core++) {
            if (!is_owned(core, index)) continue;
            check(is_live, "a live block was lost");
            check(is_filled(block_of(index), index, owned_generation(core, index)), "the content of a block was lost");
        }
        if (is_owned(0, index) || is_owned(1, index) || !is_live) continue;
        if (!is_freeing(0, index) && !is_freeing(1, index)) unexplained++;
        /* It has no owner any more. */
        free_block(index);
        live--;
    }
    check(unexplained <= allocating_cores(), "a block is live without an owner");
    check(info_of_pool().used_blocks == live, "the number of live blocks is wrong");
    check(memory_pool_retained_validate(&pool) == ESP_OK, "the map is wrong after traffic");
    clear_interrupted_operations();
}

int main(void) {
    if (begin()) {
        check(found == ESP_OK, "a pool was formatted after a reset during traffic");
        compare_with_tables();
        plan_next_step();
    } else {
        begin_tables();
    }
    if (plan.step < MOMENTS) {
        reset_some_time();
        run_for_ever(0, UINT32_MAX);
    }
    check(resets_during_operations > 0, "no reset came during an operation");
    for (size_t index = 0; index < BLOCKS; index++) {
        if (block_of(index) != NULL) free_block(index);
    }
    use_every_block();
    printf("%u resets in the middle of traffic: no block lost, none with two owners\n", (unsigned)MOMENTS);
    return BOARD_PASSED;
}
