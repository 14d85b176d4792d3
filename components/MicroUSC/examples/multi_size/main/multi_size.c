/*
 * Three block sizes behind one pair of functions: the class is found from the size, the owner from the address.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <string.h>

#include "MicroUSC/system/memory_pool_set.h"
#include "esp_log.h"

static const char *TAG = "multi_size";

static memory_pool_set_t packets;

static void *packet(size_t size) {
    void *block = memory_pool_set_alloc(&packets, size);
    if (block == NULL) {
        ESP_LOGI(TAG, "%u bytes: none free", (unsigned)size);
    } else {
        ESP_LOGI(TAG, "%u bytes: a block of %u", (unsigned)size, (unsigned)memory_pool_set_usable_size(&packets, block));
    }
    return block;
}

void app_main(void) {
    const memory_pool_set_class_t classes[] = {{32, 4}, {128, 2}, {512, 1}};
    ESP_ERROR_CHECK(memory_pool_set_init(&packets, classes, 3, DRAM));

    void *small = packet(20);
    void *medium = packet(100);
    void *large = packet(500);
    void *second = packet(300); /* the largest class has one block */

    /* With spill a request whose class is empty gets a block of the next larger one. */
    ESP_ERROR_CHECK(memory_pool_set_spill(&packets, true));
    ESP_ERROR_CHECK(memory_pool_set_free(&packets, large));
    void *another = packet(128);
    void *spilled = packet(128);
    ESP_LOGI(TAG, "spilled into the largest class: %u", (unsigned)packets.spilled_in[2]);

    /* It stays where it is as long as it fits. */
    strcpy(small, "hello");
    small = memory_pool_set_realloc(&packets, small, 30);
    ESP_LOGI(TAG, "after realloc: %s", (char *)small);

    show_memory_usage();

    void *all[] = {small, medium, another, spilled};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) ESP_ERROR_CHECK(memory_pool_set_free(&packets, all[i]));
    ESP_LOGI(TAG, "a NULL is refused: %s", memory_pool_err_to_name(memory_pool_set_free(&packets, second)));
    memory_pool_set_destroy(&packets);
    ESP_LOGI(TAG, "done");
}
