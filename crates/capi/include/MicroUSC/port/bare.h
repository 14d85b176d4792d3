/*
 * What only the port for bare metal has: it knows no system below, so the program says how to write, what time it is,
 * and where memory comes from. Each is optional, and is set once at the start, before the first pool.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     static void to_uart(const char *text, size_t length);
 *
 *     microusc_bare_set_writer(to_uart);
 *     static MEMORY_POOL_STATIC_BUFFER(buffer, 64, 20);
 *     static memory_pool_t pool;
 *     memory_pool_init_static(&pool, buffer, sizeof(buffer), 64, 20);
 *
 * The archive is built for one core, or with its feature `multicore` for several. On one core a pool's lock masks
 * interrupts; on several it also takes a flag, for which the cores need atomic instructions.
 */
#ifndef MICROUSC_PORT_BARE_H
#define MICROUSC_PORT_BARE_H

#include "MicroUSC/system/memory_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where log lines go: in pieces of at most 128 bytes, without a terminating NUL, a line ending in '\n'. `write` runs
 * where the reporting call ran, interrupts included, with no lock held. NULL, as at first: nowhere.
 */
void microusc_bare_set_writer(void (*write)(const char *text, size_t length));

/*
 * Microseconds since any moment, from any context; log lines begin with it, and waits are measured by it. NULL, as at
 * first: always 0, and waiting is refused.
 */
void microusc_bare_set_clock(uint64_t (*now_us)(void));

/*
 * Memory for pools that do not bring their own: `allocate` returns `bytes` bytes aligned to `align`, a power of two, with
 * the capabilities `caps` (MALLOC_CAP_*, of which a chip with one kind of RAM takes no notice), or NULL; `release` gives
 * them back. Both are called from tasks only. Without them, as at first, only memory_pool_init_static makes pools.
 * ESP_ERR_INVALID_ARG if one is NULL and the other is not; ESP_ERR_INVALID_STATE while pools exist.
 */
esp_err_t microusc_bare_set_heap(void *(*allocate)(size_t bytes, size_t align, uint32_t caps),
                                 void (*release)(void *memory));

/*
 * For memory_pool_alloc_timeout: whether the caller may wait, which is so in the main loop with interrupts on and not in
 * an interrupt; and what it does meanwhile, again and again (NULL: nothing), such as to sleep until the next interrupt.
 * Needs a clock. NULL, as at first: waits are refused with ESP_ERR_INVALID_STATE.
 */
void microusc_bare_set_wait(bool (*may_wait)(void), void (*idle)(void));

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_PORT_BARE_H */
