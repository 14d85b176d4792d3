/*
 * A pool that is still there after deep sleep: each start adds a reading, the third sends and returns them all.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stddef.h>
#include <stdint.h>

#include "MicroUSC/system/memory_pool_retained.h"
#include "esp_attr.h"
#include "esp_log.h"
#include "esp_sleep.h"

static const char *TAG = "deep_sleep";

typedef struct {
    uint32_t start;
    uint32_t value;
} reading_t;

/* Kept over deep sleep and reset, and not over power loss. The pool's own struct lies in ordinary memory. */
RTC_NOINIT_ATTR static MEMORY_POOL_RETAINED_BUFFER(memory, sizeof(reading_t), 8);
static memory_pool_retained_t readings;

/* The last number counts the layouts of reading_t: readings of another layout are not taken over. */
static const memory_pool_retained_config_t config = {sizeof(reading_t), 8, 1};

static size_t send_all(void) {
    size_t sent = 0;
    for (size_t i = memory_pool_retained_next_live(&readings, 0); i != SIZE_MAX;
         i = memory_pool_retained_next_live(&readings, i + 1)) {
        reading_t *reading = memory_pool_retained_at(&readings, i);
        ESP_LOGI(TAG, "sent: start %u, value %u", (unsigned)reading->start, (unsigned)reading->value);
        ESP_ERROR_CHECK(memory_pool_retained_free(&readings, reading));
        sent++;
    }
    return sent;
}

void app_main(void) {
    esp_err_t found = ESP_OK;
    ESP_ERROR_CHECK(memory_pool_retained_open(&readings, memory, sizeof(memory), &config, &found));
    ESP_LOGI(TAG, "%s", found == ESP_OK ? "as it was left" : memory_pool_err_to_name(found));

    memory_pool_retained_info_t info;
    ESP_ERROR_CHECK(memory_pool_retained_get_info(&readings, &info));
    ESP_LOGI(TAG, "%u readings from before", (unsigned)info.used_blocks);

    reading_t *reading = memory_pool_retained_alloc(&readings);
    if (reading != NULL) *reading = (reading_t){.start = (uint32_t)info.used_blocks + 1, .value = 20};
    if (info.used_blocks + 1 == 3) ESP_LOGI(TAG, "%u sent", (unsigned)send_all());

    ESP_LOGI(TAG, "sleeping");
    ESP_ERROR_CHECK(esp_sleep_enable_timer_wakeup(1000000));
    esp_deep_sleep_start();
}
