/*
 * What programs share that are reset: a retained pool, and the plan, which says what was done before a reset and so what
 * must be found after it. Both lie in memory that start-up does not clear; the plan is under a checksum of its own.
 *
 * With CLEARED the pool lies in memory that start-up clears, which must be noticed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_KEPT_H
#define FIRMWARE_KEPT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "MicroUSC/port/bare.h"
#include "MicroUSC/system/memory_pool_retained.h"
#include "board.h"
#include "text.h"

/* Memory that start-up does not clear: see the linker scripts. */
#define KEPT __attribute__((section(".noinit")))

enum { BLOCKS = 37, BLOCK_WORDS = 4 };

static inline void broken(const char *rule);

static inline void check(bool holds, const char *rule) {
    if (!holds) broken(rule);
}

/* ---- The plan ----------------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t magic, phase, step;
    uint32_t told;   /* a bit for each reason that was printed */
    uint32_t check;
} plan_t;

KEPT static plan_t plan;

enum { PLAN_MAGIC = 0x506c616e };

static inline uint32_t plan_checksum(void) {
    uint32_t sum = 0x1234567;
    const uint32_t words[] = {plan.magic, plan.phase, plan.step, plan.told};
    for (size_t at = 0; at < sizeof(words) / sizeof(words[0]); at++) sum = (sum ^ words[at]) * 0x01000193 + (sum >> 15);
    return sum;
}

static inline void plan_seal(void) {
    plan.check = plan_checksum();
}

static inline void broken(const char *rule) {
    printf("broken: %s (phase %u, step %u)\n", rule, (unsigned)plan.phase, (unsigned)plan.step);
    board_exit(BOARD_BROKEN);
}

static inline void plan_next_step(void) {
    plan.step++;
    plan_seal();
}

static inline void plan_next_phase(void) {
    plan.phase++;
    plan.step = 0;
    plan_seal();
}

static inline bool kept_first_time(int reason) {
    const bool first = (plan.told >> reason & 1) == 0;
    plan.told |= 1u << reason;
    plan_seal();
    return first;
}

/* Whether this is a start after a reset, with the plan as it was before; the first start begins one. */
static inline bool plan_continue(void) {
    if (plan.magic == PLAN_MAGIC) {
        check(plan.check == plan_checksum(), "the plan was damaged");
        return true;
    }
    plan = (plan_t){.magic = PLAN_MAGIC};
    plan_seal();
    return false;
}

/* ---- Contents ----------------------------------------------------------------------------------------------- */

static inline uint32_t content(size_t index, uint32_t generation, size_t word) {
    return (uint32_t)index << 24 ^ generation << 8 ^ (uint32_t)word ^ 0x5a00005a;
}

static inline void fill(volatile uint32_t *block, size_t index, uint32_t generation) {
    for (size_t word = 0; word < BLOCK_WORDS; word++) block[word] = content(index, generation, word);
}

static inline bool is_filled(const volatile uint32_t *block, size_t index, uint32_t generation) {
    for (size_t word = 0; word < BLOCK_WORDS; word++) {
        if (block[word] != content(index, generation, word)) return false;
    }
    return true;
}

#ifdef CLEARED
#define OF_THE_POOL
#else
#define OF_THE_POOL KEPT
#endif

/* ---- The pool, and what it logs ----------------------------------------------------------------------------- */

OF_THE_POOL static MEMORY_POOL_RETAINED_BUFFER(memory, BLOCK_WORDS * 4, BLOCKS);
static const memory_pool_retained_config_t config = {BLOCK_WORDS * 4, BLOCKS, 7};
static memory_pool_retained_t pool;
static esp_err_t found;

/* Ordinary memory is made anew by each start. */
static uint32_t in_data = 0x600d, in_bss;

static char logged[256];
static size_t logged_bytes;

static inline void keep(const char *text, size_t length) {
    for (size_t at = 0; at < length && logged_bytes < sizeof(logged) - 1; at++) logged[logged_bytes++] = text[at];
    logged[logged_bytes] = '\0';
}

/* What every start does first, and whether it is one after a reset. `found` says what the memory held. */
static inline bool begin(void) {
    microusc_bare_set_writer(keep);
    check(in_data == 0x600d && in_bss == 0, "ordinary memory outlived a reset");
    in_data = in_bss = 1;
    const bool again = plan_continue();
    logged_bytes = 0;
    logged[0] = '\0';
    check(memory_pool_retained_open(&pool, memory, sizeof(memory), &config, &found) == ESP_OK, "the pool is refused");
    if (found == ESP_OK) {
        check(logged_bytes == 0, "an intact pool is complained about");
        return again;
    }
    const char *const reason = memory_pool_err_to_name(found);
    check(is_in(logged, reason) && logged[logged_bytes - 1] == '\n', "the reason is not logged");
    if (kept_first_time(found - MEMORY_POOL_ERR_RETAINED_NONE)) printf("  %s", logged);
    return again;
}

static inline memory_pool_retained_info_t info_of_pool(void) {
    memory_pool_retained_info_t info;
    check(memory_pool_retained_get_info(&pool, &info) == ESP_OK, "an open pool has no information");
    return info;
}

static inline volatile uint32_t *block_of(size_t index) {
    return memory_pool_retained_at(&pool, index);
}

static inline void give(size_t index) {
    check(memory_pool_retained_free(&pool, (void *)block_of(index)) == ESP_OK, "a block cannot be returned");
}

/* A block that was taken: its number. */
static inline size_t number_of(const volatile uint32_t *block) {
    const size_t index = memory_pool_retained_index_of(&pool, (const void *)block);
    const uintptr_t first = (uintptr_t)memory + MEMORY_POOL_RETAINED_BOOKS(BLOCKS) * 4;
    check(index < BLOCKS, "a block without a number");
    check((uintptr_t)block == first + index * BLOCK_WORDS * 4, "a block in the wrong place");
    check(block_of(index) == block, "a number leads to another block");
    return index;
}

/* Whatever was before: every block can be taken, once, and returned. The pool is empty before and after. */
static inline void work_out(void) {
    bool taken[BLOCKS] = {false};
    check(info_of_pool().used_blocks == 0, "blocks are in use in an empty pool");
    check(memory_pool_retained_next_live(&pool, 0) == SIZE_MAX, "an empty pool lists a block");
    for (size_t count = 0; count < BLOCKS; count++) {
        volatile uint32_t *const block = memory_pool_retained_alloc(&pool);
        check(block != NULL, "a free block is not to be had");
        const size_t index = number_of(block);
        check(!taken[index], "a block is taken twice");
        taken[index] = true;
        for (size_t word = 0; word < BLOCK_WORDS; word++) block[word] = UINT32_MAX;
    }
    check(memory_pool_retained_alloc(&pool) == NULL, "a block too many");
    check(memory_pool_retained_validate(&pool) == ESP_OK, "the books are wrong when all blocks are in use");
    for (size_t index = 0; index < BLOCKS; index++) give(index);
    check(info_of_pool().used_blocks == 0, "a block that was returned is in use");
    check(memory_pool_retained_validate(&pool) == ESP_OK, "the books are wrong when all blocks are free");
}

#endif /* FIRMWARE_KEPT_H */
