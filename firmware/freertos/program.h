/*
 * What the smaller programs on FreeRTOS share: the task in which everything runs, the tick, and the log.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_PROGRAM_H
#define FIRMWARE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "FreeRTOS.h"
#include "task.h"

#include "MicroUSC/port/freertos.h"
#include "board.h"
#include "interrupt.h"
#include "checks.h"

void assertion_failed(const char *file, int line) {
    printf("broken: assertion in %s, line %d\n", file, line);
    board_exit(BOARD_BROKEN);
}

/* The function that the tick calls; NULL: none. */
static void (*volatile on_tick)(void);

void vApplicationTickHook(void) {
    if (on_tick != NULL) on_tick();
    interrupt_tick();
}

/* The log, as far as there is room, and its number of lines. */
static char logged[2048];
static size_t logged_bytes, logged_lines;

static inline void keep_log(const char *text, size_t length) {
    for (size_t at = 0; at < length && logged_bytes < sizeof(logged) - 1; at++) {
        logged[logged_bytes++] = text[at];
        logged_lines += text[at] == '\n';
    }
    logged[logged_bytes] = '\0';
}

static inline void forget_log(void) {
    logged_bytes = logged_lines = 0;
    logged[0] = '\0';
}

/* Runs `program` in a task of this priority. The program ends the run. */
static inline int run_in_task(void (*program)(void *), UBaseType_t priority) {
    enum { STACK_WORDS = 2048 };
    static StaticTask_t task;
    static StackType_t stack[STACK_WORDS];
    microusc_freertos_set_writer(keep_log);
    xTaskCreateStatic(program, "program", STACK_WORDS, NULL, priority, stack, &task);
    vTaskStartScheduler();
    return BOARD_BROKEN;
}

#endif /* FIRMWARE_PROGRAM_H */
