/* Sizes on the chips, checked with -m32: cargo xtask header. */

#include "MicroUSC/system/memory_pool.h"
#include "MicroUSC/internal/driverList.h"
#include "MicroUSC/system/memory_pool_trace.h"
_Static_assert(sizeof(memory_placement_t) == 4, "with any size of enumerations");
_Static_assert(sizeof(memory_pool_wait_order_t) == 4, "as well");
_Static_assert(sizeof(microusc_driver_state_t) == 4, "as well");
_Static_assert(sizeof(memory_pool_checks_t) == 4, "as well");
_Static_assert(sizeof(memory_pool_trace_op_t) == 4, "as well");
_Static_assert(sizeof(void *) == 4, "32 bits");
_Static_assert(sizeof(memory_block_t) == 4, "a link");
_Static_assert(sizeof(memory_pool_t) == 24, "five documented words and one");
MEMORY_POOL_STATIC_BUFFER(buffer, 30, 10);
