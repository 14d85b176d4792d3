/*
 * MicroUSC memory pool sets: pools of several block sizes, found by the size asked for and by the address returned.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     static memory_pool_set_t set;
 *     static const memory_pool_set_class_t classes[] = {{32, 40}, {128, 12}, {512, 4}};   // smallest blocks first
 *
 *     esp_err_t err = memory_pool_set_init(&set, classes, 3, DRAM);
 *     void *block = memory_pool_set_alloc(&set, 100);   // a block of 128 bytes; NULL when none of those is free
 *     ...
 *     memory_pool_set_free(&set, block);                // a wrong free is refused, counted, logged
 *
 * Each class is a pool like any other: memory_pool_next and memory_pool_find come to it, and what looks at a pool,
 * checks, names or repairs it may be given `&set.classes[i]`. It ends with its set alone: memory_pool_destroy refuses it.
 *
 * Unless a comment says otherwise a function may be called from tasks, from interrupts up to the level that the
 * port's critical section masks, and from both cores; takes constant time: at most MEMORY_POOL_SET_MAX_CLASSES
 * comparisons, then what a pool takes; and holds the lock of one class for the list operation only. Sizes are bytes,
 * counts are blocks.
 *
 * Structs that hold no set. Every function refuses NULL and a zeroed struct, and all but memory_pool_set_get_info report it.
 * Any other garbage given to memory_pool_set_alloc, _alloc_reason, _alloc_at, _free, _realloc or _usable_size is undefined
 * behaviour. They accept a live set some of whose own fields were overwritten, but not the fields of its classes. All other
 * functions look the address up in the list of live pools: O(pools) more.
 */
#ifndef MICROUSC_SYSTEM_MEMORY_POOL_SET_H
#define MICROUSC_SYSTEM_MEMORY_POOL_SET_H

#include "MicroUSC/system/memory_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Types ------------------------------------------------------------------------------------------------- */

/* Classes of a set, at most. */
#define MEMORY_POOL_SET_MAX_CLASSES 8

/* What one class shall be. */
typedef struct {
    size_t block_size; /* bytes, at least sizeof(void *) */
    size_t num_blocks; /* at least 1 */
} memory_pool_set_class_t;

/* A set. Reading is part of the interface; writing is not. It stays where it is, for its pools know their addresses. */
typedef struct memory_pool_set_t {
    memory_pool_t classes[MEMORY_POOL_SET_MAX_CLASSES]; /* one pool each, smallest blocks first */
    size_t num_classes;                                 /* classes that there are; 0: no set */
    uint32_t too_large;                                 /* requests larger than the largest blocks */
    uint32_t refused_frees;                             /* wrong addresses in no class, or given to realloc */
    uint32_t spilled_in[MEMORY_POOL_SET_MAX_CLASSES];   /* blocks given to requests of the class below */
    bool spill;                                         /* memory_pool_set_spill */
} memory_pool_set_t;

/* A snapshot of one class. Counters stop at UINT32_MAX. */
typedef struct {
    memory_pool_info_t pool; /* alloc_failures: requests that found it empty, those that went on included */
    uint32_t spilled_in;     /* blocks given to requests of the class below */
} memory_pool_set_info_t;

/* ---- Making and ending sets (O(pools + blocks of all classes); from tasks only) ---------------------------------- */

/*
 * Makes a set with its blocks in the memory named; all classes, or nothing, with the reason logged and returned.
 * `*set` may hold anything; a set that is initialised already is left as it is.
 *
 * ESP_ERR_INVALID_ARG: a pointer is NULL, the placement is unknown, or the classes are not in order: each must have
 * larger blocks than the one before, once rounded up to the alignment of that memory. ESP_ERR_INVALID_SIZE: no class,
 * or more than MEMORY_POOL_SET_MAX_CLASSES, or one that no pool can be. ESP_ERR_INVALID_STATE (the struct overlaps something
 * that lives, included), ESP_ERR_NO_MEM and the reasons of placements: as for a pool.
 */
esp_err_t memory_pool_set_init(memory_pool_set_t *set, const memory_pool_set_class_t *classes,
                               const size_t num_classes, const memory_placement_t placement);

/*
 * Destroys a set, gives its memory back and zeroes the struct: all classes, or none. Blocks in use become invalid, and their
 * number is reported for each class. NULL, a zeroed struct and a destroyed set are left alone silently.
 *
 * Left alone and reported as ESP_ERR_INVALID_STATE: a struct that holds anything else; and, with the name of the class, a set
 * with a class that tasks wait for, that gave a block to a waiting task which has not returned from its call yet, of which a
 * block is being freed by a call that is still in its trace callback, or that has a pool inside one of its blocks.
 *
 * O(pools + blocks of all classes); a lock is held for O(pools), and for 64 blocks at a time.
 */
void memory_pool_set_destroy(memory_pool_set_t *set);

/*
 * With spill, a request whose class has no free block is served by the next larger class, but by none beyond that. Off at
 * first. ESP_ERR_INVALID_ARG or _STATE if there is no set.
 */
esp_err_t memory_pool_set_spill(memory_pool_set_t *set, const bool spill);

/* ---- Blocks ------------------------------------------------------------------------------------------------ */

/* Takes a block of the smallest class that holds `size` bytes (0 as 1); its content is undefined. NULL when that class
 * (and with spill the next) is empty or damaged, when every class is too small, or when it is no set. */
void *memory_pool_set_alloc(memory_pool_set_t *set, const size_t size);

/*
 * As memory_pool_set_alloc, with the reason in `*reason` (which may be NULL): ESP_OK, ESP_ERR_NO_MEM if the class (and
 * with spill the next) is empty, ESP_ERR_INVALID_SIZE if every class is too small, MEMORY_POOL_ERR_CORRUPT,
 * ESP_ERR_INVALID_ARG or _STATE if there is no set.
 */
void *memory_pool_set_alloc_reason(memory_pool_set_t *set, const size_t size, esp_err_t *reason);

/* Returns a block. What is no block in use of this set is refused, counted and logged; the set is unharmed.
 * ESP_OK, MEMORY_POOL_ERR_NOT_A_BLOCK, _DOUBLE_FREE, ESP_ERR_INVALID_ARG or _STATE. */
esp_err_t memory_pool_set_free(memory_pool_set_t *set, void *block);

/* Bytes that the owner of `block` may use. 0 for what is no block in use of this set. */
size_t memory_pool_set_usable_size(memory_pool_set_t *set, const void *block);

/*
 * Makes a block one of at least `size` bytes. It stays in place if that fits its class; otherwise it moves: O(its
 * size), by words, outside of every lock. NULL if there is no room, with the block as it was, or if it is none in use,
 * with the reason logged. A block that is NULL is allocated. A size of 0 frees nothing.
 */
void *memory_pool_set_realloc(memory_pool_set_t *set, void *block, const size_t size);

/* ---- Looking at sets --------------------------------------------------------------------------------------- */

/* The class of this index, 0 for the smallest blocks. ESP_ERR_INVALID_ARG if there is none, or _STATE if no set. O(blocks of the
 * class) for `lowest_free`, with the lock held for at most 64 blocks at a time. */
esp_err_t memory_pool_set_get_info(memory_pool_set_t *set, const size_t index, memory_pool_set_info_t *info);

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_SYSTEM_MEMORY_POOL_SET_H */
