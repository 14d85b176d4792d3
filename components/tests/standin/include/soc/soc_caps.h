#pragma once
#include "sdkconfig.h"
#if CONFIG_IDF_TARGET_ESP32P4
#define SOC_PSRAM_DMA_CAPABLE 1
#endif
