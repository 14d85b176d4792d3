/*
 * What the programs that are reset share: a retained pool, and the plan, which says what was done before a reset and so what
 * must be found after it. Both lie in memory that start-up does not clear. The plan has a checksum of its own.
 *
 * With CLEARED the pool lies in memory that start-up clears, which must be found.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_RETAINED_PROGRAM_H
#define FIRMWARE_RETAINED_PROGRAM_H

#include "MicroUSC/port/bare.h"
#include "MicroUSC/system/memory_pool_retained.h"

static inline void plan_print(void);
#define BROKEN_DETAILS plan_print
#include "checks.h"

/* Memory that start-up does not clear: see the linker scripts. */
#define NOT_CLEARED __attribute__((section(".noinit")))

enum { BLOCKS = 37, BLOCK_WORDS = 4 };

/* ---- The plan ----------------------------------------------------------------------------------------------- */

typedef struct {
    uint32_t magic, phase, step;
    uint32_t printed; /* a bit for each reason that was printed */
    uint32_t check;
} plan_t;

NOT_CLEARED static plan_t plan;

enum { PLAN_MAGIC = 0x506c616e };

static inline uint32_t plan_checksum(void) {
    uint32_t sum = 0x1234567;
    const uint32_t words[] = {plan.magic, plan.phase, plan.step, plan.printed};
    for (size_t at = 0; at < sizeof(words) / sizeof(words[0]); at++) sum = (sum ^ words[at]) * 0x01000193 + (sum >> 15);
    return sum;
}

static inline void plan_seal(void) {
    plan.check = plan_checksum();
}

static inline void plan_print(void) {
    printf("in phase %u, step %u\n", (unsigned)plan.phase, (unsigned)plan.step);
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

static inline bool is_first_print_of(int reason) {
    const bool first = (plan.printed >> reason & 1) == 0;
    plan.printed |= 1u << reason;
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
#define POOL_MEMORY
#else
#define POOL_MEMORY NOT_CLEARED
#endif

/* ---- The pool, and what it logs ----------------------------------------------------------------------------- */

POOL_MEMORY static MEMORY_POOL_RETAINED_BUFFER(memory, BLOCK_WORDS * 4, BLOCKS);
static const memory_pool_retained_config_t config = {BLOCK_WORDS * 4, BLOCKS, 7};
static memory_pool_retained_t pool;
static esp_err_t found;

/* Each start initialises ordinary memory. */
static uint32_t in_data = 0x600d, in_bss;

static char logged[256];
static size_t logged_bytes;

static inline void keep_log(const char *text, size_t length) {
    for (size_t at = 0; at < length && logged_bytes < sizeof(logged) - 1; at++) logged[logged_bytes++] = text[at];
    logged[logged_bytes] = '\0';
}

/* The first step of every start; returns whether it is a start after a reset. `found` says what was in the memory. */
static inline bool begin(void) {
    microusc_bare_set_writer(keep_log);
    check(in_data == 0x600d && in_bss == 0, "ordinary memory outlived a reset");
    in_data = in_bss = 1;
    const bool again = plan_continue();
    logged_bytes = 0;
    logged[0] = '\0';
    check(memory_pool_retained_open(&pool, memory, sizeof(memory), &config, &found) == ESP_OK, "the pool was refused");
    if (found == ESP_OK) {
        check(logged_bytes == 0, "an intact pool is logged");
        return again;
    }
    const char *const reason = memory_pool_err_to_name(found);
    check(is_in(logged, reason) && logged[logged_bytes - 1] == '\n', "the reason is not logged");
    if (is_first_print_of(found - MEMORY_POOL_ERR_RETAINED_NONE)) printf("  %s", logged);
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

static inline void free_block(size_t index) {
    check(memory_pool_retained_free(&pool, (void *)block_of(index)) == ESP_OK, "a correct free was refused");
}

/* The index of an allocated block. */
static inline size_t checked_index_of(const volatile uint32_t *block) {
    const size_t index = memory_pool_retained_index_of(&pool, (const void *)block);
    const uintptr_t first = (uintptr_t)memory + MEMORY_POOL_RETAINED_BOOKS(BLOCKS) * 4;
    check(index < BLOCKS, "a block has no index");
    check((uintptr_t)block == first + index * BLOCK_WORDS * 4, "a block is in the wrong place");
    check(block_of(index) == block, "an index leads to another block");
    return index;
}

/* Every block can be allocated once and freed. No block is live before and after. */
static inline void use_every_block(void) {
    bool allocated[BLOCKS] = {false};
    check(info_of_pool().used_blocks == 0, "a pool without live blocks counts some");
    check(memory_pool_retained_next_live(&pool, 0) == SIZE_MAX, "a pool without live blocks lists one");
    for (size_t count = 0; count < BLOCKS; count++) {
        volatile uint32_t *const block = memory_pool_retained_alloc(&pool);
        check(block != NULL, "a free block was not allocated");
        const size_t index = checked_index_of(block);
        check(!allocated[index], "a block was allocated twice");
        allocated[index] = true;
        for (size_t word = 0; word < BLOCK_WORDS; word++) block[word] = UINT32_MAX;
    }
    check(memory_pool_retained_alloc(&pool) == NULL, "more blocks were allocated than there are");
    check(memory_pool_retained_validate(&pool) == ESP_OK, "the map is wrong when all blocks are live");
    for (size_t index = 0; index < BLOCKS; index++) free_block(index);
    check(info_of_pool().used_blocks == 0, "a freed block is live");
    check(memory_pool_retained_validate(&pool) == ESP_OK, "the map is wrong when all blocks are free");
}

#endif /* FIRMWARE_RETAINED_PROGRAM_H */
