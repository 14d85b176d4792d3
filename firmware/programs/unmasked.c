/*
 * The main loop and the timer interrupt on one pool, where the functions that mask interrupts do nothing: the program
 * must notice. For boards whose pools call such functions (`mask-functions`).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "interrupts.c"

uintptr_t microusc_mask(void);
void microusc_restore(uintptr_t saved);

uintptr_t microusc_mask(void) {
    return 0;
}

void microusc_restore(uintptr_t saved) {
    (void)saved;
}
