/* The facts about every chip, for tests of each: written again here, independently of the code under test. */
#ifndef MICROUSC_TEST_CHIPS_H
#define MICROUSC_TEST_CHIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;
    bool psram, psram_dma, word_iram;
    size_t dma_align, line;
    uint32_t iram_low, iram_high, psram_low, psram_high;
} chip_t;

static const chip_t chips[] = {
    {"esp32", true, false, true, 4, 32, 0x40080000, 0x400A0000, 0x3F800000, 0x3FC00000},
    {"esp8266", false, false, true, 4, 0, 0x40100000, 0x4010C000, 0, 0},
    {"esp32s2", true, true, false, 4, 32, 0, 0, 0x3F500000, 0x3FF80000},
    {"esp32s3", true, true, false, 4, 32, 0, 0, 0x3C000000, 0x3E000000},
    {"esp32c2", false, false, false, 4, 0, 0, 0, 0, 0},
    {"esp32c3", false, false, false, 4, 0, 0, 0, 0, 0},
    {"esp32c5", true, true, false, 4, 32, 0, 0, 0x42000000, 0x44000000},
    {"esp32c6", false, false, false, 4, 0, 0, 0, 0, 0},
    {"esp32c61", true, true, false, 4, 32, 0, 0, 0x42000000, 0x44000000},
    {"esp32h2", false, false, false, 4, 0, 0, 0, 0, 0},
    {"esp32p4", true, true, false, 64, 64, 0, 0, 0x48000000, 0x4C000000},
};
enum { CHIPS = sizeof(chips) / sizeof(chips[0]) };

#endif /* MICROUSC_TEST_CHIPS_H */
