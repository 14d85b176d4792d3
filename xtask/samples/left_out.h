/*
 * What samples leave out, the same wherever they run: the log and the sections of ESP-IDF.
 */
#ifndef MICROUSC_SAMPLES_LEFT_OUT_H
#define MICROUSC_SAMPLES_LEFT_OUT_H

#include <stdarg.h>
#include <stdio.h>

/* ---- Logging: lines are kept, for drivers to look at, and printed on standard error ---------------------------- */

enum { PRELUDE_LINES = 64, PRELUDE_LINE_BYTES = 160 };
static struct {
    size_t lines;
    char level[PRELUDE_LINES];
    char text[PRELUDE_LINES][PRELUDE_LINE_BYTES];
} prelude_logged;

__attribute__((format(printf, 3, 4))) static inline void prelude_log(char level, const char *tag, const char *format,
                                                                     ...) {
    const size_t line = prelude_logged.lines % PRELUDE_LINES;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(prelude_logged.text[line], PRELUDE_LINE_BYTES, format, arguments);
    va_end(arguments);
    prelude_logged.level[line] = level;
    prelude_logged.lines++;
    fprintf(stderr, "%c %s: %s\n", level, tag, prelude_logged.text[line]);
}

#define ESP_LOGE(tag, ...) prelude_log('E', tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) prelude_log('W', tag, __VA_ARGS__)
#define ESP_LOGI(tag, ...) prelude_log('I', tag, __VA_ARGS__)
#define ESP_LOGD(tag, ...) prelude_log('D', tag, __VA_ARGS__)

/* ---- Sections: each use gets one of its own, because code and data cannot share one ---------------------------- */

#define PRELUDE_TEXT_OF(number) #number
#define PRELUDE_SECTION(name, number) __attribute__((section(name "." PRELUDE_TEXT_OF(number))))
#define PRELUDE_UNIQUE(name, number) PRELUDE_SECTION(name, number)
#define IRAM_ATTR PRELUDE_UNIQUE(".iram1", __COUNTER__)
#define DRAM_ATTR PRELUDE_UNIQUE(".dram1", __COUNTER__)

#endif /* MICROUSC_SAMPLES_LEFT_OUT_H */
