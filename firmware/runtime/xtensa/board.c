/*
 * QEMU's machine `sim`: console and end through the emulator's services, the timer of the core.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "board.h"
#include "exception.h"

enum { LEVEL_1_INTERRUPT = 4, TIMER_0 = 1 << 6 };

static void (*on_tick)(void);
static void (*on_once)(uintptr_t at);
static uint32_t period, phase;

void board_write(const char *text, size_t length) {
    xt_write(1, text, length);
}

void board_exit(int status) {
    xt_exit(status);
}

/*
 * The next tick, counted from now. The core compares for equality: a time that has passed before it is written would be
 * reached only after the counter has wrapped. Therefore the counter is read afterwards, and if the time has passed, a
 * later one is written.
 */
static void arm(void) {
    phase = phase * 5 + 3;
    for (uint32_t wait = period + phase % 16;; wait *= 2) {
        const uint32_t from = xt_ccount();
        xt_set_ccompare(from + wait); /* also clears the interrupt */
        if (xt_ccount() - from < wait || (xt_interrupts() & TIMER_0) != 0) return;
    }
}

/* From start.s. */
void board_exception(struct frame *frame);

void board_exception(struct frame *frame) {
    if (frame->cause == LEVEL_1_INTERRUPT) {
        if ((xt_interrupts() & TIMER_0) == 0) board_crash("interrupt", xt_interrupts(), frame->epc);
        if (on_once != NULL) {
            xt_set_intenable(0);
            on_once(frame->epc);
            return;
        }
        on_tick();
        arm(); /* afterwards, so that the main program advances with any period */
    } else if (!words_access(frame)) {
        board_crash("trap", frame->cause, frame->epc);
    }
}

void board_timer_start(void (*tick)(void), uint32_t microseconds) {
    on_tick = tick;
    period = microseconds * BOARD_MHZ;
    arm();
    xt_set_intenable(TIMER_0);
}

void board_timer_stop(void) {
    xt_set_intenable(0);
}

/* BOARD_MHZ is a multiple of ten. */
void board_interrupt_once(void (*interrupt)(uintptr_t at), uint32_t steps) {
    const uint32_t wait = steps * (BOARD_MHZ / 10);
    const uint32_t from = xt_ccount();
    xt_set_ccompare(from + wait);
    on_once = interrupt;
    if (xt_ccount() - from >= wait && (xt_interrupts() & TIMER_0) == 0) board_crash("too soon", wait, 0);
    xt_set_intenable(TIMER_0);
}

void board_start_second_core(void (*run)(void)) {
    (void)run;
    board_crash("no second core", 0, 0);
}

/* They replace the functions in mask.s, to show that those are needed. */
#ifdef UNMASKED
uintptr_t microusc_mask(void);
void microusc_restore(uintptr_t saved);

uintptr_t microusc_mask(void) {
    return 0;
}

void microusc_restore(uintptr_t saved) {
    (void)saved;
}
#endif
