/*
 * What every owner of a block does, and what is known about owners outside of the blocks. For contexts that interrupt
 * each other, or run side by side: whoever finds a rule broken ends the program.
 *
 * With OPEN the lock is left out, which the program must notice. With RECORDED the pool does all that
 * it can be told to besides: it keeps records of who took each block, which must be right whenever an owner looks; fills free
 * blocks; and tells of every operation, which must come in the order in which a block changes hands.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_OWNERS_H
#define FIRMWARE_OWNERS_H

#include <stdint.h>
#include <stdio.h>
#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_trace.h"
#include "board.h"

#if defined(OPEN)
#define take_block(pool, name) memory_pool_alloc_unsynchronized(pool)
#define give_block memory_pool_free_unsynchronized
#elif defined(RECORDED)
#define take_block(pool, name) memory_pool_alloc_at((pool), (name), "owner")
#define give_block memory_pool_free_reason
#else
#define take_block(pool, name) memory_pool_alloc(pool)
#define give_block memory_pool_free_reason
#endif

enum { OWNERS_BLOCKS = 24, OWNERS_WORDS = 6 };

static memory_pool_t owners_pool;
static volatile uint32_t owners_of[OWNERS_BLOCKS]; /* 0: nobody */

/* One context that takes and gives blocks. */
typedef struct {
    uint32_t name;   /* in the upper byte; below it counts what it took */
    uint32_t random; /* not 0 */
    size_t held;
    uint32_t *blocks[12];
} owner_t;

enum { OWNER_MOST = 12 };

static void broken(const char *rule) {
    printf("broken: %s\n", rule);
    board_exit(BOARD_BROKEN);
}

static uint32_t next_random(owner_t *owner) {
    owner->random ^= owner->random << 13;
    owner->random ^= owner->random >> 17;
    owner->random ^= owner->random << 5;
    return owner->random;
}

static size_t index_of(const void *block) {
    const size_t offset = (size_t)((const char *)block - (const char *)owners_pool.memory);
    const size_t index = offset / owners_pool.block_size;
    if (index >= OWNERS_BLOCKS || offset % owners_pool.block_size != 0) broken("an address that is no block");
    return index;
}

/* What is recorded of a block: the name stands where a line would. */
static void check_record(const void *block, uint32_t name) {
#ifdef RECORDED
    memory_pool_site_t site;
    if (memory_pool_get_site(&owners_pool, block, &site) != ESP_OK) broken("a block in use of which nothing is known");
    if (!site.recorded || site.line != name) broken("a record of somebody else");
#else
    (void)block;
    (void)name;
#endif
}

#ifdef RECORDED
static volatile bool told_in_use[OWNERS_BLOCKS];

static void check_event(const memory_pool_event_t *event) {
    if (event->block == NULL) return;
    const size_t index = index_of(event->block);
    const bool taken = event->operation == MEMORY_POOL_TRACE_ALLOC;
    if (told_in_use[index] == taken) broken("a block that changes hands in no order");
    told_in_use[index] = taken;
}
#endif

static void take_one(owner_t *owner) {
    if (owner->held == OWNER_MOST) return;
    volatile uint32_t *const block = take_block(&owners_pool, owner->name + 1);
    if (block == NULL) return;
    const size_t index = index_of((const void *)block);
    if (owners_of[index] != 0) broken("a block with two owners");
    owners_of[index] = ++owner->name;
    for (uint32_t word = 0; word < OWNERS_WORDS; word++) block[word] = owner->name ^ word << 20;
    owner->blocks[owner->held++] = (uint32_t *)block;
}

static void give_one(owner_t *owner, size_t which) {
    if (owner->held == 0) return;
    which %= owner->held;
    volatile uint32_t *const block = owner->blocks[which];
    owner->blocks[which] = owner->blocks[--owner->held];
    const size_t index = index_of((const void *)block);
    const uint32_t name = owners_of[index];
    if (name >> 24 != owner->name >> 24) broken("a block whose owner changed");
    for (uint32_t word = 0; word < OWNERS_WORDS; word++) {
        if (block[word] != (name ^ word << 20)) broken("an owner's bytes were changed");
    }
    check_record((const void *)block, name);
    owners_of[index] = 0;
    if (give_block(&owners_pool, (void *)block) != ESP_OK) broken("a right free was refused");
}

/* Takes and gives some blocks, more of the one or of the other by chance. */
static void work_of(owner_t *owner) {
    const uint32_t chance = next_random(owner);
    for (uint32_t turn = 0; turn < 1 + (chance & 3); turn++) {
        if (chance >> (8 + turn) & 1) {
            take_one(owner);
        } else {
            give_one(owner, next_random(owner) >> 8);
        }
    }
}

static void give_all(owner_t *owner) {
    while (owner->held > 0) give_one(owner, 0);
}

static void owners_begin(void) {
    if (!memory_pool_init(&owners_pool, OWNERS_WORDS * sizeof(uint32_t), OWNERS_BLOCKS)) broken("no pool");
#ifdef RECORDED
    if (memory_pool_record_sites(&owners_pool, true) != ESP_OK) broken("no records");
    if (memory_pool_set_checks(&owners_pool, MEMORY_POOL_CHECKS_POISON) != ESP_OK) broken("free blocks are not filled");
    if (memory_pool_set_trace_callback(check_event) != ESP_OK) broken("nobody is told");
    if (memory_pool_trace(&owners_pool, true) != ESP_OK) broken("no trace");
#endif
}

/* When every context has stopped: nothing is lost, nothing was refused. */
static void owners_end(const char *who) {
    memory_pool_info_t info;
    memory_pool_get_info(&owners_pool, &info);
    if (info.free_blocks != OWNERS_BLOCKS || info.used_blocks != 0) broken("a block was lost");
    if (info.refused_frees != 0 || info.corruptions != 0) broken("a refusal");
    if (memory_pool_validate(&owners_pool) != ESP_OK) broken("a damaged list");
    if (memory_pool_dump_leaks(&owners_pool, 0, NULL, NULL) != 0) broken("a block that is told of, and not in use");
    memory_pool_destroy(&owners_pool);
    printf("%s: every block had one owner at a time, and came back\n", who);
}

#endif /* FIRMWARE_OWNERS_H */
