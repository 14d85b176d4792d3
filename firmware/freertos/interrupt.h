/*
 * An interrupt on demand, besides the tick.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_INTERRUPT_H
#define FIRMWARE_INTERRUPT_H

/* Runs `run` in an interrupt, and returns when it ran. From tasks. */
void interrupt_run(void (*run)(void));

/* Called from the tick's hook: where the tick is the only interrupt there is, that is where `run` runs. */
void interrupt_tick(void);

#endif /* FIRMWARE_INTERRUPT_H */
