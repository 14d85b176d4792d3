/*
 * The call sites of live blocks, in the log and in a callback.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include "MicroUSC/system/memory_pool_debug.h"
#include "board.h"

static memory_pool_t pool;
static void *volatile from_interrupt;

static void tick(void) {
    board_timer_stop();
    from_interrupt = memory_pool_alloc_from_isr(&pool);
}

static void print_site(const memory_pool_site_t *site, void *argument) {
    (void)argument;
    printf("  %s:%u, %u ms old\n", site->file != NULL ? "leaks" : "?", (unsigned)site->line,
           (unsigned)(site->age_us / 1000));
}

int main(void) {
    static uint64_t memory[MEMORY_POOL_SITES_SIZE(8) / 8];
    if (!memory_pool_init(&pool, 32, 8)) return BOARD_BROKEN;
    memory_pool_set_name(&pool, "packets");

    void *const before = DEBUG_ALLOC(&pool);
    if (memory_pool_record_sites_in(&pool, memory, sizeof(memory)) != ESP_OK) return BOARD_BROKEN;
    puts("all of them, by place");
    void *blocks[3];
    for (int at = 0; at < 3; at++) blocks[at] = debug_pool_alloc(&pool, 42, "leaks.c");
    void *const other = memory_pool_alloc_from(&pool, (const void *)0x1000);
    board_timer_start(tick, 50);
    while (from_interrupt == NULL) {
    }
    printf("  %u\n", (unsigned)memory_pool_dump_leaks(&pool, 0, NULL, NULL));

    puts("those that are old, one by one");
    memory_pool_free(&pool, before);
    memory_pool_free(&pool, blocks[0]);
    printf("  %u\n", (unsigned)memory_pool_dump_leaks(&pool, 4000, print_site, NULL));

    puts("at the end");
    memory_pool_free(&pool, other);
    memory_pool_free(&pool, from_interrupt);
    memory_pool_destroy(&pool);
    return BOARD_PASSED;
}
