/*
 * MicroUSC traces: a callback gets every alloc and free. Recordings are made of them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     static void record(const memory_pool_event_t *event) { ... }     // keep it, or send it: microseconds, operation, block, size
 *
 *     memory_pool_set_trace_callback(record);
 *     memory_pool_trace(&pool, true);                                  // this pool; at any time, in the field as well
 *     memory_pool_trace_new_pools(true);                               // and all that are made from now on
 *
 * An archive built without the feature `diagnostics` has none of it, and refuses with ESP_ERR_NOT_SUPPORTED. With it, a pool that is
 * not traced pays 8 bytes, shared with what memory_pool_leaks.h records, and no instruction of memory_pool_alloc and
 * memory_pool_free.
 */
#ifndef MICROUSC_SYSTEM_MEMORY_POOL_TRACE_H
#define MICROUSC_SYSTEM_MEMORY_POOL_TRACE_H

#include "MicroUSC/system/memory_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    MEMORY_POOL_TRACE_ALLOC = 0,   /* a block was allocated, and its owner will have it when the callback returns */
    MEMORY_POOL_TRACE_FREE = 1,    /* a block is being freed, and is not allocated again until the callback returns */
    MEMORY_POOL_TRACE_REFUSED = 2, /* there was no block to take */
    MEMORY_POOL_TRACE_32_BITS = 0x7fffffff /* no operation: as for memory_placement_t */
} memory_pool_trace_op_t;

typedef struct {
    uint64_t time_us; /* since the start */
    memory_pool_t *pool;
    const void *block; /* NULL: there was none */
    size_t size;       /* bytes asked for: of a set, or, of a pool, when that was made */
    memory_pool_trace_op_t operation;
} memory_pool_event_t;

/*
 * Calls `callback` for each operation on every traced pool, in the context of the operation (interrupts included). No lock of
 * this library is held then, so the callback may call the functions of drivers, which allocate from pools. The events of
 * one block arrive in order.
 *
 * While the callback runs for a block that is being freed, that block cannot be freed again and the pool cannot be destroyed.
 * The same holds while memory_pool_alloc_timeout, after a wait, reports the block that it was given. Other allocating calls
 * use the pool until they return, too, but that is not checked: no task may destroy the pool meanwhile.
 *
 * The event is valid until the callback returns. The callback must not use a traced pool, and has to lie in instruction RAM if
 * pools are used while the flash cache is off. NULL (the default): no callback. O(1).
 */
esp_err_t memory_pool_set_trace_callback(void (*callback)(const memory_pool_event_t *event));

/* Whether the operations of pools that are made from now on are traced; sets and the system's pools are made of pools. At first
 * not. O(1). */
esp_err_t memory_pool_trace_new_pools(bool on);

/* Whether the operations of this pool are traced. As it was already: nothing is changed. O(pools). */
esp_err_t memory_pool_trace(memory_pool_t *pool, bool on);

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_SYSTEM_MEMORY_POOL_TRACE_H */
