/*
 * QEMU's machine `sim`: console and end through the emulator's services, the timer of the core.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "board.h"
#include "exception.h"

enum { LEVEL_1_INTERRUPT = 4, TIMER_0 = 1 << 6 };

static void (*on_tick)(void);
static uint32_t period, phase;

void board_write(const char *text, size_t length) {
    xt_write(1, text, length);
}

void board_exit(int status) {
    xt_exit(status);
}

/* From start.s. */
void board_exception(struct frame *frame);

void board_exception(struct frame *frame) {
    if (frame->cause == LEVEL_1_INTERRUPT) {
        if ((xt_pending() & TIMER_0) == 0) board_crash("interrupt", xt_pending(), frame->epc);
        on_tick();
        /* Counted from the end, so that the main program gets on whatever the period; it also takes the interrupt back. */
        phase = phase * 5 + 3;
        xt_set_ccompare(xt_ccount() + period + phase % 16);
    } else if (!words_access(frame)) {
        board_crash("trap", frame->cause, frame->epc);
    }
}

void board_timer_start(void (*tick)(void), uint32_t microseconds) {
    on_tick = tick;
    period = microseconds * BOARD_MHZ;
    xt_set_ccompare(xt_ccount() + period);
    xt_set_intenable(TIMER_0);
}

void board_timer_stop(void) {
    xt_set_intenable(0);
}

void board_start_second_core(void (*run)(void)) {
    (void)run;
    board_crash("no second core", 0, 0);
}

/* In place of those in mask.s, to show that they are needed. */
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
