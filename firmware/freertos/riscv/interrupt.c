/*
 * Interrupts of QEMU's machine `virt` besides the tick: a software interrupt, and the traps that the kernel does not
 * handle.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "board.h"
#include "interrupt.h"

/* The interrupt controller of the core. */
#define SOFTWARE_INTERRUPT (*(volatile uint32_t *)0x2000000)

enum { MIE_MSIE = 8 };

static void (*volatile wanted)(void);

void interrupt_run(void (*run)(void)) {
    wanted = run;
    __asm__ volatile("csrsi mie, %0" ::"i"(MIE_MSIE) : "memory");
    SOFTWARE_INTERRUPT = 1;
    while (wanted != NULL) {
    }
}

void interrupt_tick(void) {
}

/* Called by the kernel's port, on the stack of interrupts. */
void freertos_risc_v_application_interrupt_handler(void);
void freertos_risc_v_application_interrupt_handler(void) {
    SOFTWARE_INTERRUPT = 0;
    wanted();
    wanted = NULL;
}

void freertos_risc_v_application_exception_handler(void);
void freertos_risc_v_application_exception_handler(void) {
    uintptr_t cause, address;
    __asm__ volatile("csrr %0, mcause\n\tcsrr %1, mepc" : "=r"(cause), "=r"(address));
    board_crash("trap", cause, address);
}
