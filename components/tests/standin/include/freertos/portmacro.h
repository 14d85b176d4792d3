/*
 * The macros of the port. As in ESP-IDF for Xtensa chips, they test the configuration and do not include it: a file that
 * includes this one, or a header that does, before FreeRTOS.h gets the macros for one core, and FreeRTOS.h then refuses.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include "sdkconfig.h"
#include "esp_attr.h"
#include "esp_heap_caps.h"
#include "esp_memory_utils.h"
#include "esp_rom_sys.h"
#include "esp_system.h"

typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t;
typedef uint8_t StackType_t;

#define portMAX_DELAY ((TickType_t)0xffffffffUL)
BaseType_t xPortGetCoreID(void);

typedef struct {
    uint32_t owner;
    uint32_t count;
} portMUX_TYPE;

/* Not zero, as in ESP-IDF: a lock that was never made is noticed. */
#define portMUX_INITIALIZER_UNLOCKED {.owner = 0xb33fffff, .count = 0}
#define portMUX_INITIALIZE(mux) standin_mux_initialize(mux)
void standin_mux_initialize(portMUX_TYPE *mux);

BaseType_t xPortInIsrContext(void);

/* On one core the macros do not look at the lock. */
#if (configNUMBER_OF_CORES > 1)
void standin_enter_critical(portMUX_TYPE *mux);
void standin_exit_critical(portMUX_TYPE *mux);
#define portENTER_CRITICAL_SAFE(mux) standin_enter_critical(mux)
#define portEXIT_CRITICAL_SAFE(mux) standin_exit_critical(mux)
void vPortYieldOtherCore(BaseType_t core);
#define portYIELD_CORE(core) vPortYieldOtherCore(core)
#else
void vPortEnterCritical(void);
void vPortExitCritical(void);
#define portENTER_CRITICAL_SAFE(mux) ({ (void)mux; vPortEnterCritical(); })
#define portEXIT_CRITICAL_SAFE(mux) ({ (void)mux; vPortExitCritical(); })
#endif

void vPortYieldFromISR(void);
#define portYIELD_FROM_ISR() vPortYieldFromISR()

__attribute__((always_inline)) static inline bool xPortCanYield(void) {
    return !xPortInIsrContext();
}
