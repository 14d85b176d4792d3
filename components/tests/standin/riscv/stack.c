/*
 * Stacks of tasks: RISC-V.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <string.h>

#include "standin.h"

__attribute__((naked)) void standin_change_stack(void **save, void *load) {
    __asm__("addi sp, sp, -64\n sw ra, 0(sp)\n sw s0, 4(sp)\n sw s1, 8(sp)\n sw s2, 12(sp)\n sw s3, 16(sp)\n"
            "sw s4, 20(sp)\n sw s5, 24(sp)\n sw s6, 28(sp)\n sw s7, 32(sp)\n sw s8, 36(sp)\n sw s9, 40(sp)\n"
            "sw s10, 44(sp)\n sw s11, 48(sp)\n sw sp, 0(a0)\n mv sp, a1\n lw ra, 0(sp)\n lw s0, 4(sp)\n lw s1, 8(sp)\n"
            "lw s2, 12(sp)\n lw s3, 16(sp)\n lw s4, 20(sp)\n lw s5, 24(sp)\n lw s6, 28(sp)\n lw s7, 32(sp)\n"
            "lw s8, 36(sp)\n lw s9, 40(sp)\n lw s10, 44(sp)\n lw s11, 48(sp)\n addi sp, sp, 64\n ret");
    (void)save;
    (void)load;
}

void *standin_new_stack(uint8_t *end, void (*begin)(void)) {
    void **const top = (void **)(void *)(end - 64);
    memset(top, 0, 64);
    top[0] = (void *)begin;
    return top;
}
