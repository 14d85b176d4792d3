/*
 * The compiler's own, less a mistake. LLVM 22 stores the registers from the first unnamed argument on, but indexes what
 * it stored from the first argument on: each value read is then a later one than was passed.
 *
 *                 |<-- va_ndx -->|
 *    a2   a3 ...   first unnamed ... a7       what va_arg indexes
 *                 [ stored           ]        va_reg points here, and should point to where a2 would be
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_XTENSA_STDARG_H
#define FIRMWARE_XTENSA_STDARG_H

#include_next <stdarg.h>

#undef va_start
#define va_start(list, last) (__builtin_va_start(list, last), (void)((list).__va_reg -= (list).__va_ndx / 4))

#endif /* FIRMWARE_XTENSA_STDARG_H */
