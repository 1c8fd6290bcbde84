// Work that is no episode: orders survive what happens to workers, workers change their duty, and
// an order that is told to stop puts its work in safety.
#include "actor_harness.h"
#include "actors/faults.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/isolate.h"
#include "test_unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ORDERS = 256 };
enum { ORDER_DOUBLE, ORDER_CRASH, ORDER_WRONG, ORDER_FULL, ORDER_LONG };

// What the work of these tests is made of: memory that all processes see.
struct shared {
    int opened, safe;         // works that were opened; interrupted orders that came to safety
    int crashes[MOST_ORDERS]; // of an order, that are still to come
};

struct bench {
    struct shared *shared;
    struct work_job work_job;
    struct actor_options options;
    struct fake_options fake;
    struct agent_options agent;
    struct nursery *nursery;
    struct transport transport;
    struct actor *actors[3];
    void *here; // without nursery
    int n_actors;
};

static enum status work_open(const void *context, int shared_fd, int turn, void **out)
{
    (void)turn;
    (void)shared_fd;
    struct shared *shared = *(struct shared *const *)context;
    __atomic_fetch_add(&shared->opened, 1, __ATOMIC_RELAXED);
    *out = shared;
    return OK;
}

static enum status wait_for_interrupt(struct shared *shared)
{
    while (!interrupt_pending()) {
        clock_sleep(0.001);
    }
    __atomic_fetch_add(&shared->safe, 1, __ATOMIC_RELAXED);
    return interrupt_check();
}

static enum status work_carry_out(void *work, const struct ticket *ticket, struct faults *faults,
                                  void *result)
{
    struct shared *shared = work;
    const int64_t twice = 2 * ticket->episode + ticket->given[0];
    TRY(faults_strike(faults));
    switch (ticket->source) {
    case ORDER_CRASH:
        if (__atomic_fetch_sub(&shared->crashes[ticket->episode], 1, __ATOMIC_RELAXED) > 0) {
            raise(SIGSEGV);
        }
        break;
    case ORDER_WRONG:
        FAIL(ERR_CONFIG, "order %lld makes no sense", (long long)ticket->episode);
    case ORDER_FULL:
        FAIL(ERR_IO, "no space for order %lld", (long long)ticket->episode);
    case ORDER_LONG:
        return wait_for_interrupt(shared);
    default:
        break;
    }
    memcpy(result, &twice, sizeof twice);
    return OK;
}

static void work_close(void *work)
{
    (void)work;
}

static const struct work_ops ops = {.open = work_open, .run = work_carry_out, .close = work_close};

static void bench_defaults(struct bench *b, int n_actors)
{
    memset(b, 0, sizeof *b);
    b->shared = isolate_share(sizeof *b->shared);
    assert_non_null(b->shared);
    b->n_actors = n_actors;
    b->fake = (struct fake_options){.steps = 3, .choices = 4, .tasks = 2, .trouble_episode = -1};
    option_defaults(actor_option_table, &b->options);
    option_defaults(agent_option_table, &b->agent);
    b->work_job = (struct work_job){.ops = &ops, .context = &b->shared};
}

static void open_nursery(struct bench *b, enum nursery_duty duty)
{
    const struct rollout_job job = {.ops = &env_fake,
                                    .env = {.config = &b->fake, .seed = 5, .shared_fd = -1},
                                    .agent = &b->agent,
                                    .actor = &b->options,
                                    .work = &b->work_job};
    assert_ok(nursery_open(&job, b->n_actors, &b->nursery));
    assert_ok(nursery_assign(b->nursery, duty));
    assert_ok(nursery_begin(b->nursery, NULL, true, 1));
}

static void open_actors(struct bench *b)
{
    const struct transport_sizes sizes = {.trajectory_bytes = sizeof(struct work_answer),
                                          .n_tickets = 1};
    assert_ok(transport_open_local(b->n_actors, &sizes, &b->transport));
    for (int i = 0; i < b->n_actors; i++) {
        const struct actor_job job = {.transport = &b->transport,
                                      .index = i,
                                      .nursery = b->nursery,
                                      .worker = i,
                                      .work = &b->work_job,
                                      .work_here = b->here,
                                      .options = &b->options};
        assert_ok(actor_open(&job, &b->actors[i]));
    }
}

static void bench_close(struct bench *b)
{
    for (int i = 0; i < b->n_actors; i++) {
        actor_close(b->actors[i]);
    }
    transport_close(&b->transport);
    nursery_close(b->nursery);
    isolate_unshare(b->shared, sizeof *b->shared);
}

static struct ticket order_of(int number, int kind)
{
    return (struct ticket){.kind = TICKET_WORK,
                           .episode = number,
                           .task = number % 2,
                           .source = kind,
                           .n_given = 1,
                           .threads = 1,
                           .given = {(int16_t)(number % 7)}};
}

static void poll_actors(struct bench *b, struct backoff *backoff, bool *stopped)
{
    *stopped = true;
    for (int i = 0; i < b->n_actors; i++) {
        bool moved, one;
        assert_ok(actor_poll(b->actors[i], &moved, &one));
        *stopped = *stopped && one;
        if (moved) {
            backoff_reset(backoff);
        }
    }
    backoff_wait(backoff);
}

static void send_one(struct transport *t, int actor, const struct ticket *ticket)
{
    const struct ticket_batch batch = {.tickets = ticket, .n = 1};
    assert_ok(transport_send_tickets(t, actor, &batch));
}

// Gives out orders 0 .. n - 1 of these kinds and takes their answers [n].
static void carry_out(struct bench *b, int n, const int *kinds, struct work_answer *answers)
{
    struct backoff backoff = {0};
    int given = 0, answered = 0;
    bool busy[3] = {false}, stopped;
    while (answered < n) {
        for (int i = 0; i < b->n_actors; i++) {
            if (given < n && !busy[i] && transport_ready(&b->transport, i)) {
                const struct ticket ticket = order_of(given, kinds[given]);
                send_one(&b->transport, i, &ticket);
                busy[i] = true;
                given++;
            }
        }
        const void *block;
        size_t bytes;
        int actor;
        assert_ok(transport_receive(&b->transport, &actor, &block, &bytes));
        if (block != NULL) {
            struct work_answer answer;
            assert_int_equal(bytes, sizeof answer);
            memcpy(&answer, block, sizeof answer);
            transport_release(&b->transport);
            assert_int_equal(answer.header.actor, actor);
            answers[answer.header.episode] = answer;
            busy[actor] = false;
            answered++;
        }
        poll_actors(b, &backoff, &stopped);
    }
}

static void assert_right(const struct work_answer *answer, int number)
{
    int64_t result;
    memcpy(&result, answer->result, sizeof result);
    assert_int_equal(answer->status, OK);
    assert_int_equal(answer->header.failure, FAILURE_NONE);
    assert_int_equal(answer->header.task, number % 2);
    assert_int_equal(result, 2 * number + number % 7);
}

static void orders_are_answered(void **state)
{
    const bool alone = *(bool *)*state;
    struct bench b;
    struct work_answer answers[40];
    int kinds[40] = {0};
    bench_defaults(&b, alone ? 1 : 3);
    if (alone) {
        assert_ok(ops.open(&b.shared, -1, 0, &b.here));
    } else {
        open_nursery(&b, NURSERY_WORK);
    }
    open_actors(&b);
    kinds[7] = ORDER_WRONG;
    carry_out(&b, 40, kinds, answers);
    for (int i = 0; i < 40; i++) {
        if (i != 7) {
            assert_right(&answers[i], i);
        }
    }
    assert_int_equal(answers[7].status, ERR_CONFIG);
    assert_int_equal(answers[7].header.failure, FAILURE_ERROR);
    assert_int_equal(answers[7].header.tries, 1); // another try would end the same
    assert_non_null(strstr(answers[7].note.message, "order 7 makes no sense"));
    bench_close(&b);
}

static void a_crash_costs_a_try(void **state)
{
    (void)state;
    struct bench b;
    struct work_answer answers[12];
    int kinds[12] = {0};
    bench_defaults(&b, 2);
    b.options.tries = 3;
    kinds[2] = kinds[5] = ORDER_CRASH;
    kinds[9] = ORDER_FULL;
    b.shared->crashes[2] = 2;
    b.shared->crashes[5] = 3;
    open_nursery(&b, NURSERY_WORK);
    open_actors(&b);
    carry_out(&b, 12, kinds, answers);
    assert_right(&answers[2], 2);
    assert_int_equal(answers[2].header.tries, 3);
    assert_int_equal(answers[5].header.failure, FAILURE_CRASH);
    assert_int_equal(answers[5].status, ERR_IO);
    assert_non_null(strstr(answers[5].note.message, "signal 11"));
    assert_int_equal(answers[9].header.tries, 3); // space may come back
    assert_int_equal(answers[9].status, ERR_IO);
    assert_right(&answers[11], 11);
    bench_close(&b);
}

static void injected_faults_change_nothing(void **state)
{
    (void)state;
    struct bench b;
    static struct work_answer answers[120];
    int kinds[120] = {0}, tries = 0;
    bench_defaults(&b, 2);
    b.options.tries = 100;
    b.options.first_episode_seconds = 2.0; // a start, too, on a busy machine
    b.options.faults = "kill=0.05,segv=0.05,hang=0.003,memory=0.05";
    open_nursery(&b, NURSERY_WORK);
    open_actors(&b);
    carry_out(&b, 120, kinds, answers);
    for (int i = 0; i < 120; i++) {
        assert_right(&answers[i], i);
        tries += answers[i].header.tries;
    }
    assert_true(tries > 140);
    bench_close(&b);
}

// An order may take as long as it says, and then some.
static void a_hang_costs_a_try(void **state)
{
    (void)state;
    struct bench b;
    struct work_answer answer;
    const int kind = ORDER_LONG;
    bench_defaults(&b, 1);
    b.options.tries = 2;
    b.options.first_episode_seconds = 1.0;
    open_nursery(&b, NURSERY_WORK);
    open_actors(&b);
    const double start = clock_seconds();
    carry_out(&b, 1, &kind, &answer);
    assert_true(clock_seconds() - start >= 2.0);
    assert_int_equal(answer.header.failure, FAILURE_HANG);
    assert_int_equal(answer.header.tries, 2);
    bench_close(&b);
}

static void a_stop_lets_work_reach_safety(void **state)
{
    (void)state;
    struct bench b;
    const struct ticket order = order_of(0, ORDER_LONG), stop = {.kind = TICKET_STOP};
    struct backoff backoff = {0};
    bool stopped = false;
    bench_defaults(&b, 2);
    open_nursery(&b, NURSERY_WORK);
    open_actors(&b);
    send_one(&b.transport, 0, &order);
    const double start = clock_seconds();
    while (clock_seconds() - start < 0.3) { // it runs
        poll_actors(&b, &backoff, &stopped);
    }
    assert_int_equal(b.shared->safe, 0);
    for (int i = 0; i < 2; i++) {
        send_one(&b.transport, i, &stop);
    }
    while (!stopped) {
        assert_true(clock_seconds() - start < ACTOR_STOP_SECONDS);
        poll_actors(&b, &backoff, &stopped);
    }
    assert_int_equal(b.shared->safe, 1);
    bench_close(&b);
}

static void workers_change_their_duty(void **state)
{
    (void)state;
    struct bench b;
    struct work_answer answers[4];
    const int kinds[4] = {0};
    struct backoff backoff = {0};
    struct trajectory_shape shape;
    struct agent_shape agent;
    bool known = false;
    bench_defaults(&b, 2);
    open_nursery(&b, NURSERY_WORK);
    open_actors(&b);
    carry_out(&b, 4, kinds, answers);
    assert_right(&answers[3], 3);
    assert_int_equal(b.shared->opened, 2);
    assert_ok(nursery_assign(b.nursery, NURSERY_EPISODES));
    while (!known) {
        assert_ok(nursery_shape(b.nursery, &shape, &agent, &known));
        backoff_wait(&backoff);
    }
    assert_int_equal(shape.rows, 4);
    assert_int_equal(agent.n_tasks, 2);
    assert_ok(nursery_assign(b.nursery, NURSERY_WORK));
    carry_out(&b, 4, kinds, answers);
    assert_right(&answers[3], 3);
    assert_int_equal(b.shared->opened, 4);
    bench_close(&b);
}

int main(void)
{
    bool alone = true, nursery = false;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(orders_are_answered, &nursery),
        cmocka_unit_test_prestate(orders_are_answered, &alone),
        cmocka_unit_test(a_crash_costs_a_try),
        cmocka_unit_test(injected_faults_change_nothing),
        cmocka_unit_test(a_hang_costs_a_try),
        cmocka_unit_test(a_stop_lets_work_reach_safety),
        cmocka_unit_test(workers_change_their_duty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
