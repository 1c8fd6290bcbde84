// The transport within one process.
#include "local_messages.h"

#include "core/rng.h"
#include "test_unit.h"
#include "transport/transport.h"

enum { ACTORS = 5, WEIGHTS = 1001, BYTES = 512, TICKETS = 4 };

static void open_local(struct transport *t)
{
    const struct transport_sizes sizes = {
        .trajectory_bytes = BYTES, .n_weights = WEIGHTS, .n_tickets = TICKETS};
    assert_ok(transport_open_local(ACTORS, &sizes, t));
    assert_int_equal(t->actors, ACTORS);
}

static float weight_of(int64_t episode, size_t i)
{
    return (float)((episode * 31 + (int64_t)i * 7) % 1000);
}

static void send_episode(struct transport *t, int actor, int64_t episode)
{
    float weights[WEIGHTS];
    for (size_t i = 0; i < WEIGHTS; i++) {
        weights[i] = weight_of(episode, i);
    }
    // As many tickets as the number says, of which the first is answered.
    struct ticket tickets[TICKETS];
    const int n = 1 + (int)(episode % TICKETS);
    for (int i = 0; i < n; i++) {
        tickets[i] = (struct ticket){
            .kind = TICKET_EPISODE, .episode = episode + i, .version = episode, .given = {7}};
    }
    struct ticket_batch batch = {.tickets = tickets, .n = n};
    if (episode % 2) {
        batch.weights = weights;
        batch.n_weights = WEIGHTS;
    }
    assert_ok(transport_send_tickets(t, actor, &batch));
    memset(tickets, 0, sizeof tickets); // a copy is on its way
}

// Takes the ticket that is there and answers it; what it holds must be whole.
static bool act(struct transport *t, int actor)
{
    struct ticket_batch batch;
    if (!transport_can_send(t, actor)) {
        return false;
    }
    assert_ok(transport_take_tickets(t, actor, &batch));
    if (batch.n == 0) {
        return false;
    }
    const struct ticket *ticket = batch.tickets;
    assert_int_equal(batch.n, 1 + ticket->episode % TICKETS);
    for (int i = 0; i < batch.n; i++) {
        assert_int_equal(ticket[i].episode, ticket->episode + i);
        assert_int_equal(ticket[i].given[0], 7);
    }
    if (ticket->episode % 2) {
        assert_int_equal(batch.n_weights, WEIGHTS);
        for (size_t i = 0; i < batch.n_weights; i++) {
            assert_true(batch.weights[i] == weight_of(ticket->episode, i));
        }
    } else {
        assert_true(batch.weights == NULL && batch.n_weights == 0);
    }
    int64_t block[BYTES / sizeof(int64_t)];
    for (size_t i = 0; i < BYTES / sizeof *block; i++) {
        block[i] = ticket->episode + (int64_t)i;
    }
    const size_t bytes = ticket->episode % 3 ? BYTES : BYTES / 2;
    assert_ok(transport_send_trajectory(t, actor, block, bytes));
    return true;
}

static int64_t receive(struct transport *t)
{
    const void *block;
    size_t bytes;
    int actor = -1;
    assert_ok(transport_receive(t, &actor, &block, &bytes));
    if (block == NULL) {
        return -1;
    }
    assert_in_range(actor, 0, ACTORS - 1);
    const int64_t *numbers = block;
    const int64_t episode = numbers[0];
    assert_int_equal(bytes, episode % 3 ? BYTES : BYTES / 2);
    for (size_t i = 0; i < bytes / sizeof *numbers; i++) {
        assert_int_equal(numbers[i], episode + (int64_t)i);
    }
    transport_release(t);
    return episode;
}

// Learner and actors get their turns in any order: every ticket is answered once.
static void test_every_ticket_once(void **state)
{
    (void)state;
    enum { EPISODES = 2000 };
    struct transport t;
    open_local(&t);
    int answers[EPISODES] = {0};
    int64_t sent = 0;
    int received = 0;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    while (received < EPISODES) {
        const int actor = (int)rng_below(&rng, ACTORS);
        const uint32_t turn = rng_below(&rng, 3);
        if (turn == 0 && sent < EPISODES && transport_ready(&t, actor)) {
            send_episode(&t, actor, sent++);
        } else if (turn == 1) {
            act(&t, actor);
        } else if (turn == 2) {
            const int64_t episode = receive(&t);
            if (episode >= 0) {
                answers[episode]++;
                received++;
            }
        }
    }
    for (int i = 0; i < EPISODES; i++) {
        assert_int_equal(answers[i], 1);
    }
    assert_int_equal(receive(&t), -1);
    transport_close(&t);
}

// One batch on its way, while the one before is borrowed and stays as it is.
static void test_bounds(void **state)
{
    (void)state;
    struct transport t;
    open_local(&t);
    struct ticket_batch first, second;
    assert_ok(transport_take_tickets(&t, 2, &first));
    assert_int_equal(first.n, 0);
    send_episode(&t, 2, 1);
    assert_false(transport_ready(&t, 2));
    assert_true(transport_ready(&t, 3));
    assert_ok(transport_take_tickets(&t, 2, &first));
    assert_true(transport_ready(&t, 2));
    send_episode(&t, 2, 3);
    assert_int_equal(first.tickets->episode, 1);
    assert_true(first.weights[5] == weight_of(1, 5));
    assert_ok(transport_take_tickets(&t, 2, &second));
    assert_int_equal(second.tickets->episode, 3);
    assert_ok(transport_send_trajectory(&t, 2, "x", 1));
    assert_false(transport_can_send(&t, 2));
    assert_true(transport_can_send(&t, 1));
    transport_close(&t);
}

// Trajectories come out in the order they went in, whoever sent them.
static void test_fair(void **state)
{
    (void)state;
    struct transport t;
    open_local(&t);
    const int order[] = {4, 0, 3, 1, 2};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < ACTORS; i++) {
            assert_ok(transport_send_trajectory(&t, order[i], &order[i], sizeof *order));
        }
        for (int i = 0; i < ACTORS; i++) {
            int actor;
            const void *block;
            size_t bytes;
            assert_ok(transport_receive(&t, &actor, &block, &bytes));
            assert_int_equal(actor, order[i]);
            transport_release(&t);
        }
    }
    transport_close(&t);
    transport_close(&(struct transport){0});
}

int local_messages_run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_ticket_once),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
