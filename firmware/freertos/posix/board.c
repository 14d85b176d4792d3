/*
 * The board of applications on the POSIX port. Nothing here waits for a lock of the C library, which a task that was
 * preempted may hold.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <unistd.h>
#include "board.h"
#include "interrupt.h"

static void (*volatile wanted)(void);

__attribute__((constructor)) static void print_at_once(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
}

void board_write(const char *text, size_t length) {
    while (length > 0) {
        const ssize_t written = write(STDOUT_FILENO, text, length);
        if (written <= 0) _exit(BOARD_CRASHED);
        text += written;
        length -= (size_t)written;
    }
}

void board_exit(int status) {
    _exit(status);
}

void interrupt_run(void (*run)(void)) {
    wanted = run;
    while (wanted != NULL) {
    }
}

void interrupt_tick(void) {
    if (wanted == NULL) return;
    wanted();
    wanted = NULL;
}
