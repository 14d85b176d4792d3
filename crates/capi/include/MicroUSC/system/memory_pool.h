/*
 * MicroUSC memory pools: blocks of one size, allocated and freed in constant time; every misuse is detected.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     static memory_pool_t pool;
 *
 *     if (!memory_pool_init(&pool, 64, 20)) return ESP_ERR_NO_MEM;   // 20 blocks of 64 bytes
 *     void *block = memory_pool_alloc(&pool);                        // NULL when none is free; never waits
 *     ...
 *     memory_pool_free(&pool, block);                                // a wrong free is refused, counted, logged
 *
 * Unless a comment says otherwise a function may be called from tasks, from interrupts up to the level that the
 * port's critical section masks, and from both cores; takes constant time; and holds the pool's lock for the list
 * operation only. Sizes are bytes, counts are blocks.
 *
 * Functions for tasks only refuse a call from an interrupt: they report it, change nothing, and return
 * ESP_ERR_INVALID_STATE, false, NULL or 0. (The bare-metal port recognises an interrupt on Cortex-M only. On other cores the
 * program has to take care of it.)
 *
 * Structs that hold no pool. Every function refuses NULL and a zeroed struct (never initialised, or destroyed) with a report;
 * the queries memory_pool_status, _get_info, _owns, _get_name and _next refuse without one. If the struct holds anything else:
 *
 *   memory_pool_alloc, _alloc_reason, _alloc_zeroed, _alloc_from_isr, _alloc_unsynchronized, _alloc_at, _alloc_from,
 *   memory_pool_free, _free_reason, _free_unsynchronized
 *       follow the field `control` without checking it, because a check would cost as much as the operation. Their behaviour
 *       is undefined. Zero a struct that is initialised later, and check what the init function returns.
 *   all other functions
 *       look the struct's address up in the list of live pools, in one more critical section of O(pools). If it is not there,
 *       they refuse it like a zeroed struct and do not read it. If a live pool's struct was overwritten, they still find the
 *       pool: memory_pool_validate reports the damage, memory_pool_repair restores the struct, and memory_pool_destroy
 *       destroys the pool.
 */
#ifndef MICROUSC_SYSTEM_MEMORY_POOL_H
#define MICROUSC_SYSTEM_MEMORY_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef ESP_PLATFORM
#include "esp_err.h"
#include "esp_heap_caps.h"
#else
#include "MicroUSC/port/esp_compat.h" /* esp_err_t and MALLOC_CAP_* where ESP-IDF does not define them */
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define MEMORY_POOL_VERSION_MAJOR 0
#define MEMORY_POOL_VERSION_MINOR 1
#define MEMORY_POOL_VERSION_PATCH 0

#if defined(__GNUC__)
#define MEMORY_POOL_ATTR(...) __attribute__((__VA_ARGS__))
#else
#define MEMORY_POOL_ATTR(...)
#endif

/* ---- Types ------------------------------------------------------------------------------------------------- */

/* A free block. The list of a pool's free blocks ends in NULL. */
typedef struct memory_block_t {
    struct memory_block_t *next;
} memory_block_t;

/* What a pool keeps besides these five fields: allocation map, lock, counters, name. Always in internal RAM. */
struct memory_pool_control;

/*
 * A pool. Reading the first five fields is part of the interface; writing any is not. From another task they are
 * a snapshot that may be out of date.
 */
typedef struct memory_pool_t {
    memory_block_t *memory_free; /* first free block, NULL when none is left */
    void *memory;                /* block 0 */
    size_t block_size;           /* bytes a block may use: the size asked for, rounded up to the alignment */
    size_t num_blocks;           /* all blocks */
    size_t free_blocks;          /* blocks that are free now */
    struct memory_pool_control *control;
} memory_pool_t;

typedef memory_pool_t *memory_block_handle_t;

typedef char serial_data_t[15];

/* The memory of the blocks. An impossible request is refused with its reason. */
typedef enum {
    DRAM = MALLOC_CAP_8BIT,    /* internal, byte-addressable; never external */
    PSRAM = MALLOC_CAP_SPIRAM, /* external; not for interrupts that run while the flash cache is off */
    IRAM = MALLOC_CAP_32BIT,   /* instruction RAM of ESP32 and ESP8266: aligned 32-bit accesses only */
    MEMORY_PLACEMENT_32_BITS = 0x7fffffff /* no placement: the type has 32 bits with -fshort-enums, too */
} memory_placement_t;

/* Further requirements, for memory_pool_config_t.flags. */
#define MEMORY_POOL_FLAG_DMA (1u << 0)   /* peripherals read and write the blocks: aligned and sized for DMA */
#define MEMORY_POOL_FLAG_ISR (1u << 1)   /* used by interrupts that run while the flash cache is off */
#define MEMORY_POOL_FLAG_BYTES (1u << 2) /* the blocks will be accessed by bytes or halves of words */

/* Bytes of a pool's name, with its terminating NUL. */
#define MEMORY_POOL_NAME_SIZE 16

typedef struct {
    size_t block_size;            /* bytes, at least sizeof(void *) */
    size_t num_blocks;            /* at least 1 */
    memory_placement_t placement; /* memory of the blocks */
    uint32_t flags;               /* MEMORY_POOL_FLAG_*, or 0 */
    const char *name;             /* copied, cut to MEMORY_POOL_NAME_SIZE - 1 bytes; NULL: "pool-N" */
} memory_pool_config_t;

/* What memory_pool_init(pool, size, count) uses. */
#define MEMORY_POOL_CONFIG_DEFAULT(size, count) {(size), (count), DRAM, MEMORY_POOL_FLAG_DMA, NULL}

/* A snapshot. Counters stop at UINT32_MAX. */
typedef struct {
    char name[MEMORY_POOL_NAME_SIZE];
    memory_placement_t placement;
    uint32_t flags;
    size_t block_size;       /* bytes a block may use (the stride) */
    size_t requested_size;   /* bytes asked for */
    size_t num_blocks;       /* all blocks */
    size_t free_blocks;      /* blocks that are free now */
    size_t used_blocks;      /* blocks in use */
    size_t lowest_free;      /* the fewest free blocks since the start, or since the last reset */
    size_t storage_bytes;    /* RAM of the blocks */
    size_t overhead_bytes;   /* RAM of everything else: struct, control block, allocation map */
    uint32_t alloc_failures; /* allocations refused because no block was free for the caller */
    uint32_t refused_frees;  /* wrong frees that were refused */
    uint32_t corruptions;    /* times that damage was met in the free list */
    size_t waiting_tasks;    /* tasks that wait for a block now */
} memory_pool_info_t;

/* ---- Reasons ----------------------------------------------------------------------------------------------- */

/*
 * One reason may have several causes: the log line says which it was, and what to do.
 *
 * ESP_ERR_INVALID_ARG     a pointer is NULL, a placement, flag or level is unknown, classes are not in order
 * ESP_ERR_INVALID_SIZE    block size below sizeof(void *), no blocks, more bytes than an address can count, a buffer too
 *                         small, a batch or a reserve larger than the pool
 * ESP_ERR_INVALID_STATE   not initialised; initialised already (the pool keeps working); memory that a live pool has; a pool
 *                         that tasks wait for, in whose blocks another pool lies, or that a set is made of; called by an interrupt
 * ESP_ERR_NOT_SUPPORTED   the archive was built without that
 * ESP_ERR_TIMEOUT         no block became free in time
 * ESP_ERR_NOT_FINISHED    not yet: try again
 * ESP_ERR_NO_MEM          not enough memory of that kind; or, of memory_pool_alloc, no block is free for the caller
 */
#define MEMORY_POOL_ERR_BASE 0x1B000
#define MEMORY_POOL_ERR_NOT_A_BLOCK (MEMORY_POOL_ERR_BASE + 1)     /* freed address is no block of this pool */
#define MEMORY_POOL_ERR_DOUBLE_FREE (MEMORY_POOL_ERR_BASE + 2)     /* freed block is free already */
#define MEMORY_POOL_ERR_CORRUPT (MEMORY_POOL_ERR_BASE + 3)         /* free list damaged: memory_pool_repair */
#define MEMORY_POOL_ERR_IN_USE (MEMORY_POOL_ERR_BASE + 4)          /* blocks are still in use */
#define MEMORY_POOL_ERR_NO_PSRAM (MEMORY_POOL_ERR_BASE + 5)        /* this chip has no external RAM */
#define MEMORY_POOL_ERR_NO_IRAM (MEMORY_POOL_ERR_BASE + 6)         /* this chip has no word-access IRAM for data */
#define MEMORY_POOL_ERR_ISR_IN_PSRAM (MEMORY_POOL_ERR_BASE + 7)    /* external RAM is gone while the cache is off */
#define MEMORY_POOL_ERR_DMA_IN_PSRAM (MEMORY_POOL_ERR_BASE + 8)    /* no DMA from this chip's external RAM */
#define MEMORY_POOL_ERR_DMA_IN_IRAM (MEMORY_POOL_ERR_BASE + 9)     /* no DMA from instruction RAM */
#define MEMORY_POOL_ERR_BYTES_IN_IRAM (MEMORY_POOL_ERR_BASE + 10)  /* instruction RAM takes whole words only */
#define MEMORY_POOL_ERR_WRONG_MEMORY (MEMORY_POOL_ERR_BASE + 11)   /* the memory is not of the kind asked for */
#define MEMORY_POOL_ERR_WRITTEN (MEMORY_POOL_ERR_BASE + 12)        /* a block was written to while it was free */

/* The name of a reason, as "MEMORY_POOL_ERR_DOUBLE_FREE", in a string that lives for ever. */
const char *memory_pool_err_to_name(esp_err_t reason);

/* ---- Making and ending pools (O(pools + num_blocks); from tasks only) ------------------------------------------ */

/*
 * Makes a pool in internal, DMA-capable RAM. `*pool` may hold anything. False, and nothing allocated or written, with the
 * reason logged; a pool that is initialised already is left as it is.
 *
 * The struct is known by its address until memory_pool_destroy. A pool on the stack is destroyed before its function returns:
 * otherwise the next pool at that address is refused with ESP_ERR_INVALID_STATE, and the log says so.
 */
bool memory_pool_init(memory_pool_t *pool, const size_t block_size, const size_t num_blocks);

/* The same in the memory named. DRAM asks for no DMA, so it finds room where memory_pool_init may not. */
bool memory_pool_init_placed(memory_pool_t *pool, const size_t block_size, const size_t num_blocks,
                             const memory_placement_t placement);

/* The same as the configuration says, with the reason returned. */
esp_err_t memory_pool_init_config(memory_pool_t *pool, const memory_pool_config_t *config);

/*
 * The same in the caller's memory: nothing is allocated from a heap. `buffer` holds blocks and control block, so it must
 * be internal and byte-addressable; MEMORY_POOL_STATIC_BUFFER declares one of the right size.
 *
 * Memory that a live pool has (its struct, control block, blocks or records), that an open retained pool has, or that another
 * task is initialising a pool in at this moment, is refused with ESP_ERR_INVALID_STATE before a byte is written. One thing is
 * allowed: the memory lies inside one block that is in use. So pools nest, to any depth. The inner pool is destroyed before its
 * block is freed, which is not checked; the outer pool is not destroyed before it, which is.
 *
 *     static MEMORY_POOL_STATIC_BUFFER(buffer, 64, 20);
 *     static memory_pool_t pool;
 *     esp_err_t err = memory_pool_init_static(&pool, buffer, sizeof(buffer), 64, 20);
 */
esp_err_t memory_pool_init_static(memory_pool_t *pool, void *buffer, const size_t buffer_size,
                                  const size_t block_size, const size_t num_blocks);

/* Bytes that are enough for the control block, the allocation map and the blocks. */
#define MEMORY_POOL_CONTROL_SIZE (17 * sizeof(void *) + 48)
#define MEMORY_POOL_STATIC_SIZE(size, count)                                                                          \
    (MEMORY_POOL_CONTROL_SIZE + (count) + sizeof(void *) +                                                            \
     (((size) + sizeof(void *) - 1) / sizeof(void *)) * sizeof(void *) * (count))
#define MEMORY_POOL_STATIC_BUFFER(name, size, count)                                                                  \
    void *name[(MEMORY_POOL_STATIC_SIZE(size, count) + sizeof(void *) - 1) / sizeof(void *)]

/* Makes a pool, the struct included. End it with memory_pool_destroy. NULL with the reason logged. */
memory_pool_t *memory_pool_malloc(const size_t block_size, const size_t num_blocks) MEMORY_POOL_ATTR(malloc);
memory_pool_t *memory_pool_malloc_placed(const size_t block_size, const size_t num_blocks,
                                         const memory_placement_t placement) MEMORY_POOL_ATTR(malloc);
/* `reason` may be NULL. */
memory_pool_t *memory_pool_malloc_config(const memory_pool_config_t *config, esp_err_t *reason)
    MEMORY_POOL_ATTR(malloc);

#define memory_handler_malloc(block_size, num_blocks) memory_pool_malloc((block_size), (num_blocks))

/*
 * Destroys a pool and gives its memory back; a struct of the caller's is zeroed. Blocks in use become invalid, and their
 * number, counted in the allocation map, is reported. NULL, a zeroed struct and a destroyed pool are left alone silently.
 *
 * Left alone and reported as ESP_ERR_INVALID_STATE:
 *   - a struct that holds anything else, and a class of a set;
 *   - a pool that tasks wait for, or that gave a block to a waiting task which has not returned from its call yet;
 *   - a pool of which a block is being freed by a call that is still in its trace callback;
 *   - a pool with another pool inside one of its blocks (struct, memory or records): destroy that pool first.
 *
 * If two tasks destroy one pool at the same time, one of them does. If a task initialises a pool in the same struct
 * meanwhile, that happens either before or after.
 */
void memory_pool_destroy(memory_pool_t *pool);

/* The same with the reason, unless blocks are in use: then MEMORY_POOL_ERR_IN_USE, and nothing is changed.
 * ESP_ERR_INVALID_ARG for NULL, ESP_ERR_INVALID_STATE for a zeroed struct, both silently. */
esp_err_t memory_pool_destroy_unused(memory_pool_t *pool);

/* ---- Blocks ------------------------------------------------------------------------------------------------ */

/*
 * None of these functions is malloc to the compiler: a block is a part of `pool->memory`, and what is written to it may be read
 * through that.
 */

/*
 * Allocates a block; its content is undefined. NULL if no block is free for the caller, which is counted: every block is in use,
 * or the free ones are the reserve (memory_pool_set_isr_reserve) or kept for tasks that wait (memory_pool_alloc_timeout). NULL
 * with a report if the free list is damaged or the struct holds no pool.
 */
void *memory_pool_alloc(memory_pool_t *pool);

/* The same, and why not: ESP_ERR_NO_MEM, MEMORY_POOL_ERR_CORRUPT, ESP_ERR_INVALID_ARG or _STATE. */
void *memory_pool_alloc_reason(memory_pool_t *pool, esp_err_t *reason);

/*
 * What memory_pool_alloc would return now, with nothing allocated and nothing counted: ESP_OK or a reason as above. It explains
 * a NULL of any of the functions here, unless others use the pool meanwhile. O(pools).
 */
esp_err_t memory_pool_status(memory_pool_t *pool);

/* The same, zeroed. O(block_size), outside the lock, by words. */
void *memory_pool_alloc_zeroed(memory_pool_t *pool);

/* Frees a block. What is no block in use of this pool is refused, counted and logged; the pool is unharmed. */
void memory_pool_free(memory_pool_t *pool, void *block);

/* The same, with the reason: ESP_OK, MEMORY_POOL_ERR_NOT_A_BLOCK, _DOUBLE_FREE, ESP_ERR_INVALID_ARG or _STATE. */
esp_err_t memory_pool_free_reason(memory_pool_t *pool, void *block);

/*
 * Allocates a block. If none is free, the calling task sleeps until one becomes free, or until at least `timeout_ms`
 * milliseconds have passed. The time is never rounded down; MEMORY_POOL_WAIT_FOREVER sets no limit, and 0 acts like
 * memory_pool_alloc. Every block that becomes free is kept for the waiting tasks, whatever freed it: a later call gets a
 * block only if more blocks are free than tasks wait, and memory_pool_alloc_from_isr may also allocate from the reserve.
 *
 * NULL on failure. `reason` (which may be NULL) is then ESP_ERR_TIMEOUT; ESP_ERR_INVALID_STATE in an interrupt, before the
 * scheduler runs, or if the struct holds no pool; ESP_ERR_NO_MEM for a timeout of 0; MEMORY_POOL_ERR_CORRUPT; or
 * ESP_ERR_INVALID_ARG.
 *
 * O(pools). If the task has to wait: O(pools) again, O(waiting tasks) in one critical section, and O(1) in two more when it
 * wakes. While no task waits, no other function is slower because of this one. From tasks.
 */
#define MEMORY_POOL_WAIT_FOREVER UINT32_MAX
void *memory_pool_alloc_timeout(memory_pool_t *pool, const uint32_t timeout_ms);
void *memory_pool_alloc_timeout_reason(memory_pool_t *pool, const uint32_t timeout_ms, esp_err_t *reason);

/*
 * Removes a task, given by its handle, from the queue of every pool. The queue refers to memory on the stack of each task that
 * waits. So before a task that may wait is deleted, suspend it, then call this function. (The drivers of MicroUSC/internal do
 * that when they are removed.) The task gets no block any more; if it runs again all the same, its call returns when the timeout
 * has passed. A block that was granted to the task just before belongs to it, and is lost when the task is deleted.
 * ESP_ERR_NOT_FINISHED: some task is being woken, maybe this one; call it again after a tick. ESP_ERR_INVALID_ARG: NULL.
 * O(pools * pools + waiting tasks), with the lock held for O(pools + tasks waiting for that pool) for each pool. From tasks only.
 */
esp_err_t memory_pool_forget_task(const void *task);

/* Which task is served first: that of the highest priority (among equals, the longest waiting), or the longest waiting. */
typedef enum {
    MEMORY_POOL_WAIT_PRIORITY = 0,
    MEMORY_POOL_WAIT_FIFO = 1,
    MEMORY_POOL_WAIT_32_BITS = 0x7fffffff /* no order: as for memory_placement_t */
} memory_pool_wait_order_t;

/* For tasks that begin to wait from now on; a pool begins with MEMORY_POOL_WAIT_PRIORITY. ESP_ERR_INVALID_ARG for
 * another number. O(pools). */
esp_err_t memory_pool_set_wait_order(memory_pool_t *pool, const memory_pool_wait_order_t order);

/*
 * Allocates or frees `count` blocks: all of them, or none. O(pools), then O(count) in one critical section; while records are
 * kept, blocks are filled or operations traced, blocks are freed in two, and each is filled or traced between these.
 * Tasks that wait are served afterwards, each in a critical section of O(1), and the blocks are left to them until then. ESP_OK;
 * ESP_ERR_INVALID_SIZE for more than the pool has; ESP_ERR_INVALID_ARG for NULL, or for an array that lies inside one of the
 * blocks to be freed; else the reason for which a single block would have been refused. Blocks that could not be allocated are
 * NULL. A wrong free is reported with the wrong address; a block that is listed twice is one.
 */
esp_err_t memory_pool_alloc_batch(memory_pool_t *pool, void **blocks, const size_t count);
esp_err_t memory_pool_free_batch(memory_pool_t *pool, void *const *blocks, const size_t count);

/*
 * Keeps the last `blocks` free blocks for memory_pool_alloc_from_isr; 0 (the default): none. ESP_ERR_INVALID_SIZE, and
 * nothing changed, for more than the pool has. A pool with a reserve allocates and frees blocks by a somewhat longer,
 * still constant, path. O(pools), and O(1) in a critical section more for each waiting task that a smaller reserve serves.
 */
esp_err_t memory_pool_set_isr_reserve(memory_pool_t *pool, const size_t blocks);

/* Allocates a block, also from the reserve: for interrupts, which cannot wait. Free blocks above the reserve are kept for the tasks
 * that wait. */
void *memory_pool_alloc_from_isr(memory_pool_t *pool);

/* Without the lock, every check kept: for a pool that only one task, or only one interrupt, ever uses. */
void *memory_pool_alloc_unsynchronized(memory_pool_t *pool);
esp_err_t memory_pool_free_unsynchronized(memory_pool_t *pool, void *block);

/* Whether `address` is a block of the pool that is in use; false for no pool. O(pools). */
bool memory_pool_owns(memory_pool_t *pool, const void *address);

/* ---- Looking at pools -------------------------------------------------------------------------------------- */

/* O(pools), and O(num_blocks) for `lowest_free`, with the lock held for at most 64 blocks at a time. All other fields are read in
 * one critical section. */
esp_err_t memory_pool_get_info(memory_pool_t *pool, memory_pool_info_t *info);

/* Prints the snapshot to the log. O(num_blocks), as memory_pool_get_info. From tasks only. */
void memory_pool_print_stats(memory_pool_t *pool);

/* The same under another name; NULL or "": its own. */
void memory_pool_print_stats_as(memory_pool_t *pool, const char *name);

/*
 * Prints one pool completely: the snapshot, the state of every block, where the free list begins, and whether the pool
 * validates. Nothing read from a block is believed, so a damaged pool may be printed, and is not changed. O(num_blocks),
 * with the lock held for 64 blocks at a time, and once for validating. From tasks only.
 *
 *     Blocks: # in use, o free, . never used           since the start, or since memory_pool_reset_lowest_free
 *          0  ##o#....
 *     Free list: 2 -> 4 -> 5 -> 6 -> 7 -> end          16 blocks at most; a link that leads astray is named
 *     Validation: ESP_OK
 */
void memory_pool_dump(memory_pool_t *pool);

/* One line for each pool and the heap's totals by kind of memory. Pools may come and go meanwhile. O(pools * (pools +
 * num_blocks)), with a lock held for O(pools + 64). From tasks only. */
void show_memory_usage(void);

/* The name is copied. NULL or "" is refused. O(pools). */
esp_err_t memory_pool_set_name(memory_pool_t *pool, const char *name);
/* "" for no pool. O(pools). */
const char *memory_pool_get_name(const memory_pool_t *pool);

/* The pool made after `previous`, or the first for NULL; NULL at the end. O(pools). From tasks only. */
memory_pool_t *memory_pool_next(const memory_pool_t *previous);
/* The first pool of that name, or NULL. O(pools). From tasks only. */
memory_pool_t *memory_pool_find(const char *name);

/* Compares the struct with the control block, and the free list with the allocation map: range, stride, duplicates, count.
 * O(pools + num_blocks), the latter with the lock held. ESP_OK or MEMORY_POOL_ERR_CORRUPT. With MEMORY_POOL_CHECKS_POISON it also
 * checks the content of free blocks, one block at a time: MEMORY_POOL_ERR_WRITTEN. */
esp_err_t memory_pool_validate(memory_pool_t *pool);

/* How much is checked. */
typedef enum {
    MEMORY_POOL_CHECKS_BASIC = 0,  /* wrong frees and forged links, always */
    MEMORY_POOL_CHECKS_POISON = 1, /* and every write to a free block */
    MEMORY_POOL_CHECKS_32_BITS = 0x7fffffff /* no level: as for memory_placement_t */
} memory_pool_checks_t;

/*
 * With MEMORY_POOL_CHECKS_POISON blocks are filled with a pattern when they are freed, and checked when they are allocated. A
 * word that was changed meanwhile, by the block's former owner or by an overrun of the block before it, is reported as
 * MEMORY_POOL_ERR_WRITTEN with its address, and counted in `corruptions`; the block is good, and handed out. Cost: O(block size)
 * for each block allocated and freed, with the lock released and every other cost as before (a block that is being freed while
 * this is turned on is filled with the lock held); nothing with MEMORY_POOL_CHECKS_BASIC. To turn it on takes O(bytes of the
 * pool), with the lock held for one block at a time; turned off by another task meanwhile, it stays off. From tasks only.
 * ESP_ERR_INVALID_ARG for another number; ESP_ERR_NOT_SUPPORTED from an archive without the feature `diagnostics`.
 */
esp_err_t memory_pool_set_checks(memory_pool_t *pool, const memory_pool_checks_t level);

/* Rebuilds the struct from the control block, and the free list from the allocation map, which an overrun of a block does not
 * reach. Blocks in use are not touched. O(pools + num_blocks), the latter with the lock held. Tasks that wait are served as by
 * memory_pool_free_batch. */
esp_err_t memory_pool_repair(memory_pool_t *pool);

/* Starts `lowest_free` anew from now. O(pools + num_blocks), the latter with the lock held. */
esp_err_t memory_pool_reset_lowest_free(memory_pool_t *pool);

/* ---- Reports ----------------------------------------------------------------------------------------------- */

/* A misuse, damage, or a request that could not be granted. */
typedef struct {
    esp_err_t reason;
    const char *function; /* the function that refused */
    const char *pool;     /* the pool's name, or "" */
    const void *address;  /* the struct that was given, or what was to be freed */
    size_t count;         /* blocks still in use at an end of a pool; otherwise 0 */
} memory_pool_report_t;

/*
 * Calls `callback` for each report, besides the log line. It runs where the refused call ran, interrupts included,
 * outside every lock of this library. What it does itself is reported to it as well. NULL: none.
 */
void memory_pool_set_report_callback(void (*callback)(const memory_pool_report_t *report));

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_SYSTEM_MEMORY_POOL_H */
