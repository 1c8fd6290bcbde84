// Memory that workers of a host share: filled once, also when the first who tries dies.
#include "envs/scoring/host_memory.h"
#include "envs/scoring/score_cache.h"
#include "test_unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEY = 42, BYTES = 100000, COMMON = 512 };

// What all processes of a test see.
struct shared {
    atomic_int prepared;
    atomic_int ready;
};

struct story {
    struct shared *shared;
    enum { FILLS, DIES, FAILS } end;
};

static enum status prepare(void *context, size_t *bytes)
{
    const struct story *story = context;
    atomic_fetch_add(&story->shared->prepared, 1);
    if (story->end == FAILS) {
        FAIL(ERR_INPUT, "nothing to fill it with");
    }
    usleep(20000); // long enough for others to come meanwhile
    *bytes = BYTES;
    return OK;
}

static void copy(void *context, char *to)
{
    const struct story *story = context;
    for (int i = 0; i < BYTES; i++) {
        to[i] = (char)(i * 7);
        if (i == BYTES / 2 && story->end == DIES) {
            _exit(3);
        }
    }
}

static bool is_whole(const struct host_memory *memory)
{
    bool whole = memory->data_bytes == BYTES && memory->common_bytes == COMMON;
    for (int i = 0; whole && i < BYTES; i++) {
        whole = memory->data[i] == (char)(i * 7);
    }
    return whole;
}

static struct host_filler filler_of(struct story *story)
{
    return (struct host_filler){.prepare = prepare, .copy = copy, .context = story};
}

static struct shared *open_shared(int *fd)
{
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    *fd = memfd_create("dikdik-test", 0);
    assert_true(*fd >= 0);
    return shared;
}

static void close_shared(struct shared *shared, int fd)
{
    munmap(shared, sizeof *shared);
    close(fd);
}

// In a child: opens, adds one to the common counter, says whether all is well.
static pid_t spawn(struct story story, int fd)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid != 0) {
        return pid;
    }
    const struct host_filler filler = filler_of(&story);
    struct host_memory memory = {0};
    bool fine = host_memory_open(fd, KEY, COMMON, &filler, &memory) == OK && is_whole(&memory);
    if (fine) {
        atomic_fetch_add((atomic_int *)(void *)memory.common, 1);
        host_memory_close(&memory);
    }
    _exit(fine ? 0 : 1);
}

static int wait_for(pid_t pid)
{
    int state;
    assert_int_equal(waitpid(pid, &state, 0), pid);
    assert_true(WIFEXITED(state));
    return WEXITSTATUS(state);
}

static void many_processes_fill_it_once(void **state)
{
    (void)state;
    enum { PROCESSES = 6 };
    int fd;
    pid_t pids[PROCESSES];
    struct shared *shared = open_shared(&fd);
    struct story story = {.shared = shared};
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = spawn(story, fd);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(wait_for(pids[i]), 0);
    }
    const struct host_filler filler = filler_of(&story);
    struct host_memory memory;
    assert_ok(host_memory_open(fd, KEY, COMMON, &filler, &memory));
    assert_true(is_whole(&memory));
    assert_int_equal(atomic_load((atomic_int *)(void *)memory.common), PROCESSES);
    assert_int_equal(atomic_load(&shared->prepared), 1);
    host_memory_close(&memory);
    close_shared(shared, fd);
}

static void a_dead_filler_is_followed_by_another(void **state)
{
    (void)state;
    int fd;
    struct shared *shared = open_shared(&fd);
    for (int i = 0; i < 2; i++) {
        const struct story dies = {.shared = shared, .end = DIES};
        assert_int_equal(wait_for(spawn(dies, fd)), 3);
    }
    const struct story fills = {.shared = shared};
    assert_int_equal(wait_for(spawn(fills, fd)), 0);
    assert_int_equal(wait_for(spawn(fills, fd)), 0);
    assert_int_equal(atomic_load(&shared->prepared), 3);
    close_shared(shared, fd);
}

// One that dies while others wait: the lock must not stay with a description that they share.
static void waiting_processes_outlive_the_filler(void **state)
{
    (void)state;
    int fd;
    struct shared *shared = open_shared(&fd);
    const struct story dies = {.shared = shared, .end = DIES}, fills = {.shared = shared};
    const pid_t first = spawn(dies, fd);
    while (atomic_load(&shared->prepared) == 0) {
        usleep(100);
    }
    const pid_t second = spawn(fills, fd), third = spawn(fills, fd);
    assert_int_equal(wait_for(first), 3);
    assert_int_equal(wait_for(second), 0);
    assert_int_equal(wait_for(third), 0);
    assert_int_equal(atomic_load(&shared->prepared), 2);
    close_shared(shared, fd);
}

// Whoever has it open keeps nobody out.
static void the_first_user_locks_out_nobody(void **state)
{
    (void)state;
    int fd;
    struct shared *shared = open_shared(&fd);
    struct story story = {.shared = shared};
    const struct host_filler filler = filler_of(&story);
    struct host_memory memory;
    assert_ok(host_memory_open(fd, KEY, COMMON, &filler, &memory));
    assert_int_equal(wait_for(spawn(story, fd)), 0);
    assert_int_equal(atomic_load((atomic_int *)(void *)memory.common), 1);
    host_memory_close(&memory);
    close_shared(shared, fd);
}

static void failures_are_reported_and_can_be_mended(void **state)
{
    (void)state;
    int fd;
    struct shared *shared = open_shared(&fd);
    struct story story = {.shared = shared, .end = FAILS};
    const struct host_filler filler = filler_of(&story);
    struct host_memory memory;
    assert_fails(host_memory_open(fd, KEY, COMMON, &filler, &memory), ERR_INPUT, "nothing to fill");
    assert_fails(host_memory_open(-1, KEY, COMMON, &filler, &memory), ERR_INPUT, "nothing to fill");
    story.end = FILLS;
    assert_ok(host_memory_open(fd, KEY, COMMON, &filler, &memory));
    host_memory_close(&memory);
    assert_fails(host_memory_open(fd, KEY + 1, COMMON, &filler, &memory), ERR_INPUT,
                 "another config");
    assert_fails(host_memory_open(fd, KEY, COMMON * 2, &filler, &memory), ERR_INPUT,
                 "another config");
    close_shared(shared, fd);
}

static void alone_it_is_private(void **state)
{
    (void)state;
    int fd;
    struct shared *shared = open_shared(&fd);
    struct story story = {.shared = shared};
    const struct host_filler filler = filler_of(&story);
    struct host_memory memory[2];
    for (int i = 0; i < 2; i++) {
        assert_ok(host_memory_open(-1, KEY, COMMON, &filler, &memory[i]));
        assert_true(is_whole(&memory[i]));
    }
    memory[0].common[0] = 1;
    assert_int_equal(memory[1].common[0], 0);
    host_memory_close(&memory[0]);
    host_memory_close(&memory[1]);
    host_memory_close(&memory[1]); // closed already
    close_shared(shared, fd);
}

static struct score_slot *new_cache(void)
{
    void *slots =
        mmap(NULL, SCORE_CACHE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(slots != MAP_FAILED);
    return slots;
}

static void a_cache_gives_back_what_it_got(void **state)
{
    (void)state;
    struct score_slot *slots = new_cache();
    struct cached_score score;
    for (uint64_t key = 0; key < 5000; key++) {
        assert_false(score_cache_find(slots, key * 0x10001, &score) && key > 1);
        const struct cached_score known = {.right = (int64_t)key,
                                           .loss = (double)key / 3,
                                           .distance = (double)key / 7,
                                           .diverged = key % 5 == 0};
        score_cache_add(slots, key * 0x10001, &known);
    }
    for (uint64_t key = 1; key < 5000; key++) {
        assert_true(score_cache_find(slots, key * 0x10001, &score));
        assert_true(score.right == (int64_t)key && score.diverged == (key % 5 == 0));
        assert_true(score.loss == (double)key / 3 && score.distance == (double)key / 7);
    }
    munmap(slots, SCORE_CACHE_BYTES);
}

// Claimed by a worker that died before it wrote the value: not known, and the next one writes it.
static void a_cache_survives_a_dead_writer(void **state)
{
    (void)state;
    struct score_slot *slots = new_cache();
    struct cached_score score = {.right = 7};
    score_cache_add(slots, 99, &score);
    for (size_t i = 0; i < SCORE_CACHE_SLOTS; i++) {
        slots[i].value = 0;
    }
    assert_false(score_cache_find(slots, 99, &score));
    score = (struct cached_score){.right = 8};
    score_cache_add(slots, 99, &score);
    assert_true(score_cache_find(slots, 99, &score));
    assert_true(score.right == 8);
    munmap(slots, SCORE_CACHE_BYTES);
}

static void a_full_cache_forgets(void **state)
{
    (void)state;
    struct score_slot *slots = new_cache();
    for (size_t i = 0; i < SCORE_CACHE_SLOTS; i++) {
        slots[i] = (struct score_slot){.key = i + (UINT64_C(1) << 40), .value = 1};
    }
    struct cached_score score = {.right = 1};
    score_cache_add(slots, 5, &score);
    assert_false(score_cache_find(slots, 5, &score));
    munmap(slots, SCORE_CACHE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_processes_fill_it_once),
        cmocka_unit_test(a_dead_filler_is_followed_by_another),
        cmocka_unit_test(waiting_processes_outlive_the_filler),
        cmocka_unit_test(the_first_user_locks_out_nobody),
        cmocka_unit_test(failures_are_reported_and_can_be_mended),
        cmocka_unit_test(alone_it_is_private),
        cmocka_unit_test(a_cache_gives_back_what_it_got),
        cmocka_unit_test(a_cache_survives_a_dead_writer),
        cmocka_unit_test(a_full_cache_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
