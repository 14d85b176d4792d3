/*
 * The kernel as the applications here use it, on the POSIX port and on QEMU's RISC-V machine.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

/* QEMU's machine `virt`; the POSIX port takes no notice. */
#define configMTIME_BASE_ADDRESS 0x0200BFF8UL
#define configMTIMECMP_BASE_ADDRESS 0x02004000UL
#define configCPU_CLOCK_HZ 10000000UL
#define configISR_STACK_SIZE_WORDS 1024

/* No whole number of milliseconds is a whole number of these, so that what is rounded wrongly is found out. */
#define configTICK_RATE_HZ 700
/* Ticks begin anew soon after the start, so that what does not expect that is found out. Those of the POSIX port have 64 bits. */
#ifdef __riscv
#define configINITIAL_TICK_COUNT ((TickType_t)-150)
#endif
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
#define configUSE_PREEMPTION 1
#define configUSE_TIME_SLICING 1
#define configMAX_PRIORITIES 6
/* Words; on either port no more than a driver's stack has if nothing else is configured, 2048 bytes. */
#define configMINIMAL_STACK_SIZE 256
#define configMAX_TASK_NAME_LEN 12
#define configUSE_IDLE_HOOK 0
#define configUSE_TICK_HOOK 1
#define configUSE_TIMERS 0
#define configUSE_QUEUE_SETS 1
#define configUSE_TRACE_FACILITY 1
#define configQUEUE_REGISTRY_SIZE 4
#define configCHECK_FOR_STACK_OVERFLOW 0
#define configTOTAL_HEAP_SIZE (64 * 1024)
#define configSUPPORT_DYNAMIC_ALLOCATION 1

/* What the port of the pools needs. */
#define configSUPPORT_STATIC_ALLOCATION 1
#define configKERNEL_PROVIDED_STATIC_MEMORY 1
#define INCLUDE_uxTaskPriorityGet 1
#define INCLUDE_xTaskGetSchedulerState 1

/* And what the drivers of the system layer need besides. */
#define configUSE_MUTEXES 1
#define INCLUDE_vTaskDelete 1
#define INCLUDE_vTaskSuspend 1

#define INCLUDE_vTaskDelay 1
#define INCLUDE_xTaskAbortDelay 1

/* From the program. */
void assertion_failed(const char *file, int line);
#define configASSERT(condition)                                      \
    do {                                                             \
        if (!(condition)) assertion_failed(__FILE__, __LINE__);      \
    } while (0)

#endif /* FREERTOS_CONFIG_H */
