// The C++ header: owners of blocks, and pools of objects.
#include "check.h"

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "MicroUSC/system/memory_pool.hpp"

namespace {

static_assert(!std::is_copy_constructible_v<microusc::block> && std::is_nothrow_move_constructible_v<microusc::block>);
static_assert(!std::is_copy_constructible_v<microusc::pool<int>> && !std::is_move_constructible_v<microusc::pool<int>>);
static_assert(sizeof(microusc::block) == 2 * sizeof(void *));

// Counts its instances; its constructor throws on request.
struct counted {
    static int alive;
    int number;
    std::string text;

    explicit counted(int wanted, std::string words = "none") : number(wanted), text(std::move(words)) {
        if (wanted < 0) throw std::invalid_argument("negative");
        alive++;
    }
    counted(const counted &) = delete;
    ~counted() { alive--; }
};
int counted::alive = 0;

TEST(a_block_returns_when_its_owner_goes) {
    memory_pool_t raw;
    CHECK(memory_pool_init(&raw, 64, 2));
    {
        microusc::block first = microusc::take(raw);
        CHECK(first && raw.free_blocks == 1);
        memset(first.get(), 1, first.get_deleter().pool()->block_size);
        microusc::block moved = std::move(first);
        CHECK(!first && moved && raw.free_blocks == 1);
        const microusc::block second = microusc::take_zeroed(raw);
        CHECK(static_cast<const char *>(second.get())[63] == 0);
        CHECK(!microusc::take(raw) && !microusc::take_zeroed(raw));
        CHECK(!microusc::take_within(raw, 1));
    }
    CHECK_EQUAL(raw.free_blocks, 2);
    void *kept = microusc::take(raw).release();
    CHECK_EQUAL(raw.free_blocks, 1);
    memory_pool_free(&raw, kept);
    const microusc::block nothing;
    CHECK(!nothing && nothing.get_deleter().pool() == nullptr);
    CHECK_EQUAL(memory_pool_destroy_unused(&raw), ESP_OK);
    CHECK_SILENT();
}

TEST(objects_are_constructed_and_destructed_in_blocks) {
    microusc::pool<counted> pool(3, DRAM, 0, "counted");
    CHECK(pool && pool.error() == ESP_OK && pool.capacity() == 3);
    CHECK(strcmp(memory_pool_get_name(&pool.raw()), "counted") == 0);
    {
        auto one = pool.make(1, "a text that is too long to be kept inside a string object");
        auto two = pool.make(2);
        CHECK(one->number == 1 && one->text.size() > 40 && two->number == 2);
        CHECK_EQUAL(counted::alive, 2);
        CHECK_EQUAL(pool.available(), 1);
        two = std::move(one);
        CHECK(two->number == 1 && counted::alive == 1 && pool.available() == 2);
        std::vector<microusc::pool<counted>::handle> many;
        while (auto next = pool.make(7)) many.push_back(std::move(next));
        CHECK(many.size() == 2 && !pool.make(8) && pool.construct(9) == nullptr);
        CHECK_EQUAL(info_of(&pool.raw()).alloc_failures, 3);
    }
    CHECK_EQUAL(counted::alive, 0);
    CHECK_EQUAL(pool.available(), 3);
    CHECK_SILENT();
}

TEST(what_a_constructor_throws_costs_no_block) {
    microusc::pool<counted> pool(1);
    for (int round = 0; round < 5; round++) {
        bool thrown = false;
        try {
            (void)pool.make(-1);
        } catch (const std::invalid_argument &) {
            thrown = true;
        }
        CHECK(thrown);
        CHECK_EQUAL(pool.available(), 1);
    }
    CHECK(pool.make(1));
    CHECK_EQUAL(counted::alive, 0);
}

TEST(a_wrong_destroy_runs_no_destructor) {
    microusc::pool<counted> pool(2), other(2);
    counted *object = pool.construct(5);
    CHECK(pool.owns(object) && !other.owns(object));
    CHECK_EQUAL(other.destroy(object), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK_EQUAL(counted::alive, 1);
    CHECK_EQUAL(pool.destroy(object), ESP_OK);
    CHECK_EQUAL(counted::alive, 0);
    CHECK(!pool.owns(object));
    CHECK_EQUAL(pool.destroy(object), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_EQUAL(counted::alive, 0);
    CHECK_EQUAL(pool.destroy(nullptr), ESP_OK);
    CHECK_EQUAL(info_of(&pool.raw()).refused_frees, 1);
}

TEST(a_pool_that_cannot_be_says_why) {
    const microusc::pool<int> none(0), too_large(SIZE_MAX / 4);
    CHECK(!none && none.error() == ESP_ERR_INVALID_SIZE);
    CHECK(!too_large && too_large.error() == ESP_ERR_INVALID_SIZE);
    microusc::pool<int> words_for_dma(4, IRAM, MEMORY_POOL_FLAG_DMA);
    CHECK_EQUAL(words_for_dma.error(), MEMORY_POOL_ERR_DMA_IN_IRAM);
    CHECK(!words_for_dma.make(1) && words_for_dma.capacity() == 0 && words_for_dma.available() == 0);
    microusc_host_fail_allocation(1);
    CHECK_EQUAL(microusc::pool<int>(4).error(), ESP_ERR_NO_MEM);
}

template <std::size_t align>
struct alignas(align) aligned {
    unsigned char bytes[align];
};

template <std::size_t align>
void check_alignment(memory_placement_t placement) {
    // Pools before it, so that its memory does not begin at a round address by chance.
    memory_pool_t shifts[3];
    for (std::size_t i = 0; i < 3; i++) {
        CHECK(memory_pool_init_placed(&shifts[i], 8, 5 + 2 * i, placement));
        microusc::pool<aligned<align>> pool(4, placement);
        typename microusc::pool<aligned<align>>::handle objects[4];
        for (std::size_t at = 0; at < 4; at++) {
            objects[at] = pool.make();
            CHECK(objects[at] && address_of(objects[at].get()) % align == 0);
            CHECK(pool.owns(objects[at].get()));
            memset(objects[at]->bytes, static_cast<int>(at), align);
        }
        for (std::size_t at = 0; at < 4; at++) CHECK_EQUAL(objects[at]->bytes[align - 1], at);
        CHECK_EQUAL(memory_pool_validate(&pool.raw()), ESP_OK);
        const auto info = info_of(&pool.raw());
        CHECK(address_of(objects[0].get()) + align <= address_of(pool.raw().memory) + 4 * info.block_size);
    }
    for (auto &shift : shifts) memory_pool_destroy(&shift);
}

TEST(objects_are_aligned_as_their_type_asks) {
    for (const memory_placement_t placement : {DRAM, PSRAM}) {
        check_alignment<1>(placement);
        check_alignment<4>(placement);
        check_alignment<8>(placement);
        check_alignment<16>(placement);
        check_alignment<32>(placement);
        check_alignment<128>(placement);
    }
    CHECK_SILENT();
}

TEST(small_objects_cost_a_pointer) {
    microusc::pool<char> pool(3);
    CHECK_EQUAL(pool.raw().block_size, sizeof(void *));
    auto a = pool.make('a'), b = pool.make('b');
    CHECK(*a == 'a' && *b == 'b');
}

struct message {
    std::uint32_t from, number, again;
};

TEST(threads_share_a_pool_of_objects) {
    microusc::pool<message> pool(3);
    std::vector<std::thread> threads;
    unsigned wrong[4] = {};
    for (std::uint32_t id = 0; id < 4; id++) {
        threads.emplace_back([&pool, &wrong, id] {
            for (std::uint32_t round = 0; round < 3000; round++) {
                const auto sent = pool.make(message{id, round, round});
                if (sent && (sent->from != id || sent->number != round || sent->again != round)) wrong[id]++;
            }
        });
    }
    for (auto &thread : threads) thread.join();
    for (const unsigned count : wrong) CHECK_EQUAL(count, 0);
    CHECK_EQUAL(pool.available(), 3);
    CHECK_EQUAL(memory_pool_validate(&pool.raw()), ESP_OK);
    CHECK_SILENT();
}

TEST(objects_that_outlive_their_pool_are_reported) {
    {
        microusc::pool<int> pool(2);
        (void)pool.construct(1);
    }
    CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_destroy");
    CHECK_EQUAL(reported.blocks, 1);
}

const test_t tests[] = {
    RUN(a_block_returns_when_its_owner_goes),
    RUN(objects_are_constructed_and_destructed_in_blocks),
    RUN(what_a_constructor_throws_costs_no_block),
    RUN(a_wrong_destroy_runs_no_destructor),
    RUN(a_pool_that_cannot_be_says_why),
    RUN(objects_are_aligned_as_their_type_asks),
    RUN(small_objects_cost_a_pointer),
    RUN(threads_share_a_pool_of_objects),
    RUN(objects_that_outlive_their_pool_are_reported),
};

} // namespace

int main() { return RUN_ALL(tests); }
