/*
 * What only the host port has: a choice of chip, and a look at its simulated heap.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MICROUSC_PORT_HOST_H
#define MICROUSC_PORT_HOST_H

#include "MicroUSC/system/memory_pool.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Lays out the memory of `chip` ("esp32", "esp8266", "esp32s3", ...) in place of the one chosen before, which is
 * "esp32" or what the environment variable MICROUSC_CHIP names. ESP_ERR_INVALID_ARG for an unknown name,
 * ESP_ERR_INVALID_STATE while pools exist.
 */
esp_err_t microusc_host_select_chip(const char *chip);

/* The address that `address` would have on the chip, or 0 if it is not in the chip's heap. */
uint32_t microusc_host_chip_address(const void *address);

/* Free bytes of the chip's heap with all of the capabilities (MALLOC_CAP_*). */
size_t microusc_host_free_bytes(uint32_t caps);

/* Makes the port's next `count`-th allocation fail, counting from 1; 0: none. For testing what unwinds. */
void microusc_host_fail_allocation(size_t count);

/*
 * Makes the port's next `count`-th allocation come from memory of another kind than was asked for: external instead of
 * internal RAM, or the other way round; 0: none. For testing what is verified.
 */
void microusc_host_misplace_allocation(size_t count);

/*
 * What the calling thread stands for from now on: a task of that priority, or an interrupt, which cannot wait. At first
 * a task of priority 0.
 */
void microusc_host_set_context(uint8_t priority, bool interrupt);

/*
 * Runs `interrupt` on the calling thread wherever it released the last lock of a pool that it held: where an interrupt comes
 * that was masked until then. It may use pools, and is not interrupted itself. NULL: nothing any more.
 *
 * For testing what comes in between. Returns false, and does nothing, in an archive without debug assertions (a release).
 * An archive with them also ends the program when what a lock guards is used while the lock is not held.
 */
bool microusc_host_interrupt_at_release(void (*interrupt)(void));

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_PORT_HOST_H */
