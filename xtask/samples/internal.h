/*
 * The internal functions of the system layer: from its headers where they are built, otherwise stand-ins that make
 * one pool each, so that samples which call them compile and can be seen to call them.
 */
#ifndef MICROUSC_SAMPLES_INTERNAL_H
#define MICROUSC_SAMPLES_INTERNAL_H

#include "prelude.h"

#if __has_include("MicroUSC/internal/system/init.h") && __has_include("MicroUSC/internal/driverList.h")

#include "MicroUSC/internal/driverList.h"
#include "MicroUSC/internal/system/init.h"

#else

__attribute__((constructor)) static void prelude_say_so(void) {
    puts("note: against a stand-in, the system layer is not built");
}

typedef uint32_t stack_size_t;

static memory_pool_t prelude_system_pools[3];

static inline esp_err_t prelude_make(size_t which, size_t block_size) {
    return memory_pool_init(&prelude_system_pools[which], block_size, 4) ? ESP_OK : ESP_ERR_NO_MEM;
}

esp_err_t init_system_memory_space(void);
esp_err_t init_system_memory_space(void) { return prelude_make(0, 64); }

esp_err_t init_driver_list_memory_pool(const size_t buffer_size, const size_t data_size);
esp_err_t init_driver_list_memory_pool(const size_t buffer_size, const size_t data_size) {
    return prelude_make(1, buffer_size + data_size);
}

esp_err_t setUSCtaskSize(stack_size_t size);
esp_err_t setUSCtaskSize(stack_size_t size) { return prelude_make(2, size); }

#endif

#endif /* MICROUSC_SAMPLES_INTERNAL_H */
