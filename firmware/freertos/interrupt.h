/*
 * An interrupt on demand, besides the tick.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_INTERRUPT_H
#define FIRMWARE_INTERRUPT_H

/* Runs `run` in an interrupt, and returns after it. Called by tasks. */
void interrupt_run(void (*run)(void));

/* Called by the hook of the tick. On a port whose only interrupt is the tick, `run` runs there. */
void interrupt_tick(void);

#endif /* FIRMWARE_INTERRUPT_H */
