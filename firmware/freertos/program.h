/*
 * What the smaller programs on FreeRTOS share: rules that must hold, and the task that everything runs in.
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

#include "board.h"
#include "interrupt.h"

/* Whoever finds a rule broken ends the program. */
static inline void check(bool holds, const char *rule) {
    if (holds) return;
    printf("broken: %s\n", rule);
    board_exit(BOARD_BROKEN);
}

void assertion_failed(const char *file, int line) {
    printf("broken: assertion in %s, line %d\n", file, line);
    board_exit(BOARD_BROKEN);
}

void vApplicationTickHook(void) {
    interrupt_tick();
}

/* Runs `program` in a task of this priority, under the kernel; it ends the run. */
static inline int run_in_task(void (*program)(void *), UBaseType_t priority) {
    enum { STACK_WORDS = 2048 };
    static StaticTask_t task;
    static StackType_t stack[STACK_WORDS];
    xTaskCreateStatic(program, "program", STACK_WORDS, NULL, priority, stack, &task);
    vTaskStartScheduler();
    return BOARD_BROKEN;
}

#endif /* FIRMWARE_PROGRAM_H */
