/* Included by the kernel, which uses nothing of it that stddef.h has not. */
#ifndef FIRMWARE_STDLIB_H
#define FIRMWARE_STDLIB_H

#include <stddef.h>

#endif
