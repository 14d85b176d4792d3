/*
 * Cortex-M boards of QEMU: start, console and end by semihosting, SysTick.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYSTICK_CONTROL REGISTER(0xe000e010)
#define SYSTICK_RELOAD REGISTER(0xe000e014)
#define SYSTICK_VALUE REGISTER(0xe000e018)
#define INTERRUPT_STATE REGISTER(0xe000ed04)
#define RESET_CONTROL REGISTER(0xe000ed0c)

/* The watchdog of the board lm3s6965evb: when it expires first it interrupts, the second time it resets. */
#define WATCHDOG_LOAD REGISTER(0x40000000)
#define WATCHDOG_CONTROL REGISTER(0x40000008)

enum {
    SYSTICK_ON = 7,             /* the core's clock, with interrupt */
    CYCLES_PER_MICROSECOND = 12, /* the slowest of the boards; the faster ones tick a little more often */
    CLEAR_PENDING_SYSTICK = 1 << 25,
    REQUEST_RESET = 0x05fa0004,
    WATCHDOG_RESETS = 3,
    HOST_WRITE = 0x04,
    HOST_EXIT = 0x20,
    HOST_REASON_EXIT = 0x20026
};

extern uint32_t board_data_start[], board_data_end[], board_data_load[], board_bss_start[], board_bss_end[];
extern uint32_t board_stack_top[];

static void (*on_tick)(void);
static uint32_t period, phase;

static uintptr_t ask_host(uintptr_t operation, const void *argument) {
    register uintptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void board_write(const char *text, size_t length) {
    char line[65];
    while (length > 0) {
        size_t part = 0;
        for (; part < length && part < sizeof(line) - 1; part++) line[part] = text[part];
        line[part] = '\0';
        ask_host(HOST_WRITE, line);
        text += part;
        length -= part;
    }
}

void board_exit(int status) {
    const uintptr_t arguments[2] = {HOST_REASON_EXIT, (uintptr_t)status};
    ask_host(HOST_EXIT, arguments);
    for (;;) {
    }
}

void board_reset(void) {
    RESET_CONTROL = REQUEST_RESET;
    for (;;) {
    }
}

/* Its interrupt is not enabled. */
void board_watchdog_start(uint32_t microseconds) {
    WATCHDOG_LOAD = microseconds * CYCLES_PER_MICROSECOND / 2;
    WATCHDOG_CONTROL = WATCHDOG_RESETS;
}

void board_timer_start(void (*tick)(void), uint32_t microseconds) {
    on_tick = tick;
    SYSTICK_CONTROL = 0;
    period = microseconds * CYCLES_PER_MICROSECOND - 1;
    SYSTICK_RELOAD = period;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = SYSTICK_ON;
}

void board_timer_stop(void) {
    SYSTICK_CONTROL = 0;
    INTERRUPT_STATE = CLEAR_PENDING_SYSTICK;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

void board_start_second_core(void (*run)(void)) {
    board_crash("no second core", 0, (uintptr_t)run);
}

static void reset(void) {
    const uint32_t *from = board_data_load;
    for (uint32_t *to = board_data_start; to < board_data_end; to++) *to = *from++;
    for (uint32_t *to = board_bss_start; to < board_bss_end; to++) *to = 0;
    board_run();
}

static void fault(void) {
    const uint32_t *frame;
    __asm__ volatile("mrs %0, msp" : "=r"(frame));
    uint32_t number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    board_crash("exception", number, (uintptr_t)frame);
}

static void systick(void) {
    phase = phase * 5 + 3;
    SYSTICK_RELOAD = period + phase % 64; /* from the tick after the next one on */
    on_tick();
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))board_stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, systick,
};
