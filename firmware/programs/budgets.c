/*
 * Allocs and frees in every order, for `cargo xtask budgets`, which counts the instructions of each call. The two functions
 * below mark where blocks are used for the first time and where again.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include "MicroUSC/system/memory_pool.h"
#include "board.h"

enum { BLOCKS = 40 };

static memory_pool_t pool;
static void *blocks[BLOCKS];

__attribute__((noinline)) void budget_first(void) {
    __asm__ volatile("" ::"r"(1));
}

__attribute__((noinline)) void budget_again(void) {
    __asm__ volatile("" ::"r"(2));
}

/* One pattern for both pairs of functions. */
#define PATTERNS(alloc, free)                                                                                         \
    do {                                                                                                              \
        if (!memory_pool_init(&pool, 32, BLOCKS)) return BOARD_BROKEN;                                                \
        budget_first();                                                                                               \
        for (size_t at = 0; at < BLOCKS; at++) blocks[at] = alloc(&pool);                                              \
        budget_again();                                                                                               \
        for (size_t at = 0; at < BLOCKS; at++) free(&pool, blocks[at * 7 % BLOCKS]);                                   \
        for (size_t at = 0; at < BLOCKS; at++) { /* a pair at every fill level */                                     \
            free(&pool, alloc(&pool));                                                                                \
            blocks[at] = alloc(&pool);                                                                                 \
        }                                                                                                             \
        for (size_t at = 0; at < BLOCKS; at++) free(&pool, blocks[at]);                                                \
        for (size_t at = 0; at < BLOCKS; at++) blocks[at] = alloc(&pool);                                              \
        for (size_t at = BLOCKS; at > 0; at--) free(&pool, blocks[at - 1]);                                            \
        if (pool.free_blocks != BLOCKS) return BOARD_BROKEN;                                                          \
        memory_pool_info_t info;                                                                                      \
        memory_pool_get_info(&pool, &info);                                                                           \
        printf("ram c %zu\n", info.overhead_bytes - BLOCKS);                                                          \
        memory_pool_destroy(&pool);                                                                                   \
    } while (0)

int main(void) {
    PATTERNS(memory_pool_alloc, memory_pool_free);
    PATTERNS(memory_pool_alloc_unsynchronized, memory_pool_free_unsynchronized);
    return BOARD_PASSED;
}
