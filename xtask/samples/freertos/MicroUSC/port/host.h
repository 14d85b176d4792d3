/*
 * What the tests ask of the host port, answered by the kernel: see ../../world.c.
 */
#ifndef MICROUSC_PORT_HOST_H
#define MICROUSC_PORT_HOST_H

#include "MicroUSC/system/memory_pool.h"

/* There is one chip. */
esp_err_t microusc_host_select_chip(const char *chip);
uint32_t microusc_host_chip_address(const void *address);

/* Free bytes of the kernel's heap. */
size_t microusc_host_free_bytes(uint32_t caps);

/* Makes the next `count`-th allocation of the kernel's heap fail, counting from 1; 0: none. */
void microusc_host_fail_allocation(size_t count);

#endif /* MICROUSC_PORT_HOST_H */
