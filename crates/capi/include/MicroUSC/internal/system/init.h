/*
 * Internal: the system memory space, from which drivers get their nodes and their tasks get their stacks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     init_MicroUSC_system();   // everything, with the sizes of the configuration
 *
 * or part by part, in any order:
 *
 *     init_system_memory_space();
 *     init_driver_list_memory_pool(128, 256);   // MicroUSC/internal/driverList.h
 *     setUSCtaskSize(2048);
 *
 * Each part is made once; a second call is refused with ESP_ERR_INVALID_STATE, and changes and leaks nothing. What
 * fails returns all that it allocated. The pools are pools like any other, named "drivers" and "stacks": reports and
 * statistics show them. Ending them is the system's business alone.
 *
 * From tasks only; ESP_ERR_INVALID_STATE from an interrupt. One mutex of tasks keeps callers apart, so interrupts stay
 * on. Sizes are bytes.
 */
#ifndef MICROUSC_INTERNAL_SYSTEM_INIT_H
#define MICROUSC_INTERNAL_SYSTEM_INIT_H

#include "MicroUSC/system/memory_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    size_t max_drivers; /* drivers at one time: so many nodes and stacks are made; at least 1 */
    size_t buffer_size; /* of each driver's buffer; at least 1 */
    size_t data_size;   /* of a driver's data: kept for the drivers to read, nothing of that size is made */
    size_t stack_size;  /* of each task's stack, rounded up to 16 when it is made */
} microusc_system_config_t;

/* The configuration unless another was set. */
#define MICROUSC_SYSTEM_CONFIG_DEFAULT {4, 128, 256, 2048}

/*
 * Replaces the configuration before any part is made. O(1). ESP_ERR_INVALID_SIZE for one that no system can have,
 * ESP_ERR_INVALID_STATE once a part is made, ESP_ERR_INVALID_ARG for NULL.
 */
esp_err_t microusc_system_configure(const microusc_system_config_t *config);

/* The configuration, with the sizes that the parts were made with. O(1). */
esp_err_t microusc_system_get_config(microusc_system_config_t *config);

/* Opens the system memory space: checks the configuration and fixes it. O(1). */
esp_err_t init_system_memory_space(void);

/*
 * Opens the system memory space and makes the parts that are missing: all of them, or none. O(drivers).
 * ESP_ERR_INVALID_STATE if it was opened before, ESP_ERR_INVALID_SIZE, ESP_ERR_NO_MEM.
 */
esp_err_t init_MicroUSC_system(void);

/*
 * Stops every driver, then gives everything back; it can be initialised again. O(drivers), and what the tasks take to
 * stop. ESP_ERR_INVALID_STATE from a driver's own task: nothing is done. ESP_ERR_NOT_FINISHED if a task did not stop, or if
 * another task is adding or removing a driver at this moment: the driver stays, with its memory, and the others are gone.
 */
esp_err_t microusc_system_end(void);

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_INTERNAL_SYSTEM_INIT_H */
