/*
 * A pool of packets: allocate, free, and a wrong free that is refused. From the root of the repository:
 *
 *     cargo build --release --package microusc-memory
 *     cc crates/capi/examples/packets.c -Icrates/capi/include target/release/libmicrousc_memory.a -o packets && ./packets
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "MicroUSC/system/memory_pool.h"

typedef struct {
    unsigned length;
    unsigned char bytes[60];
} packet_t;

int main(void) {
    static memory_pool_t packets;
    if (!memory_pool_init(&packets, sizeof(packet_t), 20)) {
        return 1; /* the log says why */
    }
    memory_pool_set_name(&packets, "packets");

    packet_t *packet = memory_pool_alloc(&packets); /* constant time; NULL if no block is free */
    if (packet == NULL) {
        return 1;
    }
    packet->length = (unsigned)strlen("hello");
    memcpy(packet->bytes, "hello", packet->length);
    printf("a packet of %u bytes\n", packet->length);

    memory_pool_free(&packets, packet);
    esp_err_t reason = memory_pool_free_reason(&packets, packet); /* refused, counted, logged; the pool is unharmed */
    printf("freed again: %s\n", memory_pool_err_to_name(reason));

    memory_pool_info_t info;
    if (memory_pool_get_info(&packets, &info) != ESP_OK) {
        return 1;
    }
    printf("%u of %u free, %u at worst, %u wrong frees\n", (unsigned)info.free_blocks, (unsigned)info.num_blocks,
           (unsigned)info.lowest_free, (unsigned)info.refused_frees);
    memory_pool_destroy(&packets);
    return 0;
}

/* Prints:
a packet of 5 bytes
freed again: MEMORY_POOL_ERR_DOUBLE_FREE
20 of 20 free, 19 at worst, 1 wrong frees
*/
