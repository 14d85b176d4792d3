/*
 * Drivers: a task each, with a buffer and a semaphore, from two pools that never grow. Removing a driver gives all of it
 * back, so that the next one finds room.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>

#include "MicroUSC/internal/driverList.h"
#include "MicroUSC/internal/system/init.h"
#include "MicroUSC/system/memory_pool.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static const char *TAG = "drivers";

/* Runs in the driver's own task, until it is removed. */
static void run(microusc_driver_t *driver) {
    for (unsigned calls = 1; microusc_driver_wait(driver, MICROUSC_WAIT_FOREVER); calls++) {
        snprintf(driver->buffer, driver->buffer_size, "call %u of %s", calls, driver->name);
        ESP_LOGI(TAG, "%s", (const char *)driver->buffer);
    }
}

static uint32_t add(const char *name) {
    const microusc_driver_config_t config = {
        .name = name,
        .entry = run,
        .priority = 5,
        .core = MICROUSC_DRIVER_ANY_CORE,
    };
    uint32_t id = 0;
    const esp_err_t err = microusc_driver_add(&config, &id);
    ESP_LOGI(TAG, "add %s: %s", name, memory_pool_err_to_name(err));
    return id;
}

/* In a program it is an interrupt, or another task, that knows its driver. */
static microusc_driver_t *volatile known;

static void run_and_be_known(microusc_driver_t *driver) {
    known = driver;
    run(driver);
}

void app_main(void) {
    const microusc_system_config_t system = {.max_drivers = 2, .buffer_size = 32, .data_size = 256, .stack_size = 4096};
    ESP_ERROR_CHECK(microusc_system_configure(&system));
    ESP_ERROR_CHECK(init_MicroUSC_system());

    const microusc_driver_config_t config = {
        .name = "uart1",
        .entry = run_and_be_known,
        .priority = 5,
        .core = MICROUSC_DRIVER_ANY_CORE,
    };
    uint32_t uart1 = 0;
    ESP_ERROR_CHECK(microusc_driver_add(&config, &uart1));
    const uint32_t uart2 = add("uart2");
    (void)add("uart3"); /* there is room for two */

    while (known == NULL) vTaskDelay(1);
    for (int i = 0; i < 2; i++) {
        microusc_driver_notify(known);
        vTaskDelay(2);
    }

    ESP_ERROR_CHECK(microusc_driver_remove(uart2));
    (void)add("uart3");
    show_memory_usage();

    ESP_ERROR_CHECK(microusc_driver_remove_all());
    ESP_ERROR_CHECK(microusc_system_end());
    ESP_LOGI(TAG, "all of it is given back: %s", memory_pool_next(NULL) == NULL ? "yes" : "no");
}
