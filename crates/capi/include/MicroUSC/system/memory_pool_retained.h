/*
 * MicroUSC retained pools: blocks that stay in use over deep sleep and reset, in memory that no start-up code clears.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     RTC_NOINIT_ATTR static MEMORY_POOL_RETAINED_BUFFER(memory, 32, 20);
 *     static memory_pool_retained_t pool;
 *     static const memory_pool_retained_config_t config = {32, 20, 1};
 *
 *     esp_err_t found;
 *     esp_err_t err = memory_pool_retained_open(&pool, memory, sizeof(memory), &config, &found);
 *     // found: ESP_OK when the pool is as it was left, otherwise why it is empty
 *     for (size_t i = memory_pool_retained_next_live(&pool, 0); i != SIZE_MAX;
 *          i = memory_pool_retained_next_live(&pool, i + 1)) use(memory_pool_retained_at(&pool, i));
 *
 * Taking or returning a block is one store to the retained memory, which holds its own checksum: power may fail at any
 * moment. No address is kept there, so use numbers, not pointers, to point from block to block. The lock is in
 * ordinary memory and new at each start. What the blocks hold is yours to check: a block is in use from the moment
 * it was allocated, even if power failed before it was filled.
 *
 * Unless a comment says otherwise a function may be called from tasks, from interrupts up to the level that the port's
 * critical section masks, and from both cores, and takes constant time. In one critical section it looks the struct up among
 * the open pools, of which there are at most MEMORY_POOL_RETAINED_MAX_OPEN; then it holds the pool's lock. On the ESP32
 * itself, fast RTC memory belongs to core 0. Sizes are bytes, counts are blocks.
 *
 * Every function refuses NULL and a struct that holds no open pool, whatever the bytes of that struct are. Not open are: a copy
 * of a struct; a struct into which its old bytes were copied after its pool was closed; a struct that survived a reset.
 * Functions that return no esp_err_t report the refusal.
 */
#ifndef MICROUSC_SYSTEM_MEMORY_POOL_RETAINED_H
#define MICROUSC_SYSTEM_MEMORY_POOL_RETAINED_H

#include "MicroUSC/system/memory_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What was wrong with the memory, so that the pool was made anew. */
#define MEMORY_POOL_ERR_RETAINED_NONE (MEMORY_POOL_ERR_BASE + 32)       /* no pool: first start, or power was lost */
#define MEMORY_POOL_ERR_RETAINED_CHECKSUM (MEMORY_POOL_ERR_BASE + 33)   /* the header was damaged */
#define MEMORY_POOL_ERR_RETAINED_VERSION (MEMORY_POOL_ERR_BASE + 34)    /* made by another version of this library */
#define MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE (MEMORY_POOL_ERR_BASE + 35) /* another block size */
#define MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS (MEMORY_POOL_ERR_BASE + 36) /* another number of blocks */
#define MEMORY_POOL_ERR_RETAINED_TAG (MEMORY_POOL_ERR_BASE + 37)        /* another tag */
#define MEMORY_POOL_ERR_RETAINED_MAP (MEMORY_POOL_ERR_BASE + 38)        /* the map of blocks in use was damaged */

#define MEMORY_POOL_RETAINED_MAX_BLOCKS 512

/* Retained pools that are open at one time, at most. */
#define MEMORY_POOL_RETAINED_MAX_OPEN 16

/* Words of 32 bits before the blocks: a header, and one for each 16 blocks. */
#define MEMORY_POOL_RETAINED_BOOKS(num_blocks) (((6 + ((num_blocks) + 15) / 16) + 1) / 2 * 2)

/* Bytes of memory that a retained pool takes. */
#define MEMORY_POOL_RETAINED_SIZE(block_size, num_blocks)                                                             \
    (MEMORY_POOL_RETAINED_BOOKS(num_blocks) * 4 +                                                                     \
     ((block_size) + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *) * (num_blocks))

/* Declares that memory, as the array `name`: give it the section attribute of memory that is not cleared. */
#define MEMORY_POOL_RETAINED_BUFFER(name, block_size, num_blocks)                                                     \
    size_t name[(MEMORY_POOL_RETAINED_SIZE(block_size, num_blocks) + sizeof(size_t) - 1) / sizeof(size_t)]

typedef struct {
    size_t block_size; /* at least sizeof(void *) */
    size_t num_blocks; /* 1 to MEMORY_POOL_RETAINED_MAX_BLOCKS */
    uint32_t tag;      /* change it when the meaning of the contents changes: old blocks are then not taken over */
} memory_pool_retained_config_t;

#define MEMORY_POOL_RETAINED_STATE_WORDS 24

/* What is in ordinary memory. Nothing in it is for reading, and it stays where it is until the pool is closed. */
typedef struct {
    size_t opaque[MEMORY_POOL_RETAINED_STATE_WORDS];
} memory_pool_retained_t;

/* A snapshot. Counters begin anew at each start, and stop at UINT32_MAX. */
typedef struct {
    size_t block_size;       /* bytes a block may use: the size asked for, rounded up to a pointer */
    size_t num_blocks;       /* all blocks */
    size_t used_blocks;      /* blocks in use */
    size_t lowest_free;      /* the fewest free blocks since the start */
    uint32_t alloc_failures; /* allocations refused because every block was in use */
    uint32_t refused_frees;  /* wrong frees that were refused */
    uint32_t corruptions;    /* times that a damaged word of the map was met */
} memory_pool_retained_info_t;

/*
 * Takes over the pool in `memory`, whatever that holds, or makes an empty one there and reports why. O(num_blocks), and
 * O(pools); from tasks only. `memory` is aligned to a pointer. `*found` (may be NULL): ESP_OK, or
 * MEMORY_POOL_ERR_RETAINED_*. Returns ESP_OK for both. ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_SIZE; ESP_ERR_INVALID_STATE, if
 * this pool is open, or another retained pool or live pool has any byte of struct or memory (except that they may lie inside one
 * block in use): nothing was touched. ESP_ERR_NO_MEM if MEMORY_POOL_RETAINED_MAX_OPEN are open.
 */
esp_err_t memory_pool_retained_open(memory_pool_retained_t *pool, void *memory, size_t memory_size,
                                    const memory_pool_retained_config_t *config, esp_err_t *found);

/* Closes a pool: its memory stays as it is, also if the struct was overwritten. Not needed before sleep. O(1); tasks only.
 * ESP_ERR_INVALID_ARG for NULL; ESP_ERR_INVALID_STATE if the pool is not open, silently if it was closed or is zeroed. */
esp_err_t memory_pool_retained_close(memory_pool_retained_t *pool);

/*
 * Allocates a block; its content is what was left in it. NULL when all are in use. Not `malloc` to the compiler, which would
 * leave out what is written into a block that only the next start reads.
 */
void *memory_pool_retained_alloc(memory_pool_retained_t *pool);

/* Frees a block. ESP_OK, MEMORY_POOL_ERR_NOT_A_BLOCK, _DOUBLE_FREE, _CORRUPT, ESP_ERR_INVALID_ARG or _STATE. */
esp_err_t memory_pool_retained_free(memory_pool_retained_t *pool, void *block);

/* The number of a block, which is the same at every start; SIZE_MAX if no block begins there. */
size_t memory_pool_retained_index_of(memory_pool_retained_t *pool, const void *block);

/* The block of this number, or NULL if it is not in use. */
void *memory_pool_retained_at(memory_pool_retained_t *pool, size_t index);

/* The first number of a block in use that is at least `from`; SIZE_MAX if there is none. O(num_blocks / 16). */
size_t memory_pool_retained_next_live(memory_pool_retained_t *pool, size_t from);

/* Checks what the next start will check. O(num_blocks). ESP_OK, or MEMORY_POOL_ERR_RETAINED_*. */
esp_err_t memory_pool_retained_validate(memory_pool_retained_t *pool);

esp_err_t memory_pool_retained_get_info(memory_pool_retained_t *pool, memory_pool_retained_info_t *info);

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_SYSTEM_MEMORY_POOL_RETAINED_H */
