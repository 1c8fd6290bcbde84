// The transport: alone within the process, and, started by mpirun, over MPI, where rank 0 learns
// and the others act.
#include "core/backoff.h"
#include "core/clock.h"
#include "core/rng.h"
#include "local_messages.h"
#include "test_unit.h"
#include "transport/transport.h"

#include <stdio.h>
#include <sys/resource.h>

static struct collective world;

static float weight_of(int64_t version, size_t i)
{
    return (float)((version * 31 + (int64_t)i * 7) % 1000);
}

struct plan {
    size_t n_weights, bytes;
    int episodes;
    bool dawdle; // the last actor is slow
};

static double cpu_seconds(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

enum { TICKETS = 3 };

// Of the message that begins with this one.
static int tickets_of(int64_t episode)
{
    return 1 + (int)(episode % TICKETS);
}

// Answers the first ticket of each message until told to stop.
static void act(struct transport *t, const struct plan *plan)
{
    const int actor = world.rank - 1;
    int64_t *block = malloc(plan->bytes);
    struct backoff backoff = {0};
    for (;;) {
        struct ticket_batch batch = {0};
        if (transport_can_send(t, actor)) {
            assert_ok(transport_take_tickets(t, actor, &batch));
        }
        if (batch.n == 0) {
            backoff_wait(&backoff);
            continue;
        }
        backoff_reset(&backoff);
        const struct ticket *ticket = batch.tickets;
        if (ticket->kind == TICKET_STOP) {
            break;
        }
        assert_int_equal(batch.n, tickets_of(ticket->episode));
        for (int i = 0; i < batch.n; i++) {
            assert_int_equal(ticket[i].version, ticket->version);
            assert_int_equal(ticket[i].given[0], i);
        }
        if (ticket->episode % 2) {
            assert_int_equal(batch.n_weights, plan->n_weights);
            for (size_t i = 0; i < batch.n_weights; i++) {
                assert_true(batch.weights[i] == weight_of(ticket->version, i));
            }
        } else {
            assert_true(batch.weights == NULL && batch.n_weights == 0);
        }
        if (plan->dawdle && world.rank == world.ranks - 1) {
            clock_sleep(0.3);
        }
        for (size_t i = 0; i < plan->bytes / sizeof *block; i++) {
            block[i] = ticket->episode + (int64_t)i;
        }
        assert_ok(transport_send_trajectory(t, actor, block, plan->bytes));
    }
    free(block);
}

// One trajectory, checked whole; false when none is there.
static bool take(struct transport *t, const struct plan *plan, int *answers, int *by_actor)
{
    const void *block;
    size_t bytes;
    int actor;
    assert_ok(transport_receive(t, &actor, &block, &bytes));
    if (block == NULL) {
        return false;
    }
    const int64_t *numbers = block;
    assert_int_equal(bytes, plan->bytes);
    assert_in_range(numbers[0], 0, plan->episodes - 1);
    for (size_t i = 0; i < bytes / sizeof *numbers; i++) {
        assert_int_equal(numbers[i], numbers[0] + (int64_t)i);
    }
    answers[numbers[0]]++;
    by_actor[actor]++;
    transport_release(t);
    return true;
}

static void stop_all(struct transport *t)
{
    const struct ticket stop = {.kind = TICKET_STOP};
    const struct ticket_batch batch = {.tickets = &stop, .n = 1};
    struct backoff backoff = {0};
    for (int actor = 0; actor < t->actors; actor++) {
        while (!transport_ready(t, actor)) {
            backoff_wait(&backoff);
        }
        assert_ok(transport_send_tickets(t, actor, &batch));
    }
}

static void learn(struct transport *t, const struct plan *plan, int *by_actor)
{
    float *weights = malloc((plan->n_weights + 1) * sizeof *weights);
    int *answers = calloc((size_t)plan->episodes, sizeof *answers);

    int sent = 0, received = 0;
    struct backoff backoff = {0};
    while (received < plan->episodes) {
        bool moved = false;
        for (int actor = 0; actor < t->actors && sent < plan->episodes; actor++) {
            if (!transport_ready(t, actor)) {
                continue;
            }
            struct ticket tickets[TICKETS];
            for (int i = 0; i < TICKETS; i++) {
                tickets[i] = (struct ticket){.kind = TICKET_EPISODE,
                                             .episode = sent,
                                             .version = sent * 3,
                                             .given = {(int16_t)i}};
            }
            for (size_t i = 0; i < plan->n_weights; i++) {
                weights[i] = weight_of(tickets->version, i);
            }
            const bool with = sent % 2;
            const struct ticket_batch batch = {.tickets = tickets,
                                               .n = tickets_of(sent),
                                               .weights = with ? weights : NULL,
                                               .n_weights = with ? plan->n_weights : 0};
            assert_ok(transport_send_tickets(t, actor, &batch));
            memset(weights, 0, plan->n_weights * sizeof *weights); // a copy is on its way
            sent++;
            moved = true;
        }
        while (take(t, plan, answers, by_actor)) {
            received++;
            moved = true;
        }
        if (moved) {
            backoff_reset(&backoff);
        } else {
            backoff_wait(&backoff);
        }
    }
    for (int i = 0; i < plan->episodes; i++) {
        assert_int_equal(answers[i], 1);
    }
    stop_all(t);

    free(answers);
    free(weights);
}

static void run(const struct plan *plan, int *by_actor)
{
    const struct transport_sizes sizes = {
        .trajectory_bytes = plan->bytes, .n_weights = plan->n_weights, .n_tickets = TICKETS};
    struct transport t;
    assert_ok(transport_open_mpi(&world, &sizes, &t));
    assert_int_equal(t.actors, world.ranks - 1);
    if (world.rank == 0) {
        learn(&t, plan, by_actor);
    } else {
        act(&t, plan);
    }
    transport_close(&t);
}

static void test_small_messages(void **state)
{
    (void)state;
    int by_actor[64] = {0};
    run(&(struct plan){.n_weights = 10, .bytes = 64, .episodes = 2000}, by_actor);
}

static void test_big_messages(void **state)
{
    (void)state;
    int by_actor[64] = {0};
    run(&(struct plan){.n_weights = 1500000, .bytes = (size_t)3 << 20, .episodes = 40}, by_actor);
}

// The others do the work of the one that sleeps.
static void test_slow_actor(void **state)
{
    (void)state;
    int by_actor[64] = {0};
    const struct plan plan = {.n_weights = 100, .bytes = 4096, .episodes = 200, .dawdle = true};
    if (world.ranks < 3) {
        return;
    }
    run(&plan, by_actor);
    if (world.rank == 0) {
        assert_true(by_actor[world.ranks - 2] < plan.episodes / 10);
    }
}

// An actor that never looks: its ticket stays under way, the learner is not held up, and waiting
// costs neither of them a core.
static void test_no_attention(void **state)
{
    (void)state;
    const struct transport_sizes sizes = {
        .trajectory_bytes = 1024, .n_weights = 1000000, .n_tickets = 1};
    float *weights = calloc(sizes.n_weights, sizeof *weights);
    struct transport t;
    assert_ok(transport_open_mpi(&world, &sizes, &t));
    const double cpu = cpu_seconds(), start = clock_seconds(), length_s = 1.0;
    struct backoff backoff = {0};
    if (world.rank == 0) {
        const struct ticket ticket = {.kind = TICKET_EPISODE};
        const struct ticket_batch sent = {
            .tickets = &ticket, .n = 1, .weights = weights, .n_weights = sizes.n_weights};
        for (int actor = 0; actor < t.actors; actor++) {
            assert_ok(transport_send_tickets(&t, actor, &sent));
        }
        while (clock_seconds() - start < length_s) {
            const void *block;
            size_t bytes;
            int actor;
            assert_ok(transport_receive(&t, &actor, &block, &bytes));
            assert_null(block);
            for (actor = 0; actor < t.actors; actor++) {
                assert_false(transport_ready(&t, actor));
            }
            backoff_wait(&backoff);
        }
        assert_true(cpu_seconds() - cpu < 0.3 * length_s);
    } else {
        clock_sleep(length_s + 0.1);
    }
    struct ticket_batch received = {0};
    while (world.rank != 0 && received.n == 0) {
        assert_ok(transport_take_tickets(&t, world.rank - 1, &received));
        backoff_wait(&backoff);
    }
    transport_close(&t);
    free(weights);
}

// The learner closes while trajectories come in that it no longer wants: nobody waits for ever.
static void test_early_close(void **state)
{
    (void)state;
    const struct transport_sizes sizes = {
        .trajectory_bytes = 100000, .n_weights = 10, .n_tickets = 1};
    char *block = calloc(1, sizes.trajectory_bytes);
    struct transport t;
    assert_ok(transport_open_mpi(&world, &sizes, &t));
    if (world.rank > 0) {
        struct backoff backoff = {0};
        for (int i = 0; i < 3; i++) {
            while (!transport_can_send(&t, world.rank - 1)) {
                backoff_wait(&backoff);
            }
            assert_ok(transport_send_trajectory(&t, world.rank - 1, block, sizes.trajectory_bytes));
        }
    }
    const double start = clock_seconds();
    transport_close(&t);
    assert_true(clock_seconds() - start < 4.0); // it did not give up on somebody
    free(block);
}

static void test_sizes_differ(void **state)
{
    (void)state;
    const struct transport_sizes sizes = {
        .trajectory_bytes = 1024, .n_weights = 100, .n_tickets = 1 + world.rank};
    struct transport t = {0};
    if (world.ranks == 2) {
        if (world.rank == 0) { // goes on as far as the barrier, where the other would be
            struct transport_sizes mine = sizes;
            assert_ok(collective_broadcast(&world, &mine, sizeof mine, 0));
        } else {
            assert_fails(transport_open_mpi(&world, &sizes, &t), ERR_COMM, "same config");
        }
    }
}

static int close_world(void **state)
{
    (void)state;
    collective_close(&world);
    return 0;
}

int main(void)
{
    if (getenv("TEST_RANKS") == NULL) {
        return local_messages_run();
    }
    if (collective_open(&world) != OK) {
        fprintf(stderr, "collective_open: %s\n", status_message());
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_messages), cmocka_unit_test(test_big_messages),
        cmocka_unit_test(test_slow_actor),     cmocka_unit_test(test_no_attention),
        cmocka_unit_test(test_early_close),    cmocka_unit_test(test_sizes_differ),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, close_world);
    return failed;
}
