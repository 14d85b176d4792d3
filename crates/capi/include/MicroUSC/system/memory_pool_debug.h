/*
 * The debugging functions of MicroUSC's documentation, by their names there, on top of the functions of memory_pool.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program that has functions of these names itself does without this header: nothing in the archive is called so.
 */
#ifndef MICROUSC_SYSTEM_MEMORY_POOL_DEBUG_H
#define MICROUSC_SYSTEM_MEMORY_POOL_DEBUG_H

#include "MicroUSC/system/memory_pool_leaks.h"

#ifdef __cplusplus
extern "C" {
#endif

/* memory_pool_alloc, recorded with its place once memory_pool_record_sites was asked to. */
static inline void *debug_pool_alloc(memory_pool_t *pool, uint32_t line, const char *file) {
    return memory_pool_alloc_at(pool, line, file);
}

#define DEBUG_ALLOC(pool) debug_pool_alloc((pool), __LINE__, __FILE__)

/* The pool's statistics in the log, under this name. O(num_blocks). From tasks only. */
static inline void print_pool_stats(memory_pool_t *pool, const char *name) {
    memory_pool_print_stats_as(pool, name);
}

/* Whether free list and allocation map agree. O(num_blocks), all of it with the lock held. */
static inline bool validate_pool_integrity(memory_pool_t *pool) { return memory_pool_validate(pool) == ESP_OK; }

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_SYSTEM_MEMORY_POOL_DEBUG_H */
