/* Of a C library what libc.c has. */
#pragma once
__attribute__((noreturn)) void exit(int status);
