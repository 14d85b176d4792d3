/*
 * What only the port for FreeRTOS has: where log lines go. It is set once at the start, before the first pool.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     static void to_uart(const char *text, size_t length);
 *
 *     microusc_freertos_set_writer(to_uart);
 *
 * The port is the archive built with its feature `freertos`, and one C file that is compiled with the kernel:
 * crates/port/src/freertos/microusc_port_freertos.c. What FreeRTOSConfig.h must have, and may say: docs/freertos.md.
 */
#ifndef MICROUSC_PORT_FREERTOS_H
#define MICROUSC_PORT_FREERTOS_H

#include "MicroUSC/system/memory_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where log lines go: in pieces of at most 128 bytes, without a terminating NUL, a line ending in '\n'. `write` runs
 * where the reporting call ran, interrupts included, with no lock held. NULL, as at first: nowhere.
 */
void microusc_freertos_set_writer(void (*write)(const char *text, size_t length));

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_PORT_FREERTOS_H */
