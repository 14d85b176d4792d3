/*
 * One pool: alloc, free, running out of blocks, and freeing a block twice.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>

#include "MicroUSC/system/memory_pool.h"
#include "esp_log.h"

static const char *TAG = "basic";

static memory_pool_t messages;

void app_main(void) {
    const memory_pool_config_t config = {
        .block_size = 60,
        .num_blocks = 3,
        .placement = DRAM,
        .name = "messages",
    };
    ESP_ERROR_CHECK(memory_pool_init_config(&messages, &config));
    ESP_LOGI(TAG, "%u blocks of %u bytes", (unsigned)messages.num_blocks, (unsigned)messages.block_size);

    char *block[4];
    for (int i = 0; i < 4; i++) {
        block[i] = memory_pool_alloc(&messages);
        if (block[i] == NULL) {
            ESP_LOGI(TAG, "the %d. is not there: the pool never waits, and never grows", i + 1);
            continue;
        }
        snprintf(block[i], messages.block_size, "message %d", i + 1);
        ESP_LOGI(TAG, "%s, %u left", block[i], (unsigned)messages.free_blocks);
    }

    memory_pool_free(&messages, block[0]);
    const esp_err_t err = memory_pool_free_reason(&messages, block[0]);
    ESP_LOGI(TAG, "once more: %s, and still %u free", memory_pool_err_to_name(err), (unsigned)messages.free_blocks);

    memory_pool_print_stats(&messages);

    memory_pool_free(&messages, block[1]);
    memory_pool_free(&messages, block[2]);
    ESP_LOGI(TAG, "intact: %s", memory_pool_validate(&messages) == ESP_OK ? "yes" : "no");
    ESP_ERROR_CHECK(memory_pool_destroy_unused(&messages));
    ESP_LOGI(TAG, "done");
}
