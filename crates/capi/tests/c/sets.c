/* Sets: pools of several block sizes behind one alloc and one free. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>

#include "MicroUSC/system/memory_pool_set.h"

enum { CLASSES = 3 };

static const memory_pool_set_class_t classes[CLASSES] = {{32, 4}, {128, 2}, {512, 1}};
static memory_pool_set_t set;

static void open_set(void) {
    memset(&set, 0x77, sizeof(set));
    CHECK_EQUAL(memory_pool_set_init(&set, classes, CLASSES, DRAM), ESP_OK);
}

static void close_set(void) {
    for (size_t i = 0; i < CLASSES; i++) {
        CHECK_EQUAL(memory_pool_validate(&set.classes[i]), ESP_OK);
        CHECK_EQUAL(set.classes[i].free_blocks, classes[i].num_blocks);
    }
    memory_pool_set_destroy(&set);
    CHECK_SILENT();
}

static memory_pool_set_info_t class_info(size_t index) {
    memory_pool_set_info_t info;
    CHECK_EQUAL(memory_pool_set_get_info(&set, index, &info), ESP_OK);
    CHECK_EQUAL(info.spilled_in, set.spilled_in[index]);
    return info;
}

static void *taken(size_t size, size_t class_expected) {
    void *block = memory_pool_set_alloc(&set, size);
    CHECK(block != NULL);
    CHECK(memory_pool_owns(&set.classes[class_expected], block));
    CHECK_EQUAL(memory_pool_set_usable_size(&set, block), classes[class_expected].block_size);
    memset(block, (int)class_expected, classes[class_expected].block_size);
    return block;
}

static void give_back(void *block) { CHECK_EQUAL(memory_pool_set_free(&set, block), ESP_OK); }

TEST(request_is_served_by_the_smallest_class_that_fits) {
    const size_t sizes[] = {0, 1, 32, 33, 128, 129, 512};
    const size_t expected[] = {0, 0, 0, 1, 1, 2, 2};
    open_set();
    CHECK_EQUAL(set.num_classes, CLASSES);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) give_back(taken(sizes[i], expected[i]));
    CHECK(memory_pool_set_alloc(&set, 513) == NULL);
    CHECK(memory_pool_set_alloc(&set, unknown((size_t)-1)) == NULL);
    CHECK_EQUAL(set.too_large, 2);
    close_set();
}

static esp_err_t reason_of_alloc(size_t size) {
    esp_err_t reason = ESP_FAIL;
    void *block = memory_pool_set_alloc_reason(&set, size, &reason);
    CHECK((block == NULL) == (reason != ESP_OK));
    if (block != NULL) give_back(block);
    return reason;
}

TEST(refused_request_has_a_reason_and_changes_only_a_counter) {
    void *small[4];
    void *middle[2];
    memory_pool_set_t before;
    open_set();
    CHECK_EQUAL(reason_of_alloc(0), ESP_OK); /* as 1 */
    CHECK_EQUAL(reason_of_alloc(512), ESP_OK);
    give_back(memory_pool_set_alloc_reason(&set, 32, NULL));

    memcpy(&before, &set, sizeof(set));
    CHECK_EQUAL(reason_of_alloc(513), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(reason_of_alloc(unknown((size_t)-1)), ESP_ERR_INVALID_SIZE);
    before.too_large += 2;
    CHECK(memcmp(&set, &before, sizeof(set)) == 0);

    for (size_t i = 0; i < 4; i++) small[i] = taken(32, 0);
    CHECK_EQUAL(reason_of_alloc(32), ESP_ERR_NO_MEM);
    CHECK_EQUAL(memory_pool_set_spill(&set, true), ESP_OK);
    CHECK_EQUAL(reason_of_alloc(32), ESP_OK);
    for (size_t i = 0; i < 2; i++) middle[i] = taken(128, 1);
    CHECK_EQUAL(reason_of_alloc(32), ESP_ERR_NO_MEM);
    CHECK_EQUAL(class_info(1).spilled_in, 1);

    /* A write after free. The first alloc allocates the block with its broken link, the second one meets that link. */
    memset(small[3], 0x55, 32);
    give_back(small[3]);
    memset(small[3], 0x55, 32);
    small[3] = taken(32, 0);
    CHECK_SILENT();
    CHECK_EQUAL(reason_of_alloc(32), MEMORY_POOL_ERR_CORRUPT);
    CHECK_REPORTED(MEMORY_POOL_ERR_CORRUPT, "memory_pool_set_alloc_reason");
    CHECK(strcmp(reported.pool, memory_pool_get_name(&set.classes[0])) == 0);
    CHECK_EQUAL(memory_pool_repair(&set.classes[0]), ESP_OK);
    for (size_t i = 0; i < 4; i++) give_back(small[i]);
    for (size_t i = 0; i < 2; i++) give_back(middle[i]);

    esp_err_t reason = ESP_OK;
    CHECK(memory_pool_set_alloc_reason(NULL, 1, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_set_alloc_reason");
    memset(&before, 0, sizeof(before));
    CHECK(memory_pool_set_alloc_reason(&before, 1, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_set_alloc_reason");
    close_set();
}

TEST(classes_of_a_set_are_pools) {
    open_set();
    memory_pool_t *at = NULL;
    for (size_t i = 0; i < CLASSES; i++) {
        at = memory_pool_next(at);
        CHECK(at == &set.classes[i]);
        CHECK_EQUAL(info_of(at).requested_size, classes[i].block_size);
        CHECK_EQUAL(class_info(i).pool.num_blocks, classes[i].num_blocks);
        CHECK_EQUAL(class_info(i).pool.placement, DRAM);
    }
    CHECK(memory_pool_next(at) == NULL);
    CHECK_EQUAL(memory_pool_set_name(&set.classes[1], "middle"), ESP_OK);
    CHECK(memory_pool_find("middle") == &set.classes[1]);
    CHECK(strcmp(class_info(1).pool.name, "middle") == 0);
    memory_pool_set_info_t info;
    CHECK_EQUAL(memory_pool_set_get_info(&set, CLASSES, &info), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(memory_pool_set_get_info(&set, unknown((size_t)-1), &info), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(memory_pool_set_get_info(&set, 0, NULL), ESP_ERR_INVALID_ARG);
    close_set();
}

TEST(spill_is_off_at_first_and_goes_one_class_up) {
    void *small[6];
    open_set();
    for (size_t i = 0; i < 4; i++) small[i] = taken(10, 0);
    CHECK(memory_pool_set_alloc(&set, 10) == NULL);
    CHECK_EQUAL(class_info(0).pool.alloc_failures, 1);
    CHECK_EQUAL(class_info(1).pool.alloc_failures, 0);

    CHECK_EQUAL(memory_pool_set_spill(&set, true), ESP_OK);
    small[4] = taken(10, 1);
    small[5] = taken(10, 1);
    CHECK(memory_pool_set_alloc(&set, 10) == NULL); /* the largest class has a block, two classes up */
    CHECK_EQUAL(class_info(0).pool.alloc_failures, 4);
    CHECK_EQUAL(class_info(1).pool.alloc_failures, 1);
    CHECK_EQUAL(class_info(1).spilled_in, 2);
    CHECK_EQUAL(class_info(2).pool.alloc_failures, 0);

    void *large = taken(500, 2);
    CHECK(memory_pool_set_alloc(&set, 500) == NULL); /* nothing above the largest */
    give_back(large);
    CHECK_EQUAL(memory_pool_set_spill(&set, false), ESP_OK);
    CHECK(memory_pool_set_alloc(&set, 10) == NULL);
    CHECK_EQUAL(class_info(1).pool.alloc_failures, 1);
    for (size_t i = 0; i < 6; i++) give_back(small[i]);
    close_set();
}

TEST(every_wrong_free_is_refused_with_its_reason) {
    int variable = 0;
    open_set();
    char *block = (char *)taken(100, 1);

    CHECK_EQUAL(memory_pool_set_free(&set, block + 1), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK(strcmp(reported.pool, class_info(1).pool.name) == 0);
    CHECK(reported.address == block + 1);
    CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_set_free");
    give_back(block);
    CHECK_SILENT();
    CHECK_EQUAL(memory_pool_set_free(&set, block), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_set_free");
    CHECK_EQUAL(class_info(1).pool.refused_frees, 2);
    CHECK_EQUAL(set.refused_frees, 0);

    void *const strangers[] = {NULL, &variable, &set, hidden((const void *)~(uintptr_t)0)};
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQUAL(memory_pool_set_free(&set, strangers[i]), MEMORY_POOL_ERR_NOT_A_BLOCK);
        CHECK_EQUAL(set.refused_frees, i + 1);
        CHECK(reported.pool[0] == '\0');
        CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_set_free");
        CHECK_EQUAL(memory_pool_set_usable_size(&set, strangers[i]), 0);
    }
    CHECK_EQUAL(memory_pool_set_usable_size(&set, block), 0);
    CHECK_SILENT();
    close_set();
}

TEST(resized_block_keeps_its_content_and_moves_only_if_necessary) {
    open_set();
    char *block = (char *)memory_pool_set_realloc(&set, NULL, 20);
    CHECK(memory_pool_owns(&set.classes[0], block));
    for (int i = 0; i < 32; i++) block[i] = (char)i;
    CHECK(memory_pool_set_realloc(&set, block, 32) == block);
    CHECK(memory_pool_set_realloc(&set, block, 0) == block);
    CHECK(memory_pool_owns(&set.classes[0], block));

    char *moved = (char *)memory_pool_set_realloc(&set, block, 100);
    CHECK(memory_pool_owns(&set.classes[1], moved));
    CHECK(!memory_pool_owns(&set.classes[0], block));
    for (int i = 0; i < 32; i++) CHECK_EQUAL(moved[i], i);
    CHECK(memory_pool_set_realloc(&set, moved, 1) == moved);

    /* No room: the block is as it was. */
    char *large = (char *)taken(512, 2);
    CHECK(memory_pool_set_realloc(&set, moved, 200) == NULL);
    CHECK(memory_pool_set_realloc(&set, moved, 600) == NULL);
    CHECK(memory_pool_owns(&set.classes[1], moved));
    for (int i = 0; i < 32; i++) CHECK_EQUAL(moved[i], i);
    CHECK_SILENT();

    /* No block in use. */
    CHECK(memory_pool_set_realloc(&set, block, 100) == NULL);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_set_realloc");
    CHECK(memory_pool_set_realloc(&set, moved + 4, 1) == NULL);
    CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_set_realloc");
    CHECK(memory_pool_set_realloc(&set, &set, 1) == NULL);
    CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_set_realloc");
    CHECK_EQUAL(set.refused_frees, 3);

    give_back(large);
    give_back(moved);
    close_set();
}

TEST(impossible_set_is_refused_and_changes_nothing) {
    static const memory_pool_set_class_t unsorted[] = {{32, 4}, {16, 2}};
    static const memory_pool_set_class_t alike[] = {{31, 4}, {32, 2}};
    static const memory_pool_set_class_t tiny[] = {{1, 4}, {32, 2}};
    static const memory_pool_set_class_t sizeless[] = {{0, 4}, {32, 2}};
    static const memory_pool_set_class_t twice[] = {{32, 4}, {32, 4}};
    static const memory_pool_set_class_t empty[] = {{32, 4}, {64, 0}};
    static const memory_pool_set_class_t huge[] = {{32, 4}, {64, (size_t)-1 / 8}};
    static const memory_pool_set_class_t hungry[] = {{32, 4}, {64, 1000000}};
    memory_pool_set_class_t many[MEMORY_POOL_SET_MAX_CLASSES + 1];
    for (size_t i = 0; i <= MEMORY_POOL_SET_MAX_CLASSES; i++) {
        many[i].block_size = 16 * (i + 1);
        many[i].num_blocks = 1;
    }
    const struct {
        const memory_pool_set_class_t *classes;
        size_t count;
        memory_placement_t placement;
        esp_err_t reason;
    } cases[] = {
        {NULL, 2, DRAM, ESP_ERR_INVALID_ARG},
        {classes, 0, DRAM, ESP_ERR_INVALID_SIZE},
        {many, MEMORY_POOL_SET_MAX_CLASSES + 1, DRAM, ESP_ERR_INVALID_SIZE},
        {many, (size_t)-1, DRAM, ESP_ERR_INVALID_SIZE},
        {unsorted, 2, DRAM, ESP_ERR_INVALID_ARG},
        {alike, 2, DRAM, ESP_ERR_INVALID_ARG},
        {tiny, 2, DRAM, ESP_ERR_INVALID_SIZE},
        {sizeless, 2, DRAM, ESP_ERR_INVALID_SIZE},
        {twice, 2, DRAM, ESP_ERR_INVALID_ARG},
        {empty, 2, DRAM, ESP_ERR_INVALID_SIZE},
        {huge, 2, DRAM, ESP_ERR_INVALID_SIZE},
        {hungry, 2, DRAM, ESP_ERR_NO_MEM},
        {classes, CLASSES, (memory_placement_t)(MALLOC_CAP_8BIT | MALLOC_CAP_SPIRAM), ESP_ERR_INVALID_ARG},
    };
    memory_pool_set_t before;
    memset(&set, 0x5A, sizeof(set));
    memcpy(&before, &set, sizeof(set));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_EQUAL(memory_pool_set_init(&set, cases[i].classes, cases[i].count, cases[i].placement),
                    cases[i].reason);
        CHECK_REPORTED(cases[i].reason, "memory_pool_set_init");
        CHECK(memcmp(&set, &before, sizeof(set)) == 0);
        CHECK(memory_pool_next(NULL) == NULL);
    }
    use_chip("esp32c3");
    CHECK_EQUAL(memory_pool_set_init(&set, classes, CLASSES, PSRAM), MEMORY_POOL_ERR_NO_PSRAM);
    CHECK_REPORTED(MEMORY_POOL_ERR_NO_PSRAM, "memory_pool_set_init");
    CHECK_EQUAL(memory_pool_set_init(NULL, classes, CLASSES, DRAM), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_set_init");
    CHECK_EQUAL(memory_pool_set_init(&set, many, MEMORY_POOL_SET_MAX_CLASSES, DRAM), ESP_OK);
    memory_pool_set_destroy(&set);
    CHECK_SILENT();
}

TEST(failure_at_every_step_is_unwound) {
    memory_pool_set_t before;
    size_t step = 0;
    for (esp_err_t made = ESP_FAIL; made != ESP_OK; step++) {
        memset(&set, 0x77, sizeof(set));
        memcpy(&before, &set, sizeof(set));
        microusc_host_fail_allocation(step + 1);
        made = memory_pool_set_init(&set, classes, CLASSES, DRAM);
        microusc_host_fail_allocation(0);
        if (made != ESP_OK) {
            CHECK_REPORTED(ESP_ERR_NO_MEM, "memory_pool_set_init");
            CHECK(memcmp(&set, &before, sizeof(set)) == 0);
            CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
            CHECK(memory_pool_next(NULL) == NULL);
        }
        CHECK(step < 100);
    }
    CHECK_EQUAL(step - 1, 2 * CLASSES);
    close_set();
}

TEST(set_is_made_once_and_destroyed_once) {
    memory_pool_set_t zeroed;
    open_set();
    void *block = taken(100, 1);
    CHECK_EQUAL(memory_pool_set_init(&set, classes, CLASSES, DRAM), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_set_init");
    CHECK_EQUAL(memory_pool_set_usable_size(&set, block), 128);

    memory_pool_set_destroy(&set);
    CHECK_EQUAL(reported.blocks, 1);
    CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_set_destroy");
    memset(&zeroed, 0, sizeof(zeroed));
    CHECK(memcmp(&set, &zeroed, sizeof(set)) == 0);

    memory_pool_set_destroy(&set);
    memory_pool_set_destroy(NULL);
    CHECK_SILENT();
}

static void *waits_for_a_class(void *argument) {
    const size_t index = *(const size_t *)argument;
    return memory_pool_alloc_timeout(&set.classes[index], MEMORY_POOL_WAIT_FOREVER);
}

/* All of it, or nothing: whichever class a task waits for, and whatever is in use of the others. */
TEST(set_with_waiters_is_not_destroyed) {
    for (size_t index = 0; index < CLASSES; index++) {
        void *held[4], *other = NULL, *block;
        pthread_t waiter;
        open_set();
        for (size_t i = 0; i < classes[index].num_blocks; i++) held[i] = taken(classes[index].block_size, index);
        other = taken(classes[(index + 1) % CLASSES].block_size, (index + 1) % CLASSES);
        CHECK_EQUAL(pthread_create(&waiter, NULL, waits_for_a_class, &index), 0);
        /* With pauses: a task that asks without one holds the lock nearly always. */
        const struct timespec pause = {0, 100000};
        while (class_info(index).pool.waiting_tasks == 0) nanosleep(&pause, NULL);
        const size_t heap = heap_bytes();
        memory_pool_set_t before;
        memcpy(&before, &set, sizeof(set));
        for (int twice = 0; twice < 2; twice++) {
            memory_pool_set_destroy(&set);
            CHECK(same(reported.address, &set));
            CHECK(strcmp(reported.pool, memory_pool_get_name(&set.classes[index])) == 0);
            CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_set_destroy");
            CHECK_EQUAL(heap_bytes(), heap);
            CHECK_EQUAL(memcmp(&before, &set, sizeof(set)), 0);
        }
        CHECK_EQUAL(memory_pool_set_init(&set, classes, CLASSES, DRAM), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_set_init");
        /* It serves as before: the task as well. */
        CHECK_EQUAL(memory_pool_set_free(&set, other), ESP_OK);
        CHECK_EQUAL(memory_pool_set_free(&set, held[0]), ESP_OK);
        CHECK_EQUAL(pthread_join(waiter, &block), 0);
        CHECK(same(block, held[0]));
        CHECK_EQUAL(memory_pool_set_free(&set, block), ESP_OK);
        for (size_t i = 1; i < classes[index].num_blocks; i++) CHECK_EQUAL(memory_pool_set_free(&set, held[i]), ESP_OK);
        close_set();
    }
}

/* It would leave the set without one of its classes, and memory in which other pools could be made. */
TEST(class_is_not_destroyed_without_its_set) {
    open_set();
    void *block = taken(100, 1);
    memory_pool_set_t before;
    memcpy(&before, &set, sizeof(set));
    for (size_t i = 0; i < CLASSES; i++) {
        memory_pool_destroy(&set.classes[i]);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy");
        CHECK_EQUAL(memory_pool_destroy_unused(&set.classes[i]), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy_unused");
        CHECK(same(reported.address, &set.classes[i]));
        CHECK_EQUAL(info_of(&set.classes[i]).flags, 0);
    }
    CHECK_EQUAL(memcmp(&before, &set, sizeof(set)), 0);
    CHECK(!memory_pool_init(&set.classes[MEMORY_POOL_SET_MAX_CLASSES - 1], 32, 2));
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init");
    give_back(taken(10, 0));
    give_back(block);
    close_set();
}

TEST(struct_without_a_set_serves_nothing) {
    memory_pool_set_info_t info;
    memory_pool_set_t *const none[] = {NULL, &set};
    const esp_err_t reasons[] = {ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_STATE};
    memset(&set, 0, sizeof(set));
    for (size_t i = 0; i < 2; i++) {
        CHECK(memory_pool_set_alloc(none[i], 10) == NULL);
        CHECK_REPORTED(reasons[i], "memory_pool_set_alloc");
        CHECK(same(reported.address, none[i]));
        CHECK_EQUAL(memory_pool_set_usable_size(none[i], &info), 0);
        CHECK_REPORTED(reasons[i], "memory_pool_set_usable_size");
        CHECK_EQUAL(memory_pool_set_get_info(none[i], 0, &info), reasons[i]);
        CHECK_SILENT();
        CHECK_EQUAL(memory_pool_set_free(none[i], &info), reasons[i]);
        CHECK_REPORTED(reasons[i], "memory_pool_set_free");
        CHECK(memory_pool_set_realloc(none[i], &info, 10) == NULL);
        CHECK_REPORTED(reasons[i], "memory_pool_set_realloc");
        CHECK(memory_pool_set_realloc(none[i], NULL, 10) == NULL);
        CHECK_REPORTED(reasons[i], "memory_pool_set_realloc");
        CHECK_EQUAL(memory_pool_set_spill(none[i], true), reasons[i]);
        CHECK_REPORTED(reasons[i], "memory_pool_set_spill");
    }
}

TEST(set_can_be_in_other_memory) {
    memset(&set, 0x11, sizeof(set));
    CHECK_EQUAL(memory_pool_set_init(&set, classes, CLASSES, IRAM), ESP_OK);
    uint32_t *words = (uint32_t *)memory_pool_set_alloc(&set, 32);
    CHECK(on_chip_between(words, 0x40080000, 0x400A0000));
    for (uint32_t i = 0; i < 8; i++) words[i] = i;
    uint32_t *moved = (uint32_t *)memory_pool_set_realloc(&set, words, 100);
    CHECK(moved != NULL && moved != words);
    for (uint32_t i = 0; i < 8; i++) CHECK_EQUAL(moved[i], i);
    give_back(moved);
    close_set();
    CHECK_EQUAL(memory_pool_set_init(&set, classes, CLASSES, PSRAM), ESP_OK);
    give_back(memory_pool_set_alloc(&set, 100));
    close_set();
}

/* ---- Threads ------------------------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 20000 };

static void *take_resize_return(void *argument) {
    const size_t id = *(const size_t *)argument;
    size_t wrong = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        const size_t size = 4 + (round * 7 + id * 41) % 120;
        const unsigned char seal = (unsigned char)(id * 61 + round);
        unsigned char *block = (unsigned char *)memory_pool_set_alloc(&set, size);
        if (block == NULL) continue;
        memset(block, seal, size);
        unsigned char *moved = (unsigned char *)memory_pool_set_realloc(&set, block, size + 100);
        if (moved != NULL) block = moved;
        for (size_t i = 0; i < size; i++) wrong += block[i] != seal;
        wrong += memory_pool_set_free(&set, block) != ESP_OK;
    }
    return wrong == 0 ? argument : NULL;
}

TEST(threads_can_share_a_set) {
    pthread_t threads[THREADS];
    size_t ids[THREADS];
    open_set();
    CHECK_EQUAL(memory_pool_set_spill(&set, true), ESP_OK);
    for (size_t i = 0; i < THREADS; i++) {
        ids[i] = i;
        CHECK_EQUAL(pthread_create(&threads[i], NULL, take_resize_return, &ids[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        CHECK_EQUAL(pthread_join(threads[i], &result), 0);
        CHECK(result == &ids[i]);
    }
    for (size_t i = 0; i < CLASSES; i++) {
        CHECK_EQUAL(class_info(i).pool.refused_frees, 0);
        CHECK_EQUAL(class_info(i).pool.corruptions, 0);
    }
    CHECK_EQUAL(set.refused_frees, 0);
    close_set();
}

static const test_t tests[] = {
    RUN(request_is_served_by_the_smallest_class_that_fits),
    RUN(refused_request_has_a_reason_and_changes_only_a_counter),
    RUN(classes_of_a_set_are_pools),
    RUN(spill_is_off_at_first_and_goes_one_class_up),
    RUN(every_wrong_free_is_refused_with_its_reason),
    RUN(resized_block_keeps_its_content_and_moves_only_if_necessary),
    RUN(impossible_set_is_refused_and_changes_nothing),
    RUN(failure_at_every_step_is_unwound),
    RUN(set_is_made_once_and_destroyed_once),
    RUN(set_with_waiters_is_not_destroyed),
    RUN(class_is_not_destroyed_without_its_set),
    RUN(struct_without_a_set_serves_nothing),
    RUN(set_can_be_in_other_memory),
    RUN(threads_can_share_a_set),
};

int main(void) { return RUN_ALL(tests); }
