/*
 * The functions of every board. This header is the same for all; each architecture has a folder of sources.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_BOARD_H
#define FIRMWARE_BOARD_H

#include <stddef.h>
#include <stdint.h>

/* How a program ends. QEMU passes the number on. */
enum {
    BOARD_PASSED = 0,
    BOARD_BROKEN = 1, /* the program found a broken rule */
    BOARD_CRASHED = 3 /* a trap, a panic */
};

/* Writes to the console. */
void board_write(const char *text, size_t length);

/* Ends the run. */
__attribute__((noreturn)) void board_exit(int status);

/*
 * Calls `tick` from the timer interrupt, about every `microseconds` (1 to 1000) of emulated time, until stopped. The
 * period varies: otherwise a program whose rounds take one period would always be interrupted at the same place.
 */
void board_timer_start(void (*tick)(void), uint32_t microseconds);
void board_timer_stop(void);

/*
 * Calls `interrupt` from the timer interrupt, once, `steps` times 100 ns of emulated time from now, with the address of the
 * instruction before which it came. Not on every board.
 */
void board_interrupt_once(void (*interrupt)(uintptr_t at), uint32_t steps);

/* Emulated time in steps of 100 ns. Not on every board. */
uint32_t board_time(void);

/*
 * Resets the machine: every core and device starts again, and only the section `.noinit` of the memory stays unchanged.
 * Not on every board.
 */
__attribute__((noreturn)) void board_reset(void);

/*
 * Resets the machine after about this number of microseconds of emulated time, whatever the program does, even with
 * interrupts masked. Not on every board.
 */
void board_watchdog_start(uint32_t microseconds);

/* Runs `run` on the second core; it may return. Boards with one core end the program as crashed. */
void board_start_second_core(void (*run)(void));

/* The program: `main` of a C program, or the Rust function that gets this name from the linker. */
int main(void);

/* Called before the program; does nothing unless the program defines it. */
void board_prepare(void);

/* ---- The same for all boards: common.c --------------------------------------------------------------------- */

/* Called by the start-up code of a board when memory is ready. */
__attribute__((noreturn)) void board_run(void);

/* Called by the handler of traps: prints the numbers, and ends the program as crashed. */
__attribute__((noreturn)) void board_crash(const char *what, uintptr_t number, uintptr_t address);

/* A small heap: first fit, with merged neighbours. `align` is a power of two. Returns NULL if there is no room. */
void *board_allocate(size_t bytes, size_t align);
void board_release(void *memory);

#endif /* FIRMWARE_BOARD_H */
