// The C++ header: standard containers whose nodes live in a pool.
#include "check.h"

#include <array>
#include <forward_list>
#include <list>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "MicroUSC/system/memory_pool.hpp"

namespace {

constexpr std::size_t count = 50;

// A pool for one test, and nothing else that a container could fall back to.
struct fixture {
    memory_pool_t raw;
    std::pmr::memory_resource *before = std::pmr::set_default_resource(std::pmr::null_memory_resource());

    explicit fixture(std::size_t size, memory_placement_t placement = DRAM) {
        CHECK(memory_pool_init_placed(&raw, size, count, placement));
    }
    ~fixture() {
        std::pmr::set_default_resource(before);
        CHECK_EQUAL(raw.free_blocks, count);
        CHECK_EQUAL(memory_pool_destroy_unused(&raw), ESP_OK);
        CHECK_SILENT();
    }
};

template <class Work>
bool is_refused(Work work) {
    try {
        work();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

TEST(a_list_takes_a_block_for_each_node) {
    fixture pool(48);
    microusc::memory_pool_resource resource(pool.raw);
    std::pmr::list<int> list(&resource);
    for (std::size_t i = 0; i < count; i++) {
        list.push_back(static_cast<int>(i));
        CHECK_EQUAL(pool.raw.free_blocks, count - 1 - i);
    }
    CHECK(is_refused([&] { list.push_back(0); }));
    CHECK_EQUAL(list.size(), count);
    list.remove_if([](int number) { return number % 2 == 0; });
    CHECK_EQUAL(pool.raw.free_blocks, count / 2);
    list.sort([](int left, int right) { return left > right; });
    CHECK_EQUAL(list.front(), count - 1);
    CHECK_EQUAL(memory_pool_validate(&pool.raw), ESP_OK);
}

TEST(trees_and_chains_live_in_one_pool) {
    fixture pool(96, PSRAM);
    microusc::memory_pool_resource resource(pool.raw);
    CHECK(&resource.pool() == &pool.raw);
    std::pmr::map<int, std::array<int, 4>> map(&resource);
    std::pmr::set<long> set(&resource);
    std::pmr::forward_list<char> chain(&resource);
    for (int i = 0; i < 10; i++) {
        map[i * 7 % 10] = {i, i, i, i};
        set.insert(i * 3 % 10);
        chain.push_front(static_cast<char>('a' + i));
    }
    CHECK_EQUAL(pool.raw.free_blocks, count - 30);
    int last = -1;
    for (const auto &[key, value] : map) {
        CHECK(key > last && value[3] * 7 % 10 == key);
        last = key;
    }
    CHECK(set.size() == 10 && chain.front() == 'j');
    map.erase(3);
    CHECK_EQUAL(pool.raw.free_blocks, count - 29);
}

TEST(what_does_not_fit_a_block_is_refused) {
    fixture pool(64);
    microusc::memory_pool_resource resource(pool.raw);
    CHECK(is_refused([&] { (void)resource.allocate(65, 1); }));
    CHECK(is_refused([&] { (void)resource.allocate(8, 4096); }));
    CHECK(is_refused([&] { (void)resource.allocate(unknown(SIZE_MAX), 1); }));
    void *block = resource.allocate(64, 8);
    resource.deallocate(block, 64, 8);
    CHECK_EQUAL(pool.raw.free_blocks, count);
    CHECK_EQUAL(info_of(&pool.raw).alloc_failures, 0);

    std::pmr::vector<int> vector(&resource);
    CHECK(is_refused([&] {
        for (int i = 0;; i++) vector.push_back(i);
    }));
    CHECK(vector.size() == 16 && vector.back() == 15);
    std::pmr::string text(&resource);
    CHECK(is_refused([&] { text.assign(100, 'x'); }));
    text.assign(50, 'y');
    CHECK(memory_pool_owns(&pool.raw, text.data()));
}

TEST(alignment_is_that_of_every_block) {
    for (const std::size_t size : {8, 24, 64, 96, 128, 4096}) {
        fixture pool(size, PSRAM);
        microusc::memory_pool_resource resource(pool.raw);
        const std::size_t align = microusc::alignment_of(pool.raw);
        CHECK(align >= 32 && (align & (align - 1)) == 0);
        void *blocks[count];
        for (auto &block : blocks) {
            block = resource.allocate(1, align);
            CHECK_EQUAL(address_of(block) % align, 0);
        }
        for (auto *block : blocks) resource.deallocate(block, 1, align);
        CHECK(is_refused([&] { (void)resource.allocate(1, 2 * align); }));
    }
}

TEST(two_resources_are_not_taken_for_each_other) {
    fixture first(48), second(48);
    microusc::memory_pool_resource one(first.raw), two(second.raw);
    CHECK(one == one && one != two);
    std::pmr::list<int> from({1, 2, 3}, &one), to(&two);
    to = std::move(from);
    CHECK(to.size() == 3 && first.raw.free_blocks + second.raw.free_blocks <= 2 * count - 3);
    from.clear();
    CHECK_EQUAL(first.raw.free_blocks, count);
    CHECK_EQUAL(second.raw.free_blocks, count - 3);
}

const test_t tests[] = {
    RUN(a_list_takes_a_block_for_each_node),
    RUN(trees_and_chains_live_in_one_pool),
    RUN(what_does_not_fit_a_block_is_refused),
    RUN(alignment_is_that_of_every_block),
    RUN(two_resources_are_not_taken_for_each_other),
};

} // namespace

int main() { return RUN_ALL(tests); }
