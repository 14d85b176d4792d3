/*
 * Internal: the list of drivers. A driver is a node with a buffer and a semaphore, and a task with a stack.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     static void run(microusc_driver_t *driver) {
 *         while (microusc_driver_wait(driver, MICROUSC_WAIT_FOREVER)) work(driver->buffer, driver->buffer_size);
 *     }
 *
 *     const microusc_driver_config_t config = {"uart1", run, NULL, 5, MICROUSC_DRIVER_ANY_CORE};
 *     uint32_t id;
 *     esp_err_t err = microusc_driver_add(&config, &id);
 *     ...
 *     err = microusc_driver_remove(id);   // stops the task, then gives node and stack back
 *
 * Node and stack come from two pools, and go back to them when the driver is removed and its task has stopped: not
 * before. Every step that fails returns what the steps before it allocated.
 *
 * From tasks only, unless a comment says otherwise; ESP_ERR_INVALID_STATE from an interrupt. O(drivers), under one
 * mutex of tasks. Sizes are bytes.
 */
#ifndef MICROUSC_INTERNAL_DRIVER_LIST_H
#define MICROUSC_INTERNAL_DRIVER_LIST_H

#include "MicroUSC/system/memory_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The pools behind the list ------------------------------------------------------------------------------- */

/* Bytes of a task's stack. */
typedef uint32_t stack_size_t;

/*
 * Makes the pool of driver nodes, each with a buffer of `buffer_size`; `data_size` is kept in the configuration.
 * ESP_ERR_INVALID_STATE if there is one already, ESP_ERR_INVALID_SIZE, ESP_ERR_NO_MEM.
 */
esp_err_t init_driver_list_memory_pool(const size_t buffer_size, const size_t data_size);

/*
 * Makes the pool of task stacks of `size` each, rounded up to 16 and aligned to 16, in internal memory.
 * ESP_ERR_INVALID_STATE if there is one already, ESP_ERR_INVALID_SIZE (0, or below the kernel's least),
 * ESP_ERR_NO_MEM.
 */
esp_err_t setUSCtaskSize(stack_size_t size);

/* ---- Drivers --------------------------------------------------------------------------------------------------- */

/* Bytes of a driver's name, with its terminating NUL. */
#define MICROUSC_DRIVER_NAME_SIZE 16
#define MICROUSC_DRIVER_ANY_CORE (-1)
#define MICROUSC_WAIT_FOREVER UINT32_MAX

/* What a driver's task is given. It is for reading, and does not change while the driver lives. */
typedef struct microusc_driver_t {
    uint32_t id; /* no other driver had this number or will have it */
    char name[MICROUSC_DRIVER_NAME_SIZE];
    void *argument;     /* from the configuration */
    void *buffer;       /* the driver's own, zeroed at first, aligned to 8 */
    size_t buffer_size; /* as given to init_driver_list_memory_pool */
    void *semaphore;    /* binary; with FreeRTOS a SemaphoreHandle_t */
} microusc_driver_t;

/* What a driver's task runs. When it returns, the task waits to be removed. */
typedef void (*microusc_driver_entry_t)(microusc_driver_t *driver);

typedef struct {
    const char *name; /* copied, at most 15 bytes, unlike all others; NULL or "": "driver-ID" */
    microusc_driver_entry_t entry;
    void *argument;    /* handed to the task */
    uint32_t priority; /* the kernel's number */
    int32_t core;      /* or MICROUSC_DRIVER_ANY_CORE */
} microusc_driver_config_t;

/* What a driver's task is meant to do. */
typedef enum {
    MICROUSC_DRIVER_RUNNING = 0,
    MICROUSC_DRIVER_PAUSED = 1,  /* until microusc_driver_resume */
    MICROUSC_DRIVER_STOPPING = 2, /* it was asked to end and has not yet; removing it again tries again */
    MICROUSC_DRIVER_32_BITS = 0x7fffffff /* no state: the type has 32 bits with -fshort-enums, too */
} microusc_driver_state_t;

typedef struct {
    uint32_t id;
    char name[MICROUSC_DRIVER_NAME_SIZE];
    microusc_driver_state_t state;
} microusc_driver_info_t;

/*
 * Adds a driver and starts its task, which may run before this returns. `id` may be NULL.
 * ESP_ERR_INVALID_STATE: a pool is not made. ESP_ERR_NO_MEM: max_drivers are there. ESP_ERR_INVALID_ARG: NULL, or a
 * name that is too long, or that another driver has. ESP_FAIL: the kernel would not make semaphore or task.
 */
esp_err_t microusc_driver_add(const microusc_driver_config_t *config, uint32_t *id);

/*
 * Stops a driver's task, wherever it is, a wait for a block of a pool included, and gives its memory back. What the task
 * itself allocated elsewhere is not freed: let the task free it first. ESP_ERR_NOT_FOUND; ESP_ERR_INVALID_STATE: it is the
 * caller's own task;
 * ESP_ERR_NOT_FINISHED: the task did not stop, and the driver stays with all its memory. A task that is adding or removing
 * another driver at this moment is not stopped: try again.
 */
esp_err_t microusc_driver_remove(uint32_t id);

/* Stops the tasks of all drivers, and only then gives their memory back. The same reasons. */
esp_err_t microusc_driver_remove_all(void);

/* Lets a driver's task not run until it is resumed. ESP_ERR_NOT_FOUND; ESP_ERR_INVALID_STATE: the caller's own task;
 * ESP_ERR_NOT_FINISHED: it is being removed, or its task is adding or removing another driver. */
esp_err_t microusc_driver_pause(uint32_t id);
esp_err_t microusc_driver_resume(uint32_t id);

/* The number of the driver of this name. ESP_ERR_NOT_FOUND. */
esp_err_t microusc_driver_find(const char *name, uint32_t *id);

/*
 * The driver that was added next after number `after`, which need not exist any more; after 0 the first of all.
 * ESP_ERR_NOT_FOUND at the end.
 */
esp_err_t microusc_driver_next(uint32_t after, microusc_driver_info_t *info);

/* A snapshot of a driver. ESP_ERR_NOT_FOUND. */
esp_err_t microusc_driver_get_info(uint32_t id, microusc_driver_info_t *info);

/* ---- For the driver's own task ----------------------------------------------------------------------------------- */

/* Waits until the driver is notified; a notification that came before is enough. False when the time is over. */
bool microusc_driver_wait(microusc_driver_t *driver, uint32_t timeout_ms);

/* Wakes the driver, which must not be removed meanwhile. From tasks and interrupts. O(1). */
void microusc_driver_notify(microusc_driver_t *driver);

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_INTERNAL_DRIVER_LIST_H */
