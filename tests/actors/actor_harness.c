// Tickets, actors, and an oracle in this process.
#include "actor_harness.h"

#include "core/backoff.h"
#include "core/log.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static const int dense[] = {5};
static const struct int_list dense_list = {.n = 1, .values = dense};
static const struct agent_options agent_options = {.dense = &dense_list,
                                                   .core = CORE_LSTM,
                                                   .hidden = 4,
                                                   .last_action = true,
                                                   .distribution = DISTRIBUTION_GAUSSIAN};

void harness_defaults(struct harness *h)
{
    memset(h, 0, sizeof *h);
    h->n_actors = 2;
    h->ahead = 1;
    h->episodes_per_version = 7;
    h->fake = (struct fake_options){.steps = 6, .choices = 5, .tasks = 2, .trouble_episode = -1};
    option_defaults(actor_option_table, &h->options);
    h->options.episodes = actor_options_episodes(0, 0);
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

static struct rollout_job job_of(const struct harness *h)
{
    return (struct rollout_job){
        .ops = h->ops != NULL ? h->ops : &env_fake,
        .env = {.config = h->ops != NULL ? h->config : &h->fake, .seed = 9, .shared_fd = -1},
        .agent = &agent_options,
        .actor = &h->options,
    };
}

static void open_oracle(struct harness *h, const struct rollout_job *job)
{
    assert_ok(rollout_open(job, &h->oracle));
    rollout_shape(h->oracle, &h->shape);
    make_weights(h);
    h->block = calloc(1, trajectory_bytes(&h->shape));
}

static struct transport_sizes sizes_of(const struct harness *h)
{
    return (struct transport_sizes){.trajectory_bytes = trajectory_bytes(&h->shape),
                                    .n_weights = h->n_weights,
                                    .n_tickets = h->options.episodes};
}

// index: in the transport; worker: in this process.
static void open_actor(struct harness *h, int index, int worker)
{
    const struct actor_job job = {.transport = &h->transport,
                                  .index = index,
                                  .nursery = h->nursery,
                                  .worker = worker,
                                  .rollout = h->rollouts[worker],
                                  .shape = &h->shape,
                                  .n_weights = h->n_weights,
                                  .options = &h->options};
    assert_ok(actor_open(&job, &h->actors[worker]));
}

void harness_open(struct harness *h)
{
    const struct rollout_job job = job_of(h);
    h->n_here = h->n_actors;
    if (!h->alone) {
        assert_ok(nursery_open(&job, h->n_actors, &h->nursery));
        assert_ok(nursery_begin(h->nursery, NULL, true, 1));
    }
    open_oracle(h, &job);
    const struct transport_sizes sizes = sizes_of(h);
    struct rollout_job here = job;
    here.env.slots = h->options.episodes;
    assert_ok(transport_open_local(h->n_actors, &sizes, &h->transport));
    for (int i = 0; i < h->n_actors; i++) {
        if (h->alone) {
            assert_ok(rollout_open(&here, &h->rollouts[i]));
        }
        open_actor(h, i, i);
    }
}

void harness_close(struct harness *h)
{
    for (int i = 0; i < h->n_here; i++) {
        actor_close(h->actors[i]);
        rollout_close(h->rollouts[i]);
    }
    transport_close(&h->transport);
    nursery_close(h->nursery);
    rollout_close(h->oracle);
    free(h->weights);
    free(h->block);
    collective_close(&h->world);
}

// ---- over MPI

// Rank 1 knows first what the environment looks like.
static void agree_on_shape(struct harness *h)
{
    struct backoff backoff = {0};
    bool known = h->world.rank != 1;
    while (!known) {
        struct agent_shape agent;
        assert_ok(nursery_shape(h->nursery, &h->shape, &agent, &known));
        backoff_wait(&backoff);
    }
    assert_ok(collective_broadcast(&h->world, &h->shape, sizeof h->shape, 1));
    assert_ok(collective_broadcast(&h->world, &h->n_weights, sizeof h->n_weights, 0));
}

void harness_join(struct harness *h)
{
    const struct rollout_job job = job_of(h);
    const bool learns = collective_launcher_rank() == 0;
    char token[64];
    snprintf(token, sizeof token, "test-job-%d", (int)getpid());
    h->n_here = !learns;
    if (!learns) {
        assert_ok(nursery_open(&job, 1, &h->nursery)); // before MPI
    }
    assert_ok(collective_open(&h->world));
    h->n_actors = h->world.ranks - 1;
    assert_ok(collective_broadcast(&h->world, token, sizeof token, 0));
    if (learns) {
        open_oracle(h, &job);
    } else {
        assert_ok(nursery_begin(h->nursery, token, h->world.rank == 1, 1));
    }
    assert_ok(collective_barrier(&h->world));
    if (!learns) {
        assert_ok(nursery_unlink(h->nursery));
    }
    agree_on_shape(h);
    const struct transport_sizes sizes = sizes_of(h);
    assert_ok(transport_open_mpi(&h->world, &sizes, &h->transport));
    if (!learns) {
        open_actor(h, h->world.rank - 1, 0);
    }
}

void harness_stop(struct harness *h)
{
    const struct ticket stop = {.kind = TICKET_STOP};
    const struct ticket_batch batch = {.tickets = &stop, .n = 1};
    struct backoff backoff = {0};
    for (int i = 0; i < h->n_actors; i++) {
        while (!transport_ready(&h->transport, i)) {
            backoff_wait(&backoff);
        }
        assert_ok(transport_send_tickets(&h->transport, i, &batch));
    }
}

void harness_act(struct harness *h)
{
    const int descriptor = actor_descriptor(h->actors[0]);
    struct backoff backoff = {0};
    bool stopped = false;
    while (!stopped) {
        bool moved;
        assert_ok(actor_poll(h->actors[0], &moved, &stopped));
        if (moved) {
            backoff_reset(&backoff);
        } else {
            backoff_wait_on(&backoff, &descriptor, 1);
        }
    }
}

// ---- the learner's side

static struct ticket ticket_of(const struct harness *h, int episode)
{
    return (struct ticket){.kind = TICKET_EPISODE,
                           .task = episode % 2,
                           .episode = episode,
                           .version = episode / h->episodes_per_version,
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
    const struct ticket ticket = ticket_of(h, (int)header->episode);
    assert_int_equal(header->task, ticket.task);
    assert_int_equal(header->version, ticket.version);
    assert_int_equal(header->source, ticket.source);
    if (header->failure == FAILURE_NONE) {
        rollout_load(h->oracle, weights_of(h, ticket.version), h->n_weights);
        assert_ok(rollout_run(h->oracle, &ticket, 1, h->block));
        forget_circumstances(header);
        forget_circumstances(h->block);
        assert_int_equal(bytes, trajectory_bytes(&h->shape));
        assert_memory_equal(copy, h->block, bytes);
    } else {
        const int least = h->options.episodes > 1 ? 2 : 1; // one that was by itself
        const int tries = h->options.tries > least ? h->options.tries : least;
        assert_int_equal(header->rows, 0);
        assert_int_equal(header->tries, h->alone ? 1 : tries);
    }
    free(copy);
}

struct books {
    int sent, received;
    int *answers;                         // [episodes]
    int64_t version[HARNESS_MOST_ACTORS]; // of the weights that each has
    int open[HARNESS_MOST_ACTORS];        // tickets that each has not answered
};

static bool send_tickets(struct harness *h, int episodes, struct books *books)
{
    bool moved = false;
    for (int i = 0; i < h->n_actors && books->sent < episodes; i++) {
        const int at_once = h->options.episodes;
        if (books->open[i] > (h->ahead - 1) * at_once || !transport_ready(&h->transport, i)) {
            continue;
        }
        struct ticket tickets[HARNESS_MOST_AT_ONCE];
        struct ticket_batch batch = {.tickets = tickets};
        const int64_t version = ticket_of(h, books->sent).version;
        while (batch.n < at_once && books->sent < episodes &&
               ticket_of(h, books->sent).version == version) {
            tickets[batch.n++] = ticket_of(h, books->sent++);
        }
        if (books->version[i] != version) {
            batch.weights = weights_of(h, version);
            batch.n_weights = h->n_weights;
        }
        assert_ok(transport_send_tickets(&h->transport, i, &batch));
        books->version[i] = version;
        books->open[i] += batch.n;
        moved = true;
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
    books->open[actor]--;
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
    for (int i = 0; i < h->n_here; i++) {
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
