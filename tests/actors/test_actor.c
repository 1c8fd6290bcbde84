// Actors and their workers: whatever happens to a worker, every ticket is answered once, and with
// what any other worker would have answered.
#include "actor_harness.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/isolate.h"
#include "test_unit.h"

#include <sys/resource.h>

static void test_no_trouble(void **state)
{
    (void)state;
    struct harness h;
    struct harness_count count;
    harness_defaults(&h);
    h.n_actors = 3;
    harness_open(&h);
    harness_run(&h, 300, &count);
    assert_int_equal(count.answers, 300);
    assert_int_equal(count.tries, 300);
    assert_int_equal(count.failures[FAILURE_NONE], 300);
    harness_close(&h);
}

static void test_without_nursery(void **state)
{
    (void)state;
    struct harness h;
    struct harness_count count;
    harness_defaults(&h);
    h.alone = true;
    h.n_actors = 3;
    h.fake.trouble = FAKE_ERROR;
    h.fake.trouble_episode = 7;
    harness_open(&h);
    assert_int_equal(actor_descriptor(h.actors[0]), -1);
    harness_run(&h, 100, &count);
    assert_int_equal(count.failures[FAILURE_ERROR], 1);
    assert_int_equal(count.failures[FAILURE_NONE], 99);
    harness_close(&h);
}

// Each episode passes ten phases. All faults at once; tries are plenty, so all episodes succeed.
static void test_injected_faults(void **state)
{
    (void)state;
    struct harness h;
    struct harness_count count;
    harness_defaults(&h);
    h.n_actors = 2;
    h.options.faults = "kill=0.02,segv=0.02,hang=0.001,memory=0.01";
    h.options.tries = 100;
    h.options.memory_mib = 64;
    h.options.episode_seconds = 0.5;
    h.options.first_episode_seconds = 3.0; // a start, too, on a busy machine
    harness_open(&h);
    harness_run(&h, 450, &count);
    assert_int_equal(count.failures[FAILURE_NONE], 450);
    assert_true(count.tries - count.answers >= 200);
    harness_close(&h);
}

struct reason_case {
    const char *faults;
    enum fake_trouble trouble;
    enum failure_reason reason;
};

// One reason and no end of it: the episode fails, with that reason, after its tries.
static void test_reasons(void **state)
{
    (void)state;
    const struct reason_case cases[] = {
        {"kill=1", FAKE_NONE, FAILURE_CRASH}, {"segv=1", FAKE_NONE, FAILURE_CRASH},
        {"hang=1", FAKE_NONE, FAILURE_HANG},  {"memory=1", FAKE_NONE, FAILURE_MEMORY},
        {"", FAKE_CRASH, FAILURE_CRASH},      {"", FAKE_EXIT, FAILURE_CRASH},
        {"", FAKE_SLOW, FAILURE_HANG},        {"", FAKE_EAT, FAILURE_MEMORY},
        {"", FAKE_MEMORY, FAILURE_MEMORY},    {"", FAKE_ERROR, FAILURE_ERROR},
        {"", FAKE_NO_CHOICE, FAILURE_ERROR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct harness h;
        struct harness_count count;
        harness_defaults(&h);
        h.options.faults = cases[i].faults;
        h.options.tries = 2;
        h.options.memory_mib = 64;
        h.options.episode_seconds = cases[i].reason == FAILURE_HANG ? 0.7 : 60.0;
        h.options.first_episode_seconds = h.options.episode_seconds;
        h.fake.trouble = cases[i].trouble;
        harness_open(&h);
        harness_run(&h, 2, &count);
        assert_int_equal(count.failures[cases[i].reason], 2);
        assert_int_equal(count.tries, 4);
        harness_close(&h);
    }
}

// Only the episode with the trouble is concerned, and only as often as there is trouble.
static void test_passing_trouble(void **state)
{
    (void)state;
    const enum fake_trouble troubles[] = {FAKE_CRASH, FAKE_EXIT, FAKE_ERROR, FAKE_SLOW};
    int *times = isolate_share(sizeof *times);
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        struct harness h;
        struct harness_count count;
        harness_defaults(&h);
        h.fake.trouble = troubles[i];
        h.fake.trouble_episode = 5;
        h.fake.trouble_times = times;
        h.options.episode_seconds = h.options.first_episode_seconds = 0.7;
        *times = 2; // the third try is the last
        harness_open(&h);
        harness_run(&h, 12, &count);
        assert_int_equal(count.failures[FAILURE_NONE], 12);
        assert_int_equal(count.tries, 14);
        harness_close(&h);
    }
    isolate_unshare(times, sizeof *times);
}

// The first episode of a worker may take longer than the others.
static void test_first_is_longer(void **state)
{
    (void)state;
    struct harness h;
    struct harness_count count;
    harness_defaults(&h);
    h.n_actors = 1;
    h.fake.trouble = FAKE_SLOW;
    h.fake.trouble_episode = 0;
    h.options.episode_seconds = 0.2;
    h.options.first_episode_seconds = 30.0;
    harness_open(&h);
    harness_run(&h, 3, &count);
    assert_int_equal(count.tries, 3);
    harness_close(&h);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// A rank whose worker is at work, or that has nothing to do, leaves the core to others.
static void test_waiting_costs_little(void **state)
{
    (void)state;
    struct harness h;
    harness_defaults(&h);
    h.n_actors = 1;
    h.fake.trouble = FAKE_SLOW;
    harness_open(&h);
    const struct ticket ticket = {.kind = TICKET_EPISODE, .source = ACTIONS_RANDOM};
    const struct ticket_batch batch = {.tickets = &ticket, .n = 1};
    assert_ok(transport_send_tickets(&h.transport, 0, &batch));
    const double cpu = cpu_seconds(), start = clock_seconds(), length_s = 1.5;
    const int descriptor = actor_descriptor(h.actors[0]);
    struct backoff backoff = {0};
    bool answered = false;
    while (clock_seconds() - start < length_s || !answered) {
        bool moved, stopped;
        int actor;
        const void *block;
        size_t bytes;
        assert_ok(actor_poll(h.actors[0], &moved, &stopped));
        assert_ok(transport_receive(&h.transport, &actor, &block, &bytes));
        if (block != NULL) {
            answered = true;
            transport_release(&h.transport);
        }
        if (moved) {
            backoff_reset(&backoff);
        } else {
            backoff_wait_on(&backoff, &descriptor, 1);
        }
    }
    assert_true(cpu_seconds() - cpu < 0.3 * length_s);
    harness_close(&h);
}

static bool poll_until_idle(struct harness *h)
{
    bool moved = true, stopped = false;
    while (moved && !stopped) {
        assert_ok(actor_poll(h->actors[0], &moved, &stopped));
    }
    return stopped;
}

// Heard at once, behind tickets and while an episode runs.
static void test_stop(void **state)
{
    (void)state;
    for (int tickets = 0; tickets <= 2; tickets++) {
        struct harness h;
        harness_defaults(&h);
        h.n_actors = 1;
        h.fake.trouble = FAKE_ERROR; // and a try after the other
        h.options.tries = 1000;
        harness_open(&h);
        for (int i = 0; i < tickets; i++) {
            const struct ticket ticket = {
                .kind = TICKET_EPISODE, .episode = i, .source = ACTIONS_RANDOM};
            const struct ticket_batch batch = {.tickets = &ticket, .n = 1};
            assert_ok(transport_send_tickets(&h.transport, 0, &batch));
            assert_false(poll_until_idle(&h));
            assert_true(transport_ready(&h.transport, 0));
        }
        const struct ticket stop = {.kind = TICKET_STOP};
        const struct ticket_batch batch = {.tickets = &stop, .n = 1};
        assert_ok(transport_send_tickets(&h.transport, 0, &batch));
        assert_true(poll_until_idle(&h));
        harness_close(&h);
    }
}

// Tickets that come ahead, each with weights of its own, are played with those, in order.
static void test_tickets_ahead(void **state)
{
    (void)state;
    struct harness h;
    struct harness_count count;
    harness_defaults(&h);
    h.n_actors = 2;
    h.ahead = 4;
    h.episodes_per_version = 1;
    h.options.faults = "kill=0.01";
    h.options.tries = 100;
    harness_open(&h);
    harness_run(&h, 200, &count);
    assert_int_equal(count.failures[FAILURE_NONE], 200);
    harness_close(&h);
}

// Several at once, of different lengths, most of them evaluated together at the end, with weights
// that change on the way: each is what it would be by itself.
static void test_batches(void **state)
{
    (void)state;
    static const int at_once[] = {3, 8, HARNESS_MOST_AT_ONCE};
    for (int i = 0; i < 6; i++) {
        struct harness h;
        struct harness_count count;
        harness_defaults(&h);
        h.options.episodes = at_once[i % 3];
        h.alone = i >= 3;
        h.ahead = 1 + i % 2;
        h.fake.pending = h.fake.uneven = true;
        h.episodes_per_version = 11;
        harness_open(&h);
        harness_run(&h, 200, &count);
        assert_int_equal(count.failures[FAILURE_NONE], 200);
        assert_int_equal(count.tries, 200);
        harness_close(&h);
    }
}

static void test_batches_with_faults(void **state)
{
    (void)state;
    struct harness h;
    struct harness_count count;
    harness_defaults(&h);
    h.options.episodes = 4;
    h.options.faults = "kill=0.01,segv=0.01,hang=0.0005,memory=0.005";
    h.options.tries = 100;
    h.options.memory_mib = 64;
    h.options.episode_seconds = 0.5;
    h.options.first_episode_seconds = 3.0;
    h.fake.pending = h.fake.uneven = true;
    harness_open(&h);
    harness_run(&h, 200, &count);
    assert_int_equal(count.failures[FAILURE_NONE], 200);
    assert_true(count.tries - count.answers >= 50);
    harness_close(&h);
}

// One that brings down whoever plays it: it fails, those that were played with it do not, however
// few tries there are.
static void test_bad_neighbour(void **state)
{
    (void)state;
    const struct reason_case cases[] = {
        {"", FAKE_CRASH, FAILURE_CRASH},          {"", FAKE_ERROR, FAILURE_ERROR},
        {"", FAKE_EVALUATE_CRASH, FAILURE_CRASH}, {"", FAKE_EVALUATE_ERROR, FAILURE_ERROR},
        {"", FAKE_MEMORY, FAILURE_MEMORY},
    };
    for (int i = 0; i < 10; i++) {
        struct harness h;
        struct harness_count count;
        harness_defaults(&h);
        h.n_actors = 1;
        h.options.episodes = 5;
        h.options.tries = i < 5 ? 1 : 3;
        h.fake.pending = true;
        h.fake.trouble = cases[i % 5].trouble;
        h.fake.trouble_episode = 4;
        h.episodes_per_version = 100;
        harness_open(&h);
        harness_run(&h, 12, &count);
        assert_int_equal(count.failures[cases[i % 5].reason], 1);
        assert_int_equal(count.failures[FAILURE_NONE], 11);
        // Five at once, then each by itself: the bad one until it has had its tries.
        assert_int_equal(count.tries, 12 + 4 + (i < 5 ? 1 : 2));
        harness_close(&h);
    }
    struct harness h; // without a nursery nothing but an error can be told apart
    struct harness_count count;
    harness_defaults(&h);
    h.alone = true;
    h.options.episodes = 5;
    h.fake.pending = true;
    h.fake.trouble = FAKE_EVALUATE_ERROR;
    h.fake.trouble_episode = 6;
    harness_open(&h);
    harness_run(&h, 40, &count);
    assert_int_equal(count.failures[FAILURE_ERROR], 1);
    assert_int_equal(count.failures[FAILURE_NONE], 39);
    harness_close(&h);
}

// As many actors as a cluster has, in one process: nothing is lost.
static void test_many_actors(void **state)
{
    (void)state;
    struct harness h;
    struct harness_count count;
    harness_defaults(&h);
    h.alone = true;
    h.n_actors = 512;
    harness_open(&h);
    harness_run(&h, 2048, &count);
    assert_int_equal(count.failures[FAILURE_NONE], 2048);
    harness_close(&h);
}

// One on a processor; on a device about one for each GiB of its memory.
static void test_default_episodes(void **state)
{
    (void)state;
    const size_t gib = (size_t)1 << 30;
    assert_int_equal(actor_options_episodes(0, 0), 1);
    assert_int_equal(actor_options_episodes(5, 0), 5);
    assert_int_equal(actor_options_episodes(5, 80 * gib), 5);
    assert_int_equal(actor_options_episodes(0, gib), 8);
    assert_int_equal(actor_options_episodes(0, 16 * gib - 1), 8);
    assert_int_equal(actor_options_episodes(0, 16 * gib), 16);
    assert_int_equal(actor_options_episodes(0, 40 * gib), 32);
    assert_int_equal(actor_options_episodes(0, 80 * gib), 64);
    assert_int_equal(actor_options_episodes(0, 1000 * gib), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_trouble),
        cmocka_unit_test(test_without_nursery),
        cmocka_unit_test(test_injected_faults),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_passing_trouble),
        cmocka_unit_test(test_first_is_longer),
        cmocka_unit_test(test_waiting_costs_little),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_tickets_ahead),
        cmocka_unit_test(test_many_actors),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_batches_with_faults),
        cmocka_unit_test(test_bad_neighbour),
        cmocka_unit_test(test_default_episodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
