/* Has to come before every other header of the kernel, and before headers that include one. */
#pragma once
#define INC_FREERTOS_H
#include <stddef.h>
#include <stdint.h>
#include "freertos/FreeRTOSConfig.h"
#include "freertos/portmacro.h"

#if (configNUMBER_OF_CORES > 1) && !defined(portYIELD_CORE)
#error "portYIELD_CORE is missing: a header of the port was included before freertos/FreeRTOS.h"
#endif

#define pdFALSE ((BaseType_t)0)
#define pdTRUE ((BaseType_t)1)

/* As large as with every option of the kernel that makes it larger. */
typedef struct {
    void *words[28];
    portMUX_TYPE lock;
} StaticQueue_t;
typedef StaticQueue_t StaticSemaphore_t;
typedef struct {
    void *words[90];
} StaticTask_t;
