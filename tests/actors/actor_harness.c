// Tickets, actors, and an oracle in this process.
#include "actor_harness.h"

#include "core/backoff.h"
#include "core/log.h"
#include "test_unit.h"

#include <math.h>

static const int dense[] = {5};
static const struct int_list dense_list = {.n = 1, .values = dense};
static const struct agent_options agent_options = {.dense = &dense_list,
                                                   .core = "lstm",
                                                   .hidden = 4,
                                                   .last_action = true,
                                                   .distribution = "gaussian"};
enum { EPISODES_PER_VERSION = 7 };

void harness_defaults(struct harness *h)
{
    memset(h, 0, sizeof *h);
    h->n_actors = 2;
    h->fake = (struct fake_options){.steps = 6, .choices = 5, .tasks = 2, .trouble_episode = -1};
    option_defaults(actor_option_table, &h->options);
    log_set_level(LOG_QUIET); // every fault is a warning
}

static void make_weights(struct harness *h)
{
    struct agent agent;
    struct graph graph;
    rollout_agent(h->oracle, &agent);
    assert_ok(agent_graph(&agent, 1, &graph));
    h->n_weights = graph.n_floats;
    graph_close(&graph);
    h->weights = calloc(h->n_weights, sizeof *h->weights);
}

static const float *weights_of(struct harness *h, int64_t version)
{
    for (size_t i = 0; i < h->n_weights; i++) {
        h->weights[i] = 0.4F * sinf((float)i + 17.0F * (float)version);
    }
    return h->weights;
}

void harness_open(struct harness *h)
{
    const struct rollout_job job = {
        .ops = h->ops != NULL ? h->ops : &env_fake,
        .env = {.config = h->ops != NULL ? h->config : &h->fake, .seed = 9, .shared_fd = -1},
        .agent = &agent_options,
        .actor = &h->options,
    };
    if (!h->alone) {
        assert_ok(nursery_open(&job, h->n_actors, &h->nursery));
        assert_ok(nursery_begin(h->nursery, NULL, true, 1));
    }
    assert_ok(rollout_open(&job, &h->oracle));
    rollout_shape(h->oracle, &h->shape);
    make_weights(h);
    h->block = calloc(1, trajectory_bytes(&h->shape));
    const struct transport_sizes sizes = {.trajectory_bytes = trajectory_bytes(&h->shape),
                                          .n_weights = h->n_weights};
    assert_ok(transport_open_local(h->n_actors, &sizes, &h->transport));
    for (int i = 0; i < h->n_actors; i++) {
        if (h->alone) {
            assert_ok(rollout_open(&job, &h->rollouts[i]));
        }
        const struct actor_job actor_job = {.transport = &h->transport,
                                            .index = i,
                                            .nursery = h->nursery,
                                            .worker = i,
                                            .rollout = h->rollouts[i],
                                            .shape = &h->shape,
                                            .n_weights = h->n_weights,
                                            .options = &h->options};
        assert_ok(actor_open(&actor_job, &h->actors[i]));
    }
}

void harness_close(struct harness *h)
{
    for (int i = 0; i < h->n_actors; i++) {
        actor_close(h->actors[i]);
        rollout_close(h->rollouts[i]);
    }
    transport_close(&h->transport);
    nursery_close(h->nursery);
    rollout_close(h->oracle);
    free(h->weights);
    free(h->block);
}

static struct ticket ticket_of(int episode)
{
    return (struct ticket){.kind = TICKET_EPISODE,
                           .task = episode % 2,
                           .episode = episode,
                           .version = episode / EPISODES_PER_VERSION,
                           .source = episode % 3 ? ACTIONS_POLICY : ACTIONS_RANDOM};
}

// Everything but what depends on who ran it and how long that took.
static void forget_circumstances(struct trajectory_header *header)
{
    header->environment_seconds = header->policy_seconds = 0.0;
    header->arithmetic_seconds = header->wire_seconds = 0.0;
    header->actor = header->tries = 0;
}

static void check_answer(struct harness *h, const void *block, size_t bytes)
{
    assert_ok(trajectory_check(&h->shape, block, bytes));
    char *copy = malloc(bytes);
    memcpy(copy, block, bytes);
    struct trajectory_header *header = (struct trajectory_header *)(void *)copy;
    assert_true(header->wire_seconds >= 0.0);
    const struct ticket ticket = ticket_of((int)header->episode);
    assert_int_equal(header->task, ticket.task);
    assert_int_equal(header->version, ticket.version);
    assert_int_equal(header->source, ticket.source);
    if (header->failure == FAILURE_NONE) {
        rollout_load(h->oracle, weights_of(h, ticket.version), h->n_weights);
        assert_ok(rollout_run(h->oracle, &ticket, h->block));
        forget_circumstances(header);
        forget_circumstances(h->block);
        assert_int_equal(bytes, trajectory_bytes(&h->shape));
        assert_memory_equal(copy, h->block, bytes);
    } else {
        assert_int_equal(header->rows, 0);
        assert_int_equal(header->tries, h->alone ? 1 : h->options.tries);
    }
    free(copy);
}

struct books {
    int sent, received;
    int *answers;                         // [episodes]
    int64_t version[HARNESS_MOST_ACTORS]; // of the weights that each has
    bool busy[HARNESS_MOST_ACTORS];
};

static bool send_tickets(struct harness *h, int episodes, struct books *books)
{
    bool moved = false;
    for (int i = 0; i < h->n_actors && books->sent < episodes; i++) {
        if (books->busy[i] || !transport_ready(&h->transport, i)) {
            continue;
        }
        const struct ticket ticket = ticket_of(books->sent++);
        const bool old = books->version[i] != ticket.version;
        assert_ok(transport_send_ticket(&h->transport, i, &ticket,
                                        old ? weights_of(h, ticket.version) : NULL, h->n_weights));
        books->version[i] = ticket.version;
        books->busy[i] = moved = true;
    }
    return moved;
}

static bool receive_answer(struct harness *h, struct books *books, struct harness_count *out)
{
    int actor;
    const void *block;
    size_t bytes;
    assert_ok(transport_receive(&h->transport, &actor, &block, &bytes));
    if (block == NULL) {
        return false;
    }
    const struct trajectory_header *header = block;
    assert_int_equal(header->actor, actor);
    assert_in_range(header->episode, 0, books->sent - 1);
    books->answers[header->episode]++;
    books->received++;
    books->busy[actor] = false;
    out->answers++;
    out->tries += header->tries;
    out->failures[header->failure]++;
    check_answer(h, block, bytes);
    transport_release(&h->transport);
    return true;
}

static bool poll_actors(struct harness *h)
{
    bool any = false;
    for (int i = 0; i < h->n_actors; i++) {
        bool moved, stopped;
        assert_ok(actor_poll(h->actors[i], &moved, &stopped));
        assert_false(stopped);
        any = any || moved;
    }
    return any;
}

void harness_run(struct harness *h, int episodes, struct harness_count *out)
{
    struct books *books = calloc(1, sizeof *books);
    books->answers = calloc((size_t)episodes, sizeof *books->answers);
    for (int i = 0; i < h->n_actors; i++) {
        books->version[i] = -1;
    }
    memset(out, 0, sizeof *out);
    struct backoff backoff = {0};
    while (books->received < episodes) {
        bool moved = send_tickets(h, episodes, books);
        moved = poll_actors(h) || moved;
        moved = receive_answer(h, books, out) || moved;
        if (moved) {
            backoff_reset(&backoff);
        } else {
            backoff_wait(&backoff);
        }
    }
    for (int i = 0; i < episodes; i++) {
        assert_int_equal(books->answers[i], 1);
    }
    free(books->answers);
    free(books);
}
