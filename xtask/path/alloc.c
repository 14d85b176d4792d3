/* A usual memory_pool_alloc: of a block that was used before, in a pool without diagnostics. `cargo xtask path` lists what
 * `measured` reaches. */
#include "MicroUSC/system/memory_pool.h"

static memory_pool_t pool;

__attribute__((noinline)) static void *measured(void) { return memory_pool_alloc(&pool); }

int main(void) {
    if (!memory_pool_init(&pool, 32, 4)) return 1;
    memory_pool_free(&pool, memory_pool_alloc(&pool));
    return measured() == NULL;
}
