/*
 * Every misuse is refused with a log line and a report, and the pool works on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <string.h>
#include "MicroUSC/port/bare.h"
#include "MicroUSC/system/memory_pool.h"
#include "board.h"

static memory_pool_t pool, other;

static void on_report(const memory_pool_report_t *report) {
    printf("  %s says %s\n", report->function, memory_pool_err_to_name(report->reason));
}

static void in_interrupt(void) {
    board_timer_stop();
    memory_pool_free(&pool, &pool);
}

static void wrong_frees(void) {
    char *const block = memory_pool_alloc(&pool);
    char *const foreign = memory_pool_alloc(&other);
    int on_stack;
    memory_pool_free(&pool, NULL);
    memory_pool_free(&pool, &on_stack);
    memory_pool_free(&pool, foreign);
    memory_pool_free(&pool, block + 4);
    memory_pool_free(&pool, block);
    memory_pool_free(&pool, block);
    memory_pool_free(&other, foreign);
}

static void overrun(void) {
    char *volatile blocks[3]; /* volatile: the compiler must not see that the write is wrong */
    for (int at = 0; at < 3; at++) blocks[at] = memory_pool_alloc(&pool);
    char *const before = blocks[0] < blocks[1] ? blocks[0] : blocks[1];
    char *const behind = blocks[0] < blocks[1] ? blocks[1] : blocks[0];
    memory_pool_free(&pool, behind);
    memset(before, 0xEE, pool.block_size + 4); /* four bytes too many, into the link of the free block behind */

    memory_pool_validate(&pool);
    for (int at = 0; at < 4; at++) {
        esp_err_t reason;
        void *const block = memory_pool_alloc_reason(&pool, &reason);
        printf("  alloc: %s\n", memory_pool_err_to_name(reason));
        if (block == NULL) break;
    }
    memory_pool_repair(&pool);
    printf("  repaired: %s\n", memory_pool_err_to_name(memory_pool_validate(&pool)));
}

static void lifecycle(void) {
    memory_pool_t zeroed;
    memset(&zeroed, 0, sizeof(zeroed));
    memory_pool_init(&pool, 32, 6);
    memory_pool_free(&zeroed, &zeroed);
    memory_pool_destroy(&zeroed);
    memory_pool_init(&zeroed, 1, 6);
    memory_pool_init(&zeroed, 32, 1u << 27);
    memory_pool_init_placed(&zeroed, 32, 6, PSRAM);
    memory_pool_init_placed(&zeroed, 32, 6, IRAM);
    if (microusc_bare_set_heap(NULL, NULL) == ESP_ERR_INVALID_STATE) puts("  the heap stays while pools exist");
}

static void without_heap(void) {
    static MEMORY_POOL_STATIC_BUFFER(buffer, 32, 6);
    if (microusc_bare_set_heap(NULL, board_release) == ESP_ERR_INVALID_ARG) puts("  half a heap is none");
    microusc_bare_set_heap(NULL, NULL);
    memory_pool_init(&pool, 32, 6);
    const esp_err_t made = memory_pool_init_static(&pool, buffer, sizeof(buffer), 32, 6);
    printf("  in a buffer: %s, %zu blocks\n", memory_pool_err_to_name(made), pool.free_blocks);
    memory_pool_destroy(&pool);
}

int main(void) {
    if (!memory_pool_init(&pool, 32, 6) || !memory_pool_init(&other, 32, 2)) return BOARD_BROKEN;
    memory_pool_set_name(&pool, "packets");
    memory_pool_set_report_callback(on_report);
    puts("wrong frees");
    wrong_frees();
    puts("in an interrupt");
    board_timer_start(in_interrupt, 50);
    memory_pool_info_t info;
    do {
        memory_pool_get_info(&pool, &info);
    } while (info.refused_frees < 6);
    puts("an overrun");
    overrun();
    memory_pool_print_stats(&pool);
    show_memory_usage();
    puts("from start to end");
    lifecycle();
    memory_pool_destroy(&pool);
    memory_pool_destroy(&other);
    puts("without a heap");
    without_heap();
    return BOARD_PASSED;
}
