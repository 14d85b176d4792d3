/* A stand-in for ESP-IDF's header: what the port uses of it. */
#pragma once

#include <stdbool.h>

bool spi_flash_cache_enabled(void);
