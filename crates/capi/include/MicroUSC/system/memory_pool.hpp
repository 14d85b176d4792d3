/*
 * MicroUSC memory pools for C++17: blocks that return themselves, pools of objects, containers that live in a pool.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     microusc::pool<Message> messages(20);                      // 20 objects; no heap is used after this line
 *     if (!messages) return messages.error();
 *
 *     auto message = messages.make(id, text);                    // a unique_ptr; empty when none is free
 *     if (message) queue.push(std::move(message));               // returned to the pool when the last owner drops it
 *
 * A thin layer over memory_pool.h, which says what each call costs: unless a comment says otherwise a function adds
 * O(1) to the C function it names and may be called wherever that may be. Nothing here throws, except what the
 * constructor of an object throws, and memory_pool_resource, which refuses by std::bad_alloc as its interface demands.
 * With -fno-exceptions, and where the library has no <memory_resource>, all but that resource is there.
 */
#ifndef MICROUSC_SYSTEM_MEMORY_POOL_HPP
#define MICROUSC_SYSTEM_MEMORY_POOL_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "MicroUSC/system/memory_pool.h"

#if defined(__cpp_exceptions) && defined(__has_include)
#if __has_include(<memory_resource>)
#include <memory_resource>
#define MICROUSC_HAS_MEMORY_RESOURCE 1
#endif
#endif

namespace microusc {

/* ---- Blocks ------------------------------------------------------------------------------------------------ */

/* Returns a block to its pool: memory_pool_free. */
class return_block {
public:
    return_block() noexcept = default;
    explicit return_block(memory_pool_t &pool) noexcept : pool_(&pool) {}

    void operator()(void *address) const noexcept { memory_pool_free(pool_, address); }

    /* The pool, or nullptr of an empty handle that never had one. */
    memory_pool_t *pool() const noexcept { return pool_; }

private:
    memory_pool_t *pool_ = nullptr;
};

/*
 * The owner of one block: moved, not copied, and the block returns to its pool with it. Two pointers large.
 * `get()` is the block, get_deleter().pool()->block_size its bytes; `release()` hands both duties to the caller.
 * The pool must outlive it.
 */
using block = std::unique_ptr<void, return_block>;

/* Takes a block, or an empty owner when none is free: memory_pool_alloc. */
inline block take(memory_pool_t &pool) noexcept { return block(memory_pool_alloc(&pool), return_block(pool)); }

/* The same, zeroed: memory_pool_alloc_zeroed. O(block size). */
inline block take_zeroed(memory_pool_t &pool) noexcept {
    return block(memory_pool_alloc_zeroed(&pool), return_block(pool));
}

/* The same, after a sleep of at least `timeout_ms` milliseconds if need be: memory_pool_alloc_timeout. From tasks. */
inline block take_within(memory_pool_t &pool, std::uint32_t timeout_ms) noexcept {
    return block(memory_pool_alloc_timeout(&pool, timeout_ms), return_block(pool));
}

/* Bytes to which every block of the pool is aligned; 0 of what is no pool. */
inline std::size_t alignment_of(const memory_pool_t &pool) noexcept {
    const auto bits = reinterpret_cast<std::uintptr_t>(pool.memory) | pool.block_size;
    return static_cast<std::size_t>(bits & (0 - bits));
}

/* ---- Pools of objects -------------------------------------------------------------------------------------- */

/*
 * A pool of at most so many objects of type T. It owns its memory_pool_t, which stays where it is: a pool is neither
 * copied nor moved. All objects must be gone before it goes; those that are not are reported, and not destructed.
 *
 * Where T is aligned more strictly than the memory, as a double is on most 32-bit chips, a block is longer by at most
 * alignof(T) bytes, and the object begins inside it.
 */
template <class T>
class pool {
    static_assert(std::is_object_v<T> && !std::is_array_v<T>, "a pool holds objects");
    static_assert(std::is_nothrow_destructible_v<T>, "an object that is returned must not throw");

public:
    using value_type = T;

    /* Destructs an object and returns its block. */
    class deleter {
    public:
        deleter() noexcept = default;
        explicit deleter(pool &owner) noexcept : owner_(&owner) {}
        void operator()(T *object) const noexcept { owner_->end(object); }

    private:
        pool *owner_ = nullptr;
    };

    /* The owner of one object: moved, not copied. The pool must outlive it. */
    using handle = std::unique_ptr<T, deleter>;

    /* Makes a pool for `capacity` objects; error() says whether that went well. O(capacity); from tasks only. */
    explicit pool(std::size_t capacity, memory_placement_t placement = DRAM, std::uint32_t flags = 0,
                  const char *name = nullptr) noexcept {
        const memory_pool_config_t config = {block_bytes, capacity, placement, flags, name};
        error_ = memory_pool_init_config(&raw_, &config);
        const auto base = reinterpret_cast<std::uintptr_t>(raw_.memory);
        offset_ = static_cast<std::size_t>((0 - base) & (alignof(T) - 1));
    }

    /* Ends the pool; objects still in use are reported. O(pools); from tasks only. */
    ~pool() {
        if (error_ == ESP_OK) memory_pool_destroy(&raw_);
    }

    pool(const pool &) = delete;
    pool &operator=(const pool &) = delete;

    /* Whether there is a pool. */
    explicit operator bool() const noexcept { return error_ == ESP_OK; }

    /* ESP_OK, or why there is no pool, as memory_pool_init_config says it. */
    esp_err_t error() const noexcept { return error_; }

    /*
     * Constructs an object in a block: memory_pool_alloc. nullptr when none is free. What the constructor throws is
     * passed on, with the block returned. Give the object back by destroy().
     */
    template <class... Arguments>
    T *construct(Arguments &&...arguments) noexcept(std::is_nothrow_constructible_v<T, Arguments...>) {
        block allocated = take(raw_);
        if (!allocated) return nullptr;
        T *const object = ::new (address_in(allocated.get())) T(std::forward<Arguments>(arguments)...);
        allocated.release();
        return object;
    }

    /* The same, in an owner that destroys it; empty when none is free. */
    template <class... Arguments>
    handle make(Arguments &&...arguments) noexcept(std::is_nothrow_constructible_v<T, Arguments...>) {
        return handle(construct(std::forward<Arguments>(arguments)...), deleter(*this));
    }

    /*
     * Destructs an object and returns its block. What is no object of this pool that is in use is refused and counted,
     * as memory_pool_free_reason does, and no destructor runs; nullptr is ignored. O(pools), in three short critical sections.
     */
    esp_err_t destroy(T *object) noexcept {
        if (object == nullptr) return ESP_OK;
        void *const start = block_of(object);
        if (memory_pool_owns(&raw_, start)) object->~T();
        return memory_pool_free_reason(&raw_, start);
    }

    /* Whether `object` is one of this pool that is in use: memory_pool_owns. */
    bool owns(const T *object) noexcept { return memory_pool_owns(&raw_, block_of(object)); }

    /* Objects that there can be; and that can be made now, which is out of date at once where others use the pool. */
    std::size_t capacity() const noexcept { return raw_.num_blocks; }
    std::size_t available() const noexcept { return raw_.free_blocks; }

    /* The C pool: for memory_pool_get_info, memory_pool_validate and their like. */
    memory_pool_t &raw() noexcept { return raw_; }

private:
    static constexpr std::size_t word = alignof(void *);
    static constexpr std::size_t larger(std::size_t a, std::size_t b) { return a > b ? a : b; }
    static constexpr std::size_t up(std::size_t size, std::size_t align) { return (size + align - 1) & ~(align - 1); }

    /*
     * A multiple of T's alignment, so that what is missing to it is the same in every block; and room for that.
     *
     *     base          offset            stride
     *      |<------------->[ T           ]  |<------------->[ T           ]
     */
    static constexpr std::size_t missing = alignof(T) > word ? alignof(T) - word : 0;
    static constexpr std::size_t block_bytes = up(larger(sizeof(T) + missing, sizeof(void *)), larger(alignof(T), word));

    void *address_in(void *start) const noexcept { return static_cast<char *>(start) + offset_; }

    void *block_of(const T *object) const noexcept {
        const auto address = reinterpret_cast<std::uintptr_t>(object) - offset_;
        return reinterpret_cast<void *>(address);
    }

    void end(T *object) noexcept {
        object->~T();
        memory_pool_free(&raw_, block_of(object));
    }

    memory_pool_t raw_ = {};
    std::size_t offset_ = 0;
    esp_err_t error_ = ESP_FAIL;
};

/* ---- Containers -------------------------------------------------------------------------------------------- */

#ifdef MICROUSC_HAS_MEMORY_RESOURCE
/*
 * A pool as a memory resource, for containers that allocate node by node (std::pmr::list, map, set, forward_list).
 * Each allocation is one block. What does not fit a block, by size or by alignment, and what finds no free block, is
 * refused by std::bad_alloc; nothing else is asked. The pool must outlive the resource and its containers.
 */
class memory_pool_resource final : public std::pmr::memory_resource {
public:
    explicit memory_pool_resource(memory_pool_t &pool) noexcept : pool_(&pool) {}

    memory_pool_t &pool() const noexcept { return *pool_; }

private:
    void *do_allocate(std::size_t bytes, std::size_t alignment) override {
        const bool fits = bytes <= pool_->block_size && alignment <= alignment_of(*pool_);
        void *const allocated = fits ? memory_pool_alloc(pool_) : nullptr;
        if (allocated == nullptr) throw std::bad_alloc();
        return allocated;
    }

    void do_deallocate(void *address, std::size_t, std::size_t) override { memory_pool_free(pool_, address); }

    /* By identity: to tell more would take run-time type information, which firmware is built without. */
    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override { return this == &other; }

    memory_pool_t *pool_;
};
#endif /* MICROUSC_HAS_MEMORY_RESOURCE */

} // namespace microusc

#endif /* MICROUSC_SYSTEM_MEMORY_POOL_HPP */
