#pragma once
#include <stdbool.h>
#include <stdint.h>
/* In ESP-IDF some of these are functions and some inline. */
bool esp_ptr_external_ram(const void *p);
bool esp_ptr_byte_accessible(const void *p);
extern const char standin_ram_start[], standin_ram_end[];
__attribute__((always_inline)) static inline bool esp_ptr_internal(const void *p) {
    return (uintptr_t)p >= (uintptr_t)standin_ram_start && (uintptr_t)p < (uintptr_t)standin_ram_end;
}
