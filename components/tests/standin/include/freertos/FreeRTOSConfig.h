/* The configuration of the kernel. Only FreeRTOS.h includes it, and before the port's macros, as for ESP-IDF's Xtensa chips. */
#pragma once
#include "sdkconfig.h"

#if CONFIG_FREERTOS_UNICORE
#define configNUMBER_OF_CORES 1
#else
#define configNUMBER_OF_CORES 2
#endif
#define portNUM_PROCESSORS configNUMBER_OF_CORES
#define configTICK_RATE_HZ CONFIG_FREERTOS_HZ
#define configMAX_PRIORITIES 25
#define configMINIMAL_STACK_SIZE 768
