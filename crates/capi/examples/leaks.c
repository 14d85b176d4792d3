/*
 * Which line allocated the blocks that are still in use? From the root of the repository:
 *
 *     cargo build --release --package microusc-memory
 *     cc crates/capi/examples/leaks.c -Icrates/capi/include target/release/libmicrousc_memory.a -o leaks && ./leaks
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include "MicroUSC/system/memory_pool.h"
#include "MicroUSC/system/memory_pool_leaks.h"

static void print_site(const memory_pool_site_t *site, void *argument) {
    (void)argument;
    printf("a block that was allocated in line %" PRIu32 "\n", site->line);
}

int main(void) {
    static memory_pool_t messages;
    if (!memory_pool_init(&messages, 32, 8)) {
        return 1; /* the log says why */
    }
    if (memory_pool_record_sites(&messages, true) != ESP_OK) {
        return 1;
    }
    void *kept = memory_pool_alloc_at(&messages, 100, "sender.c"); /* memory_pool_debug.h has a macro for __LINE__ */
    void *forgotten = memory_pool_alloc_at(&messages, 200, "receiver.c");
    memory_pool_free(&messages, kept);
    (void)forgotten;

    size_t leaks = memory_pool_dump_leaks(&messages, 0, print_site, NULL);
    printf("%u block in use\n", (unsigned)leaks);
    memory_pool_free(&messages, forgotten);
    memory_pool_destroy(&messages);
    return 0;
}

/* Prints:
a block that was allocated in line 200
1 block in use
*/
