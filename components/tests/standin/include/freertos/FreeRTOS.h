#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sdkconfig.h"
#include "esp_attr.h"

typedef int BaseType_t;
typedef unsigned int UBaseType_t;
typedef uint32_t TickType_t;
typedef uint8_t StackType_t;

#define pdFALSE ((BaseType_t)0)
#define pdTRUE ((BaseType_t)1)
#define portMAX_DELAY ((TickType_t)0xffffffffUL)
#define configTICK_RATE_HZ CONFIG_FREERTOS_HZ
#define configMAX_PRIORITIES 25
#define configMINIMAL_STACK_SIZE 768
#if CONFIG_FREERTOS_UNICORE
#define portNUM_PROCESSORS 1
#else
#define portNUM_PROCESSORS 2
#endif
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
#if CONFIG_FREERTOS_UNICORE
void vPortEnterCritical(void);
void vPortExitCritical(void);
#define portENTER_CRITICAL_SAFE(mux) ({ (void)mux; vPortEnterCritical(); })
#define portEXIT_CRITICAL_SAFE(mux) ({ (void)mux; vPortExitCritical(); })
#else
void standin_enter_critical(portMUX_TYPE *mux);
void standin_exit_critical(portMUX_TYPE *mux);
#define portENTER_CRITICAL_SAFE(mux) standin_enter_critical(mux)
#define portEXIT_CRITICAL_SAFE(mux) standin_exit_critical(mux)
#endif

void vPortYieldFromISR(void);
#define portYIELD_FROM_ISR() vPortYieldFromISR()

__attribute__((always_inline)) static inline bool xPortCanYield(void) {
    return !xPortInIsrContext();
}

/* As large as with every option of the kernel that makes it larger. */
typedef struct {
    void *words[28];
    portMUX_TYPE lock;
} StaticQueue_t;
typedef StaticQueue_t StaticSemaphore_t;
typedef struct {
    void *words[90];
} StaticTask_t;
