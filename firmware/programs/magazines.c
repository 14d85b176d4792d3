/*
 * An experiment: a magazine for each core in front of a pool, compared with the pool's lock alone. A magazine keeps up to
 * eight blocks of its core, and is used with only that core's interrupts masked. If it is empty, four blocks are allocated
 * in one critical section of the pool; if it is full, four are freed in one.
 *
 * The results are printed and not compared with a limit. They are times, but of an emulator that takes the same time for
 * every instruction (`even` in firmware/programs.toml), so that they stand for instructions, waiting
 * included. Under `-icount shift=0` with one core the first two lines count instructions; then the program waits for ever
 * for the second core.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdint.h>
#include <stdio.h>
#include "MicroUSC/system/memory_pool.h"
#include "board.h"

enum { BLOCKS = 128, BYTES = 32, ROOM = 8, BATCH = 4, CORES = 2, BLOCK_MOST = 32, PAIRS = 512, ROUNDS = 9, RING = 32 };

static memory_pool_t pool;

/* ---- Magazines -------------------------------------------------------------------------------------------------- */

typedef struct {
    size_t count;
    void *blocks[ROOM];
} __attribute__((aligned(64))) magazine_t;

static magazine_t magazines[CORES];

static inline uint32_t mask(void) {
    uint32_t saved;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(saved)::"memory");
    return saved & 8;
}

static inline void restore(uint32_t saved) {
    __asm__ volatile("csrs mstatus, %0" ::"r"(saved) : "memory");
}

static inline magazine_t *own(void) {
    uint32_t core;
    __asm__ volatile("csrr %0, mhartid" : "=r"(core));
    return &magazines[core];
}

/* The slow paths are calls at the end, as in the library: in the middle each would cost seven saved registers. */
__attribute__((noinline)) static void *refill(memory_pool_t *from, magazine_t *magazine, uint32_t saved) {
    void *block = NULL;
    if (memory_pool_alloc_batch(from, magazine->blocks, BATCH) == ESP_OK) {
        magazine->count = BATCH - 1;
        block = magazine->blocks[BATCH - 1];
    }
    restore(saved);
    return block;
}

__attribute__((noinline)) static void *magazine_alloc(memory_pool_t *from) {
    const uint32_t saved = mask();
    magazine_t *const magazine = own();
    const size_t count = magazine->count;
    if (count == 0) return refill(from, magazine, saved);
    void *const block = magazine->blocks[count - 1];
    magazine->count = count - 1;
    restore(saved);
    return block;
}

__attribute__((noinline)) static void free_batch(memory_pool_t *to, void *block, magazine_t *magazine, uint32_t saved) {
    if (memory_pool_free_batch(to, magazine->blocks + BATCH, BATCH) != ESP_OK) board_exit(BOARD_BROKEN);
    magazine->blocks[BATCH] = block;
    magazine->count = BATCH + 1;
    restore(saved);
}

__attribute__((noinline)) static void magazine_free(memory_pool_t *to, void *block) {
    const uint32_t saved = mask();
    magazine_t *const magazine = own();
    const size_t count = magazine->count;
    if (count == ROOM) {
        free_batch(to, block, magazine, saved);
        return;
    }
    magazine->blocks[count] = block;
    magazine->count = count + 1;
    restore(saved);
}

/* ---- What is measured ------------------------------------------------------------------------------------------- */

typedef struct {
    void *(*alloc)(memory_pool_t *);
    void (*free)(memory_pool_t *, void *);
} way_t;

static const way_t ways[2] = {{memory_pool_alloc, memory_pool_free}, {magazine_alloc, magazine_free}};

static void must_have(void *block) {
    if (block == NULL) board_exit(BOARD_BROKEN);
    *(volatile uint32_t *)block = 1;
}

/* Allocates `depth` blocks and frees them. */
static void own_blocks(const way_t *way, size_t depth) {
    void *held[BLOCK_MOST];
    for (size_t pair = 0; pair < PAIRS; pair += depth) {
        for (size_t at = 0; at < depth; at++) must_have(held[at] = way->alloc(&pool));
        for (size_t at = 0; at < depth; at++) way->free(&pool, held[at]);
    }
}

static void one_by_one(const way_t *way, size_t core) {
    (void)core;
    own_blocks(way, 1);
}

static void sixteen(const way_t *way, size_t core) {
    (void)core;
    own_blocks(way, 16);
}

/* One core allocates, the other frees. */
static void *ring[RING];

static void pass_on(const way_t *way, size_t core) {
    for (size_t pair = 0; pair < PAIRS; pair++) {
        void **const slot = &ring[pair % RING];
        if (core == 0) {
            void *const block = way->alloc(&pool);
            must_have(block);
            while (__atomic_load_n(slot, __ATOMIC_ACQUIRE) != NULL) {
            }
            __atomic_store_n(slot, block, __ATOMIC_RELEASE);
        } else {
            void *block;
            while ((block = __atomic_load_n(slot, __ATOMIC_ACQUIRE)) == NULL) {
            }
            __atomic_store_n(slot, NULL, __ATOMIC_RELEASE);
            way->free(&pool, block);
        }
    }
}

/* ---- Two cores -------------------------------------------------------------------------------------------------- */

typedef void (*work_t)(const way_t *way, size_t core);

static work_t work;
static const way_t *work_way;
static uint32_t turn, done; /* the number of the work that the second core shall do, and did */

static void second(void) {
    for (uint32_t mine = 1;; mine++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine) {
        }
        work(work_way, 1);
        __atomic_store_n(&done, mine, __ATOMIC_RELEASE);
    }
}

static uint32_t together(work_t what, const way_t *way) {
    work = what;
    work_way = way;
    const uint32_t mine = turn + 1;
    const uint32_t start = board_time();
    __atomic_store_n(&turn, mine, __ATOMIC_RELEASE);
    what(way, 0);
    while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) != mine) {
    }
    return board_time() - start;
}

static uint32_t alone(work_t what, const way_t *way) {
    const uint32_t start = board_time();
    what(way, 0);
    return board_time() - start;
}

/* The time with magazines in percent of the time without: the median over rounds that measure both in turn. */
static void compare(const char *name, uint32_t (*measure)(work_t, const way_t *), work_t what) {
    uint32_t percent[ROUNDS], ticks[2] = {0, 0};
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t way = 0; way < 2; way++) ticks[way] = measure(what, &ways[way]);
        const uint32_t now = ticks[1] * 100 / (ticks[0] == 0 ? 1 : ticks[0]);
        size_t at = round;
        for (; at > 0 && percent[at - 1] > now; at--) percent[at] = percent[at - 1];
        percent[at] = now;
    }
    printf("measured %s: magazines %u %% (%u to %u) of the lock alone; last %u, %u ns a pair\n", name,
           (unsigned)percent[ROUNDS / 2], (unsigned)percent[ROUNDS / 4], (unsigned)percent[ROUNDS * 3 / 4],
           (unsigned)(ticks[1] * 100 / PAIRS), (unsigned)(ticks[0] * 100 / PAIRS));
}

int main(void) {
    if (!memory_pool_init(&pool, BYTES, BLOCKS)) return BOARD_BROKEN;
    compare("one core, one block at a time", alone, one_by_one);
    compare("one core, sixteen at a time", alone, sixteen);
    board_start_second_core(second);
    compare("two cores, one block at a time", together, one_by_one);
    compare("two cores, sixteen at a time", together, sixteen);
    compare("one core allocs, one frees", together, pass_on);
    const size_t kept = magazines[0].count + magazines[1].count;
    if (pool.free_blocks + kept != BLOCKS || memory_pool_validate(&pool) != ESP_OK) return BOARD_BROKEN;
    puts("every block is in the pool or in a magazine");
    return BOARD_PASSED;
}
