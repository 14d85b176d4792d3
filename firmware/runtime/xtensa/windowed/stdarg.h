/*
 * The compiler's own, less two mistakes. LLVM 22 stores the registers from the first unnamed argument on, but indexes what
 * it stored from the first argument on: each value read is then a later one than was passed.
 *
 *                 |<-- va_ndx -->|
 *    a2   a3 ...   first unnamed ... a7       what va_arg indexes
 *                 [ stored           ]        va_reg points here, and should point to where a2 would be
 *
 * And behind the registers it goes on by 40 bytes a value, not from 32 (where va_stk, plus that, is the first of the stack) by 4.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef FIRMWARE_XTENSA_STDARG_H
#define FIRMWARE_XTENSA_STDARG_H

#include_next <stdarg.h>

#undef va_start
#define va_start(list, last) (__builtin_va_start(list, last), (void)((list).__va_reg -= (list).__va_ndx / 4))

enum { VA_REGISTERS = 6 * 4, VA_STACK = 32 };

/* Where the next word is; all arguments here are words. */
static inline void *va_word(__builtin_va_list *list, int is_word) {
    (void)is_word;
    if (list->__va_ndx == VA_REGISTERS) list->__va_ndx = VA_STACK;
    char *const from = (char *)(list->__va_ndx < VA_REGISTERS ? list->__va_reg : list->__va_stk);
    list->__va_ndx += 4;
    return from + list->__va_ndx - 4;
}

#undef va_arg
#define va_arg(list, type) (*(type *)va_word(&(list), sizeof(char[sizeof(type) == 4 ? 1 : -1])))

#endif /* FIRMWARE_XTENSA_STDARG_H */
