/*
 * Which context owns which block of a pool, kept outside the blocks. For contexts that interrupt each other or run on two
 * cores: a context that finds a rule broken ends the program. `crates/testkit/src/owner_table.rs` is the same for Rust.
 *
 * With OPEN the functions without a lock are used, which the program must find. With RECORDED every option of the pool is
 * on: call-site records, which must be right whenever a block is freed; a fill pattern in free blocks; and a trace of
 * every operation, whose events must come in the order in which a block changes its owner.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_OWNER_TABLE_H
#define FIRMWARE_OWNER_TABLE_H

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_trace.h"
#include "checks.h"

#if defined(OPEN)
#define table_alloc(owner) memory_pool_alloc_unsynchronized(&table_pool)
#define table_free(block) memory_pool_free_unsynchronized(&table_pool, (block))
#elif defined(RECORDED)
#define table_alloc(owner) memory_pool_alloc_at(&table_pool, (owner), "owner")
#define table_free(block) memory_pool_free_reason(&table_pool, (block))
#else
#define table_alloc(owner) memory_pool_alloc(&table_pool)
#define table_free(block) memory_pool_free_reason(&table_pool, (block))
#endif

enum { TABLE_BLOCKS = 24, TABLE_WORDS = 6, MOST_OWNED = 12 };

static memory_pool_t table_pool;
static volatile uint32_t table_owners[TABLE_BLOCKS]; /* for each block its owner, or 0 */

/* A context that allocates and frees blocks. */
typedef struct {
    uint32_t owner;  /* the number of the context in the upper byte; below it counts the allocations */
    uint32_t random; /* not 0 */
    size_t count;
    uint32_t *blocks[MOST_OWNED];
} context_t;

static size_t table_index_of(const void *block) {
    const size_t offset = (size_t)((const char *)block - (const char *)table_pool.memory);
    const size_t index = offset / table_pool.block_size;
    if (index >= TABLE_BLOCKS || offset % table_pool.block_size != 0) broken("an address that is not a block");
    return index;
}

/* Checks the call-site record of a block: its line is the owner. */
static void table_check_record(const void *block, uint32_t owner) {
#ifdef RECORDED
    memory_pool_site_t site;
    check(memory_pool_get_site(&table_pool, block, &site) == ESP_OK, "a live block has no record");
    check(site.recorded && site.line == owner, "a record is that of another owner");
#else
    (void)block;
    (void)owner;
#endif
}

#ifdef RECORDED
static volatile bool table_live_by_trace[TABLE_BLOCKS];

static void table_check_event(const memory_pool_event_t *event) {
    if (event->block == NULL) return;
    const size_t index = table_index_of(event->block);
    const bool is_alloc = event->operation == MEMORY_POOL_TRACE_ALLOC;
    check(table_live_by_trace[index] != is_alloc, "the events of a block come out of order");
    table_live_by_trace[index] = is_alloc;
}
#endif

static uint32_t table_content(uint32_t owner, uint32_t word) {
    return owner ^ word << 20;
}

static void context_alloc(context_t *context) {
    if (context->count == MOST_OWNED) return;
    volatile uint32_t *const block = table_alloc(context->owner + 1);
    if (block == NULL) return;
    const size_t index = table_index_of((const void *)block);
    if (table_owners[index] != 0) broken("a block has two owners");
    table_owners[index] = ++context->owner;
    for (uint32_t word = 0; word < TABLE_WORDS; word++) block[word] = table_content(context->owner, word);
    context->blocks[context->count++] = (uint32_t *)block;
}

static void context_free(context_t *context, size_t which) {
    if (context->count == 0) return;
    which %= context->count;
    volatile uint32_t *const block = context->blocks[which];
    context->blocks[which] = context->blocks[--context->count];
    const size_t index = table_index_of((const void *)block);
    const uint32_t owner = table_owners[index];
    if (owner >> 24 != context->owner >> 24) broken("the owner of a block changed");
    for (uint32_t word = 0; word < TABLE_WORDS; word++) {
        if (block[word] != table_content(owner, word)) broken("the content of a live block changed");
    }
    table_check_record((const void *)block, owner);
    table_owners[index] = 0;
    if (table_free((void *)block) != ESP_OK) broken("a correct free was refused");
}

/* Allocates and frees some blocks at random. */
static void context_work(context_t *context) {
    const uint32_t chance = next_random(&context->random);
    for (uint32_t turn = 0; turn < 1 + (chance & 3); turn++) {
        if (chance >> (8 + turn) & 1) {
            context_alloc(context);
        } else {
            context_free(context, next_random(&context->random) >> 8);
        }
    }
}

static void context_free_all(context_t *context) {
    while (context->count > 0) context_free(context, 0);
}

static void table_begin(void) {
    check(memory_pool_init(&table_pool, TABLE_WORDS * sizeof(uint32_t), TABLE_BLOCKS), "no pool was made");
#ifdef RECORDED
    check(memory_pool_record_sites(&table_pool, true) == ESP_OK, "nothing is recorded");
    check(memory_pool_set_checks(&table_pool, MEMORY_POOL_CHECKS_POISON) == ESP_OK, "free blocks are not filled");
    check(memory_pool_set_trace_callback(table_check_event) == ESP_OK, "no callback is set");
    check(memory_pool_trace(&table_pool, true) == ESP_OK, "nothing is traced");
#endif
}

/* When every context has stopped: no block is lost, and nothing was refused. */
static void table_end(const char *contexts) {
    memory_pool_info_t info;
    memory_pool_get_info(&table_pool, &info);
    check(info.free_blocks == TABLE_BLOCKS && info.used_blocks == 0, "a block was lost");
    check(info.refused_frees == 0 && info.corruptions == 0, "a call was refused");
    check(memory_pool_validate(&table_pool) == ESP_OK, "the free list is damaged");
    check(memory_pool_dump_leaks(&table_pool, 0, NULL, NULL) == 0, "a block is reported that is not live");
    memory_pool_destroy(&table_pool);
    printf("%s: every block had one owner at a time, and came back\n", contexts);
}

#endif /* FIRMWARE_OWNER_TABLE_H */
