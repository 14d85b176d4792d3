/*
 * MicroUSC leak reports: which call allocated the blocks that are in use, and when.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     memory_pool_record_sites(&pool, true);                                   // at any time, in the field as well
 *     void *block = MEMORY_POOL_ALLOC_HERE(&pool);                             // with file and line
 *     ...
 *     memory_pool_dump_leaks(&pool, 60 * 1000000ull, NULL, NULL);              // what is older than a minute, printed
 *
 *     pool "net": 3 in use, taken at net.c:42 by task 0x3ffb1f40 on core 0, the oldest 0x3ffb0010 for 60.512 s
 *
 * A record lives exactly as long as its block: it is written when the block is allocated and cleared when it is freed.
 * There is one slot for each block, so there is always room. Times have 64 bits. Nothing is kept in the blocks.
 *
 * Cost while a pool keeps no records: 8 bytes of its control block; nothing in memory_pool_alloc and memory_pool_free; one
 * test of a pointer in the other functions that allocate blocks. While it keeps them: MEMORY_POOL_SITES_SIZE bytes of
 * internal RAM, and O(1) more for each alloc (one critical section, and what it takes to ask for time and task) and
 * free (a store). An archive built without the feature `diagnostics` has none of it: there every block in use is reported
 * as one that was not recorded, and memory_pool_record_sites refuses with ESP_ERR_NOT_SUPPORTED.
 */
#ifndef MICROUSC_SYSTEM_MEMORY_POOL_LEAKS_H
#define MICROUSC_SYSTEM_MEMORY_POOL_LEAKS_H

#include "MicroUSC/system/memory_pool_set.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Keeping records (O(num_blocks); from tasks only) --------------------------------------------------------- */

/*
 * Begins (`on`) or ends keeping records, in internal RAM from the heap. Blocks in use already have none.
 * ESP_ERR_INVALID_STATE if that is so already, or for no pool; ESP_ERR_NO_MEM; ESP_ERR_INVALID_ARG;
 * ESP_ERR_NOT_SUPPORTED. What is refused is logged, and nothing is changed.
 */
esp_err_t memory_pool_record_sites(memory_pool_t *pool, bool on);

/* The same with records in the caller's memory, internal and byte-addressable, until that ends or the pool does.
 * ESP_ERR_INVALID_SIZE for less than MEMORY_POOL_SITES_SIZE; MEMORY_POOL_ERR_WRONG_MEMORY; ESP_ERR_INVALID_STATE, and nothing
 * written, for memory that something else has, as for memory_pool_init_static. */
esp_err_t memory_pool_record_sites_in(memory_pool_t *pool, void *memory, size_t memory_size);

/* Bytes that are enough for the records of so many blocks, wherever they begin. */
#define MEMORY_POOL_SITES_SIZE(num_blocks) ((num_blocks) * (16 + 2 * sizeof(void *)) + 8)

/* ---- Taking blocks with a place -------------------------------------------------------------------------------- */

/* memory_pool_alloc, from this line of this file: a string that lives for ever, as __FILE__ does. */
void *memory_pool_alloc_at(memory_pool_t *pool, uint32_t line, const char *file);
void *memory_pool_set_alloc_at(memory_pool_set_t *set, size_t size, uint32_t line, const char *file);

/* memory_pool_alloc, from an address of code: for a function that many call, with __builtin_return_address(0). */
void *memory_pool_alloc_from(memory_pool_t *pool, const void *caller);

#define MEMORY_POOL_ALLOC_HERE(pool) memory_pool_alloc_at((pool), __LINE__, __FILE__)
#define MEMORY_POOL_SET_ALLOC_HERE(set, size) memory_pool_set_alloc_at((set), (size), __LINE__, __FILE__)

/* All of a file's calls, with this defined before it includes anything: -DMEMORY_POOL_RECORD_CALLS for a whole program. */
#ifdef MEMORY_POOL_RECORD_CALLS
#define memory_pool_alloc(pool) MEMORY_POOL_ALLOC_HERE(pool)
#define memory_pool_set_alloc(set, size) MEMORY_POOL_SET_ALLOC_HERE(set, size)
#endif

/* ---- Reports ---------------------------------------------------------------------------------------------------- */

/* A block in use. Blocks that other functions allocated are recorded as well, without a call site. */
typedef struct {
    const void *block;
    const char *file;   /* where it was allocated, or NULL */
    const void *caller; /* the address that the call returns to, or NULL */
    const void *task;   /* with FreeRTOS a TaskHandle_t; NULL in an interrupt, or before there are tasks */
    uint64_t time_us;   /* when, since the start */
    uint64_t age_us;    /* how long ago; UINT64_MAX if it was not recorded */
    uint32_t line;      /* in `file`, or 0 */
    uint8_t core;
    bool in_interrupt;
    bool recorded; /* allocated while records were kept; otherwise only `block` is known */
} memory_pool_site_t;

/* What is known of a block in use. O(pools). MEMORY_POOL_ERR_NOT_A_BLOCK for any other address. */
esp_err_t memory_pool_get_site(memory_pool_t *pool, const void *block, memory_pool_site_t *site);

/*
 * Reports the blocks in use that were allocated at least `older_than_us` ago or at an unknown time, and returns their number.
 * `each` is called for one block after the other, with no lock held; meanwhile other tasks may use the pool, and so may
 * `each`. NULL: prints one line for each of the first 16 call sites, and one for each block from another call site.
 * O(num_blocks), in a critical section for each block. From tasks only.
 */
size_t memory_pool_dump_leaks(memory_pool_t *pool, uint64_t older_than_us,
                              void (*each)(const memory_pool_site_t *site, void *argument), void *argument);

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_SYSTEM_MEMORY_POOL_LEAKS_H */
