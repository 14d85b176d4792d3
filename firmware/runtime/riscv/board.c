/*
 * QEMU's machine `virt`: console, end, timer, second hart.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "board.h"

#define REGISTER(type, address) (*(volatile type *)(address))

/* A 16550: a byte that is written is printed. */
#define UART_DATA REGISTER(uint8_t, 0x10000000)
/* The test finisher: 0x5555 passes, 0x3333 fails with the status above it, 0x7777 resets. */
#define FINISHER REGISTER(uint32_t, 0x100000)
/* The interrupt controller of the core: a tick is 100 ns. */
#define SOFTWARE_INTERRUPT(hart) REGISTER(uint32_t, 0x2000000 + 4 * (hart))
#define COMPARE_LOW(hart) REGISTER(uint32_t, 0x2004000 + 8 * (hart))
#define COMPARE_HIGH(hart) REGISTER(uint32_t, 0x2004004 + 8 * (hart))
#define TIME_LOW REGISTER(uint32_t, 0x200bff8)
#define TIME_HIGH REGISTER(uint32_t, 0x200bffc)

enum { TICKS_PER_MICROSECOND = 10, MACHINE_TIMER = 7, MSTATUS_MIE = 8, MIE_MTIE = 1 << MACHINE_TIMER, HARTS = 2 };

static void (*on_tick[HARTS])(void);
static void (*on_once)(uintptr_t at);
static uint32_t period[HARTS], phase[HARTS];
static void (*second_core)(void);

void board_write(const char *text, size_t length) {
    for (size_t at = 0; at < length; at++) UART_DATA = (uint8_t)text[at];
}

void board_exit(int status) {
    FINISHER = status == 0 ? 0x5555 : (uint32_t)status << 16 | 0x3333;
    for (;;) {
    }
}

void board_reset(void) {
    FINISHER = 0x7777;
    for (;;) {
    }
}

static unsigned hart(void) {
    unsigned number;
    __asm__ volatile("csrr %0, mhartid" : "=r"(number));
    return number;
}

/* The timer interrupts `wait` ticks from now. */
static void arm_in(unsigned number, uint32_t wait) {
    uint32_t high = TIME_HIGH, low = TIME_LOW;
    if (high != TIME_HIGH) {
        high = TIME_HIGH;
        low = TIME_LOW;
    }
    const uint64_t due = ((uint64_t)high << 32 | low) + wait;
    COMPARE_HIGH(number) = UINT32_MAX; /* so that no value in between is in the past */
    COMPARE_LOW(number) = (uint32_t)due;
    COMPARE_HIGH(number) = (uint32_t)(due >> 32);
}

static void arm(unsigned number) {
    phase[number] = phase[number] * 5 + 3;
    arm_in(number, period[number] + phase[number] % 16);
}

static void admit(void) {
    __asm__ volatile("csrs mie, %0\n\tcsrsi mstatus, %1" ::"r"(MIE_MTIE), "i"(MSTATUS_MIE) : "memory");
}

void board_timer_start(void (*tick)(void), uint32_t microseconds) {
    const unsigned number = hart();
    on_tick[number] = tick;
    period[number] = microseconds * TICKS_PER_MICROSECOND;
    arm(number);
    admit();
}

/* A step is a tick. */
void board_interrupt_once(void (*interrupt)(uintptr_t at), uint32_t steps) {
    on_once = interrupt;
    arm_in(hart(), steps);
    admit();
}

void board_timer_stop(void) {
    __asm__ volatile("csrc mie, %0" ::"r"(MIE_MTIE) : "memory");
}

uint32_t board_time(void) {
    return TIME_LOW;
}

void board_start_second_core(void (*run)(void)) {
    second_core = run;
    __asm__ volatile("fence" ::: "memory");
    SOFTWARE_INTERRUPT(1) = 1;
}

/* From start.S. */
void board_second_core(void);
void board_trap(uintptr_t cause, uintptr_t address);

void board_second_core(void) {
    SOFTWARE_INTERRUPT(1) = 0;
    second_core();
}

void board_trap(uintptr_t cause, uintptr_t address) {
    if (cause != ((uintptr_t)1 << 31 | MACHINE_TIMER)) board_crash("trap", cause, address);
    if (on_once != NULL) {
        board_timer_stop();
        on_once(address);
        return;
    }
    const unsigned number = hart();
    arm(number);
    on_tick[number]();
}
