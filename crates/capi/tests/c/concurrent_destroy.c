/* Pools are initialised and destroyed in one struct or one memory at the same time: one call wins, and nothing is left half made. */
/* flags: -pthread */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_metrics.h"
#include "MicroUSC/system/memory_pool_set.h"
#include "MicroUSC/system/memory_pool_trace.h"

enum { SIZE = 64, COUNT = 8, ROUNDS = 300 };

static memory_pool_t pool;
static pthread_barrier_t start, end;
static volatile bool stop;

static void quiet(const memory_pool_report_t *report) { (void)report; }

/* Runs `first` and `second` at the same time, again and again, with `check` after each time. */
static void (*second_of_both)(void);

static void *run_second(void *unused) {
    (void)unused;
    for (;;) {
        pthread_barrier_wait(&start);
        if (stop) return NULL;
        second_of_both();
        pthread_barrier_wait(&end);
    }
}

/* Standard output and error lead nowhere while many tasks report to them. */
static void with_no_output(void (*run)(void)) {
    fflush(NULL);
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    FILE *const nowhere = fopen("/dev/null", "w");
    CHECK(nowhere != NULL && out >= 0 && err >= 0);
    CHECK(dup2(fileno(nowhere), STDOUT_FILENO) >= 0 && dup2(fileno(nowhere), STDERR_FILENO) >= 0);
    run();
    fflush(NULL);
    CHECK(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
    close(out);
    close(err);
    fclose(nowhere);
}

static void (*first_of_both)(void);

static void run_both(void) {
    pthread_barrier_wait(&start);
    first_of_both();
    pthread_barrier_wait(&end);
}

static void at_once(void (*first)(void), void (*second)(void), void (*before)(void), void (*check)(void)) {
    pthread_t thread;
    stop = false;
    second_of_both = second;
    memory_pool_set_report_callback(quiet);
    CHECK_EQUAL(pthread_barrier_init(&start, NULL, 2), 0);
    CHECK_EQUAL(pthread_barrier_init(&end, NULL, 2), 0);
    CHECK_EQUAL(pthread_create(&thread, NULL, run_second, NULL), 0);
    first_of_both = first;
    for (size_t round = 0; round < ROUNDS; round++) {
        before();
        with_no_output(run_both);
        check();
    }
    stop = true;
    pthread_barrier_wait(&start);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    pthread_barrier_destroy(&start);
    pthread_barrier_destroy(&end);
}

/* ---- An end, and an init ------------------------------------------------------------------------------------- */

static bool made;

static void make(void) {
    if (!memory_pool_init(&pool, SIZE, COUNT)) CHECK_EQUAL(1, 0);
}
static void make_or_not(void) { made = memory_pool_init(&pool, SIZE, COUNT); }
static void destroy(void) { memory_pool_destroy(&pool); }

/* What init said is true; a second look finds the pool whole. */
static void check_made_or_not(void) {
    if (made) {
        CHECK(same(memory_pool_next(NULL), &pool));
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
        void *block = memory_pool_alloc(&pool);
        CHECK(block != NULL);
        CHECK_EQUAL(memory_pool_free_reason(&pool, block), ESP_OK);
        CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    }
    CHECK(memory_pool_next(NULL) == NULL);
    const memory_pool_t zeroed = {0};
    CHECK(memcmp(&pool, &zeroed, sizeof(pool)) == 0);
    CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
}

TEST(init_during_a_destroy_succeeds_or_is_refused) { at_once(destroy, make_or_not, make, check_made_or_not); }

/* ---- Two ends, with records, which are printed ------------------------------------------------------------------- */

static esp_err_t unused_answer;

static void make_recorded(void) {
    make();
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    for (size_t i = 0; i < COUNT; i++) CHECK(memory_pool_alloc_at(&pool, (uint32_t)i + 1, "file") != NULL);
}

static void destroy_unused(void) { unused_answer = memory_pool_destroy_unused(&pool); }

static void check_ended(void) {
    made = false;
    check_made_or_not();
}

static void check_ended_unused(void) {
    CHECK(unused_answer == MEMORY_POOL_ERR_IN_USE || unused_answer == ESP_ERR_INVALID_STATE);
    check_ended();
}

TEST(two_destroys_at_once_destroy_one_pool) {
    alarm(60);
    at_once(destroy, destroy, make_recorded, check_ended);
    at_once(destroy, destroy_unused, make_recorded, check_ended_unused);
    alarm(0);
}

/* ---- Two inits over one memory, or of one struct ------------------------------------------------------------------ */

static MEMORY_POOL_STATIC_BUFFER(buffer, SIZE, COUNT);
static memory_pool_t second_pool;
static esp_err_t answers[2];

static void nothing(void) {}
static void make_static(void) { answers[0] = memory_pool_init_static(&pool, buffer, sizeof(buffer), SIZE, COUNT); }
static void make_over_it(void) {
    answers[1] = memory_pool_init_static(&second_pool, buffer + 8, sizeof(buffer) - 64, 16, COUNT);
}
static void make_same_struct(void) {
    static MEMORY_POOL_STATIC_BUFFER(other, SIZE, COUNT);
    answers[1] = memory_pool_init_static(&pool, other, sizeof(other), SIZE, COUNT);
}

static void check_one_of_two(void) {
    CHECK((answers[0] == ESP_OK) != (answers[1] == ESP_OK) ||
          (answers[0] == ESP_ERR_INVALID_STATE && answers[1] == ESP_ERR_INVALID_STATE));
    memory_pool_t *const live = memory_pool_next(NULL);
    if (live != NULL) {
        CHECK(memory_pool_next(live) == NULL);
        CHECK_EQUAL(memory_pool_validate(live), ESP_OK);
        memory_pool_destroy(live);
    }
    CHECK(memory_pool_next(NULL) == NULL);
}

TEST(two_inits_over_one_memory_make_one_pool) { at_once(make_static, make_over_it, nothing, check_one_of_two); }
TEST(two_inits_of_one_struct_make_one_pool) { at_once(make_static, make_same_struct, nothing, check_one_of_two); }

/* ---- An end, and an init over the memory that it still looks at ---------------------------------------------------- */

static void make_static_recorded(void) {
    CHECK_EQUAL(memory_pool_init_static(&pool, buffer, sizeof(buffer), SIZE, COUNT), ESP_OK);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    for (size_t i = 0; i < COUNT; i++) CHECK(memory_pool_alloc_at(&pool, (uint32_t)i + 1, "file") != NULL);
}

static void make_recorded_over_it(void) {
    do {
        answers[1] = memory_pool_init_static(&second_pool, buffer, sizeof(buffer), 16, 2);
    } while (answers[1] != ESP_OK);
    answers[0] = memory_pool_record_sites(&second_pool, true);
}

static void check_second(void) {
    CHECK_EQUAL(answers[0], ESP_OK);
    void *block = memory_pool_alloc_at(&second_pool, 7, "second");
    memory_pool_site_t site;
    CHECK_EQUAL(memory_pool_get_site(&second_pool, block, &site), ESP_OK);
    CHECK(site.recorded && site.line == 7);
    memory_pool_free(&second_pool, block);
    CHECK_EQUAL(memory_pool_destroy_unused(&second_pool), ESP_OK);
    CHECK(memory_pool_next(NULL) == NULL);
    CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
}

TEST(memory_of_a_destroyed_pool_can_be_used_again) {
    at_once(destroy, make_recorded_over_it, make_static_recorded, check_second);
}

/* ---- The same with sets ------------------------------------------------------------------------------------------- */

static const memory_pool_set_class_t classes[] = {{16, 2}, {32, 2}, {64, 2}};
static struct {
    memory_pool_set_t set;
    memory_pool_t more[2];
} room;
#define set room.set

static void make_set(void) { CHECK_EQUAL(memory_pool_set_init(&set, classes, 3, DRAM), ESP_OK); }
static void make_set_or_not(void) { answers[0] = memory_pool_set_init(&set, classes, 3, DRAM); }
static void make_other_set(void) { answers[1] = memory_pool_set_init(&set, classes, 2, DRAM); }
static void make_set_over_it(void) {
    answers[1] = memory_pool_set_init((memory_pool_set_t *)&set.classes[1], classes, 3, DRAM);
}
static void destroy_set(void) { memory_pool_set_destroy(&set); }

static void end_set_if(bool there, memory_pool_set_t *which, size_t count) {
    if (there) {
        CHECK_EQUAL(which->num_classes, count);
        for (size_t i = 0; i < count; i++) {
            memory_pool_set_info_t info;
            CHECK_EQUAL(memory_pool_set_get_info(which, i, &info), ESP_OK);
            CHECK_EQUAL(info.pool.requested_size, classes[i].block_size);
            void *block = memory_pool_set_alloc(which, classes[i].block_size);
            CHECK_EQUAL(memory_pool_set_free(which, block), ESP_OK);
        }
        memory_pool_set_destroy(which);
        CHECK_EQUAL(which->num_classes, 0);
    }
}

static void check_set_or_not(void) {
    end_set_if(answers[0] == ESP_OK, &set, 3);
    CHECK(memory_pool_next(NULL) == NULL);
    CHECK_EQUAL(set.num_classes, 0);
    CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
}

static void check_one_of_two_sets(void) {
    CHECK(!(answers[0] == ESP_OK && answers[1] == ESP_OK));
    end_set_if(answers[1] == ESP_OK, second_of_both == make_other_set ? &set : (memory_pool_set_t *)&set.classes[1],
               second_of_both == make_other_set ? 2 : 3);
    check_set_or_not();
}

static void check_no_set(void) {
    answers[0] = ESP_FAIL;
    check_set_or_not();
}

TEST(sets_are_made_and_destroyed_completely) {
    at_once(destroy_set, make_set_or_not, make_set, check_set_or_not);
    at_once(destroy_set, destroy_set, make_set, check_no_set);
    at_once(make_set_or_not, make_other_set, nothing, check_one_of_two_sets);
}

static void end_a_class(void) {
    for (memory_pool_t *found = memory_pool_next(NULL); found != NULL; found = memory_pool_next(found)) memory_pool_destroy(found);
}

static void check_whole_set(void) {
    CHECK_EQUAL(answers[0], ESP_OK);
    check_set_or_not();
}

/* Nor before it is complete: its classes can be found from the first on. */
TEST(class_cannot_be_destroyed_without_its_set) { at_once(make_set_or_not, end_a_class, nothing, check_whole_set); }

TEST(two_sets_cannot_share_a_struct) {
    at_once(make_set_or_not, make_set_over_it, nothing, check_one_of_two_sets);
}

/* ---- What is on for new pools is on before another task can find them --------------------------------------------- */

static void watch_new(const memory_pool_event_t *event) { (void)event; }
static void end_the_first(void) {
    memory_pool_t *const first = memory_pool_next(NULL);
    if (first != NULL) memory_pool_destroy(first);
}
static void make_any(void) { made = memory_pool_init(&pool, SIZE, COUNT); }
static void end_any(void) {
    memory_pool_destroy(&pool);
    CHECK(memory_pool_next(NULL) == NULL);
    CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
}

TEST(pool_that_is_found_while_it_is_destroyed_is_complete) {
    CHECK_EQUAL(memory_pool_set_trace_callback(watch_new), ESP_OK);
    CHECK_EQUAL(memory_pool_trace_new_pools(true), ESP_OK);
    at_once(make_any, end_the_first, nothing, end_any);
    CHECK_EQUAL(memory_pool_trace_new_pools(false), ESP_OK);
    CHECK_EQUAL(memory_pool_set_trace_callback(NULL), ESP_OK);
}

/* ---- Between the steps of one end ---------------------------------------------------------------------------------- */

static MEMORY_POOL_STATIC_BUFFER(own, SIZE, COUNT);
static size_t records[(MEMORY_POOL_SITES_SIZE(COUNT) + 3 * MEMORY_POOL_STATIC_SIZE(SIZE, 1)) / sizeof(size_t)];
static size_t second_records[sizeof(records) / sizeof(records[0])];
static void *wanted;
static size_t wanted_bytes;
static memory_pool_t intruder;
static esp_err_t intruded;

/* A task that makes a pool over memory of a pool which ends at this moment. */
static void *intrude(void *unused) {
    (void)unused;
    intruded = memory_pool_init_static(&intruder, wanted, wanted_bytes, SIZE, 1);
    return NULL;
}

static void other_task(void *(*run)(void *)) {
    pthread_t task;
    CHECK_EQUAL(pthread_create(&task, NULL, run, NULL), 0);
    CHECK_EQUAL(pthread_join(task, NULL), 0);
}

static void intrude_once(void) {
    static bool inside;
    if (inside || intruded != ESP_FAIL) return;
    inside = true;
    other_task(intrude);
    inside = false;
}

static void ended_with_an_intruder(void (*end_it)(void), void *memory, size_t bytes) {
    wanted = memory;
    wanted_bytes = bytes;
    intruded = ESP_FAIL;
    if (!microusc_host_interrupt_at_release(intrude_once)) intruded = ESP_ERR_INVALID_STATE;
    end_it();
    microusc_host_interrupt_at_release(NULL);
    CHECK_EQUAL(intruded, ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(memory_pool_init_static(&intruder, memory, bytes, SIZE, 1), ESP_OK); /* afterwards it is free */
    memory_pool_destroy(&intruder);
}

/* What is printed of the blocks in use is read from the records, until the end. */
TEST(pool_over_records_that_are_being_read_is_refused) {
    memory_pool_set_report_callback(quiet);
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, records, sizeof(records)), ESP_OK);
    CHECK(memory_pool_alloc(&pool) != NULL);
    ended_with_an_intruder(destroy, records, sizeof(records));

    CHECK_EQUAL(memory_pool_init_static(&pool, own, sizeof(own), SIZE, COUNT), ESP_OK);
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, records, sizeof(records)), ESP_OK);
    CHECK(memory_pool_alloc(&pool) != NULL);
    ended_with_an_intruder(destroy, records, sizeof(records));
    CHECK_EQUAL(memory_pool_init_static(&pool, own, sizeof(own), SIZE, COUNT), ESP_OK);
    ended_with_an_intruder(destroy, own, sizeof(own));

    for (size_t rank = 0; rank < 2; rank++) {
        make_set();
        CHECK_EQUAL(memory_pool_record_sites_in(&set.classes[0], records, sizeof(records)), ESP_OK);
        CHECK_EQUAL(memory_pool_record_sites_in(&set.classes[2], second_records, sizeof(second_records)), ESP_OK);
        CHECK(memory_pool_set_alloc(&set, 1) != NULL && memory_pool_set_alloc(&set, 64) != NULL);
        ended_with_an_intruder(destroy_set, rank == 0 ? records : second_records, sizeof(records));
    }
}

static memory_pool_t frames;
static void *given;
static volatile bool tried;

static void *waits(void *unused) {
    (void)unused;
    given = memory_pool_alloc_timeout(&frames, MEMORY_POOL_WAIT_FOREVER);
    return NULL;
}

static void *ends_frames(void *unused) {
    (void)unused;
    memory_pool_destroy(&frames);
    CHECK_EQUAL(memory_pool_destroy_unused(&frames), ESP_ERR_INVALID_STATE);
    return NULL;
}

static void end_frames_once(void) {
    if (tried || frames.free_blocks != 0 || info_of(&frames).waiting_tasks != 0) return;
    tried = true;
    other_task(ends_frames);
}

static void end_while_told(const memory_pool_event_t *event) {
    if (event->operation == MEMORY_POOL_TRACE_ALLOC && !tried) {
        tried = true;
        /* Another task that is gone for ever: this one still needs the pool. */
        while (memory_pool_forget_task(&given) != ESP_OK) sched_yield();
        other_task(ends_frames);
    }
}

/* With pauses: without them this thread holds the lock nearly always, and Valgrind runs one thread at a time. */
static void until_it_waits(void) {
    const struct timespec pause = {0, 100000};
    while (info_of(&frames).waiting_tasks == 0) nanosleep(&pause, NULL);
}

static void waits_and_is_served(void) {
    pthread_t task;
    tried = false;
    void *only = memory_pool_alloc(&frames);
    CHECK_EQUAL(pthread_create(&task, NULL, waits, NULL), 0);
    until_it_waits();
    if (!microusc_host_interrupt_at_release(end_frames_once)) tried = true;
    memory_pool_free(&frames, only); /* the task has the block, and did not run yet */
    microusc_host_interrupt_at_release(NULL);
    CHECK_EQUAL(pthread_join(task, NULL), 0);
    CHECK(tried && same(given, only));
    memory_pool_free(&frames, given);
    CHECK_EQUAL(memory_pool_validate(&frames), ESP_OK);
}

/* A task that was granted a block has left the queue, and still needs the pool. */
TEST(pool_is_not_destroyed_before_the_task_that_it_served_has_run) {
    memory_pool_set_report_callback(quiet);
    CHECK(memory_pool_init(&frames, SIZE, 1));
    waits_and_is_served();
    CHECK_EQUAL(memory_pool_destroy_unused(&frames), ESP_OK);

    CHECK_EQUAL(memory_pool_init_static(&frames, own, sizeof(own), SIZE, 1), ESP_OK);
    waits_and_is_served();
    CHECK_EQUAL(memory_pool_destroy_unused(&frames), ESP_OK);

    /* Nor before the report was made. */
    CHECK(memory_pool_init(&frames, SIZE, 1));
    void *only = memory_pool_alloc(&frames);
    pthread_t task;
    tried = false;
    CHECK_EQUAL(memory_pool_set_trace_callback(end_while_told), ESP_OK);
    CHECK_EQUAL(memory_pool_trace(&frames, true), ESP_OK);
    CHECK_EQUAL(pthread_create(&task, NULL, waits, NULL), 0);
    until_it_waits();
    memory_pool_free(&frames, only);
    CHECK_EQUAL(pthread_join(task, NULL), 0);
    CHECK(tried && same(given, only));
    memory_pool_free(&frames, given);
    CHECK_EQUAL(memory_pool_destroy_unused(&frames), ESP_OK);
    CHECK_EQUAL(memory_pool_set_trace_callback(NULL), ESP_OK);
}

static const test_t tests[] = {
    RUN(init_during_a_destroy_succeeds_or_is_refused),
    RUN(two_inits_over_one_memory_make_one_pool),
    RUN(two_inits_of_one_struct_make_one_pool),
    RUN(memory_of_a_destroyed_pool_can_be_used_again),
    RUN(sets_are_made_and_destroyed_completely),
    RUN(two_sets_cannot_share_a_struct),
    RUN(class_cannot_be_destroyed_without_its_set),
    RUN(pool_that_is_found_while_it_is_destroyed_is_complete),
    RUN(two_destroys_at_once_destroy_one_pool),
    RUN(pool_over_records_that_are_being_read_is_refused),
    RUN(pool_is_not_destroyed_before_the_task_that_it_served_has_run),
};

int main(void) { return RUN_ALL(tests); }
