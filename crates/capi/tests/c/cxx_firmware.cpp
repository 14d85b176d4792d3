// The C++ header as firmware is built: without exceptions and run-time type information, and without a heap of C++.
// flags: -fno-exceptions -fno-rtti
#include "check.h"

#include <new>

#include "MicroUSC/system/memory_pool.hpp"

#ifdef MICROUSC_HAS_MEMORY_RESOURCE
#error "a resource that cannot refuse must not be offered"
#endif

// Whatever asks for memory by `new` ends the program.
void *operator new(std::size_t) { abort(); }
void *operator new[](std::size_t) { abort(); }
void operator delete(void *) noexcept { abort(); }
void operator delete(void *, std::size_t) noexcept { abort(); }

namespace {

struct reading {
    std::uint32_t sensor;
    double value; // aligned more strictly than a pointer on most chips
};

TEST(objects_need_neither_exceptions_nor_a_heap) {
    microusc::pool<reading> pool(4, DRAM, MEMORY_POOL_FLAG_ISR);
    CHECK(pool);
    {
        auto first = pool.make(reading{1, 0.5});
        auto second = std::move(first);
        CHECK(!first && second->value == 0.5);
        CHECK(address_of(second.get()) % alignof(reading) == 0);
        reading *raw = second.release();
        CHECK_EQUAL(pool.destroy(raw), ESP_OK);
        CHECK_EQUAL(pool.destroy(raw), MEMORY_POOL_ERR_DOUBLE_FREE);
    }
    const microusc::block block = microusc::take(pool.raw());
    CHECK(block && pool.available() == 3);
}

const test_t tests[] = {RUN(objects_need_neither_exceptions_nor_a_heap)};

} // namespace

int main() { return RUN_ALL(tests); }
