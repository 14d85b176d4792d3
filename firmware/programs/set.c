/*
 * Size classes: the smallest class that fits a request, the next class with spill, and refusals.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <string.h>
#include "MicroUSC/system/memory_pool_set.h"
#include "board.h"

static memory_pool_set_t set;
static const memory_pool_set_class_t classes[] = {{16, 4}, {48, 3}, {160, 2}};

static void show(void) {
    for (size_t rank = 0; rank < set.num_classes; rank++) {
        memory_pool_set_info_t info;
        if (memory_pool_set_get_info(&set, rank, &info) != ESP_OK) return;
        printf("  %zu B: %zu of %zu in use, %u failed, %u spilled in\n", info.pool.block_size, info.pool.used_blocks,
               info.pool.num_blocks, (unsigned)info.pool.alloc_failures, (unsigned)info.spilled_in);
    }
}

int main(void) {
    if (memory_pool_set_init(&set, classes, 3, DRAM) != ESP_OK) return BOARD_BROKEN;

    char *text = memory_pool_set_alloc(&set, 12);
    memcpy(text, "fits twelve", 12);
    printf("a text in %zu bytes\n", memory_pool_set_usable_size(&set, text));
    text = memory_pool_set_realloc(&set, text, 100);
    printf("grown to %zu bytes: %s\n", memory_pool_set_usable_size(&set, text), text);

    void *small[6];
    for (int at = 0; at < 6; at++) small[at] = memory_pool_set_alloc(&set, 16);
    printf("without spill the fifth is %s\n", small[4] == NULL ? "refused" : "served");
    memory_pool_set_spill(&set, true);
    small[4] = memory_pool_set_alloc(&set, 16);
    printf("with spill it is %s\n", small[4] == NULL ? "refused" : "served");
    printf("1000 bytes are %s\n", memory_pool_set_alloc(&set, 1000) == NULL ? "refused" : "served");
    show();

    for (int at = 0; at < 5; at++) memory_pool_set_free(&set, small[at]);
    memory_pool_set_free(&set, text);
    memory_pool_set_free(&set, text);
    memory_pool_set_free(&set, &set);
    show();
    memory_pool_set_destroy(&set);
    return BOARD_PASSED;
}
