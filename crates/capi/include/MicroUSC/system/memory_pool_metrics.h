/*
 * Metrics of all pools for a monitoring system: a few sums, and text that Prometheus reads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     size_t length = memory_pool_metrics_text(NULL, 0) + 64;       // some room, for numbers that grow meanwhile
 *     char *text = malloc(length + 1);
 *     if (text != NULL && memory_pool_metrics_text(text, length + 1) <= length) send(text);
 *
 * From tasks only. Other tasks may make, end and name pools meanwhile: the metrics are those of one list of pools. Pools of a
 * set (memory_pool_set.h) are pools among the others; retained pools are not among them. Sizes are bytes, counts are
 * blocks.
 */
#ifndef MICROUSC_SYSTEM_MEMORY_POOL_METRICS_H
#define MICROUSC_SYSTEM_MEMORY_POOL_METRICS_H

#include "MicroUSC/system/memory_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All pools together. Counters stop at UINT32_MAX, and lose what a pool counted when that pool ends. */
typedef struct {
    size_t pools;            /* pools there are */
    size_t blocks;           /* their blocks */
    size_t blocks_in_use;    /* blocks that have an owner */
    size_t bytes_reserved;   /* RAM of all blocks */
    size_t bytes_in_use;     /* RAM of the blocks in use */
    size_t overhead_bytes;   /* RAM of everything else: structs, control blocks, allocation maps */
    uint32_t alloc_failures; /* allocations refused because no block was free for the caller */
    uint32_t refused_frees;  /* wrong frees that were refused */
    uint32_t corruptions;    /* times that damage was met in a free list */
} memory_pool_metrics_t;

/* The sums of one moment. O(pools), all of it in one critical section. ESP_OK; ESP_ERR_INVALID_ARG for NULL. */
esp_err_t memory_pool_get_metrics(memory_pool_metrics_t *metrics);

/* For the header field Content-Type of the answer. */
#define MEMORY_POOL_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/*
 * Every pool in Prometheus's text format 0.0.4, in the manner of snprintf: writes at most `size` bytes, of which the last
 * is a NUL unless `size` is 0, and returns how long the whole text is without that. The text is complete when that is
 * less than `size`; numbers may be longer at the next call. `buffer` may be NULL to ask for the length.
 *
 *     # HELP microusc_pool_blocks_in_use Blocks that have an owner.
 *     # TYPE microusc_pool_blocks_in_use gauge
 *     microusc_pool_blocks_in_use{pool="packets",placement="DRAM"} 3
 *
 * Gauges: blocks, blocks_in_use, blocks_free_lowest, block_bytes, storage_bytes, overhead_bytes, waiting_tasks. Counters:
 * alloc_failures_total, refused_frees_total, corruptions_total. Bytes of a name that are no UTF-8, as where it was cut
 * within a character, become U+FFFD. Pools of one name are distinguished by a third label, number="2" and so on in the
 * order they were made.
 *
 * Some 1200 bytes and 600 for each pool. O(pools * (pools + num_blocks)) in critical sections of O(pools + 64). When pools
 * come, go or are named meanwhile it begins anew; 0, and an empty text, if that went on for 16 times.
 */
size_t memory_pool_metrics_text(char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_SYSTEM_MEMORY_POOL_METRICS_H */
