// Learner and fake actors in turn, over the local transport.
#include "loop_case.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/rng.h"

#include <stdlib.h>
#include <string.h>

// A ticket that an actor works on.
struct work {
    bool used;
    struct ticket ticket;
    int turns; // until the answer
    int again; // answers still to give
    bool damage;
};
struct fake_actor {
    struct work works[LOOP_MOST_AT_ONCE];
    float *weights;
    size_t n_weights;
    int64_t version; // of the weights, as the tickets said
    bool stopped;
};

void loop_case_defaults(struct loop_case *c)
{
    *c = (struct loop_case){
        .learner = {.mode = MODE_SYNC, .batch = 4, .checkpoint_seconds = 1e9},
        .search = {.evaluations = 20,
                   .start = START_NONE,
                   .schedule = SCHEDULE_EQUAL,
                   .population = 12,
                   .sample = 4,
                   .warmup = 100,
                   .best = 5},
        .method = &method_told,
        .at_once = 1,
        .actors = 2,
        .n_tasks = GAME_TASKS,
        .n_weights = 8,
        .seed = 7,
        .order = 1,
        .identity = "the game",
    };
    game_shape(true, &c->shape);
    test_folder_make(&c->folder);
}

void loop_case_known(struct loop_case *c, const struct method_ops *method, int evaluations)
{
    loop_case_defaults(c);
    c->method = method;
    c->known = true;
    c->n_tasks = GAME_MOST_TASKS;
    c->n_weights = 0;
    c->search.start = START_BOTH;
    c->search.share = true;
    c->search.evaluations = evaluations;
}

void loop_case_cells(struct loop_case *c, const struct method_ops *method, int evaluations)
{
    loop_case_known(c, method, evaluations);
    c->cells = true;
}

void loop_case_drop(struct loop_case *c)
{
    learner_close(c->opened);
    c->opened = NULL;
    transport_close(&c->transport);
    c->transport = (struct transport){0};
}

void loop_case_close(struct loop_case *c)
{
    loop_case_drop(c);
    test_folder_remove(&c->folder);
}

enum status loop_case_open(struct loop_case *c)
{
    static const struct learner_task tasks[GAME_MOST_TASKS] = {{"a", 1.0}, {"b", 2.0}, {"c", 3.0},
                                                               {"d", 1.0}, {"e", 2.0}, {"f", 3.0}};
    const struct transport_sizes sizes = {.trajectory_bytes = trajectory_bytes(&c->shape),
                                          .n_weights = c->n_weights,
                                          .n_tickets = c->at_once};
    c->policy.seed = c->seed;
    TRY(transport_open_local(c->actors, &sizes, &c->transport));
    c->policy.cells = c->cells;
    c->space = c->cells ? *game_cells(c->n_tasks) : *game_space(c->n_tasks);
    c->space.imagine = c->imagine;
    static const struct hdf5_text loop_texts[] = {{"config", "{}"}};
    const struct learner_job job = {.transport = &c->transport,
                                    .learner = &c->learner,
                                    .search = &c->search,
                                    .method = c->method,
                                    .agent = c->agent,
                                    .backend = c->backend,
                                    .shape = &c->shape,
                                    .tasks = tasks,
                                    .n_tasks = c->n_tasks,
                                    .seed = c->seed,
                                    .at_once = c->at_once,
                                    .lease_seconds = c->lease_seconds,
                                    .run_dir = c->folder.path,
                                    .texts = {loop_texts, 1},
                                    .space = c->known ? &c->space : NULL,
                                    .identity = c->identity};
    return learner_open(&job, &c->opened);
}

static int draw(struct loop_case *c, int below)
{
    struct rng rng = rng_make(c->order, RNG_TEST, (uint64_t)c->turns, 0);
    c->turns++;
    return (int)rng_below(&rng, (uint32_t)below);
}

static void accept(struct loop_case *c, int number, const struct ticket *ticket, struct work *work)
{
    const struct manners *m = &c->manners;
    const int at = draw(c, 100);
    if (number % 2 == 1 && at >= 50 && at < 50 + m->never) {
        return; // lost; others stay reliable, or nothing would ever be done
    }
    *work = (struct work){.used = true, .ticket = *ticket, .turns = draw(c, 6), .again = 1};
    work->turns += at < m->late ? 200 : 0;
    work->again += at >= m->late && at < m->late + m->twice ? 1 : 0;
    work->damage = at >= 100 - m->damage;
}

static bool by_policy(const struct ticket *ticket)
{
    return ticket->source == ACTIONS_POLICY || ticket->source == ACTIONS_NOISY;
}

static void answer(struct loop_case *c, int number, const struct fake_actor *actor,
                   struct work *work, char *block)
{
    c->stale += by_policy(&work->ticket) && actor->version != work->ticket.version ? 1 : 0;
    game_play(&c->shape, &work->ticket, actor->weights, &c->policy, c->fail_every, block);
    if (work->damage) {
        block[trajectory_bytes(&c->shape) / 2] ^= 1;
    }
    if (transport_send_trajectory(&c->transport, number, block, trajectory_bytes(&c->shape)) !=
        OK) {
        abort();
    }
    work->damage = false;
    work->again--;
    work->used = work->again > 0;
}

static void take_batch(struct loop_case *c, int number, struct fake_actor *actor,
                       const struct ticket_batch *batch)
{
    if (batch->n > c->at_once) {
        abort();
    }
    c->largest = batch->n > c->largest ? batch->n : c->largest;
    if (batch->weights != NULL) {
        memcpy(actor->weights, batch->weights, batch->n_weights * sizeof *batch->weights);
        actor->n_weights = batch->n_weights;
        for (int i = batch->n - 1; i >= 0; i--) { // of those that want them
            actor->version =
                by_policy(&batch->tickets[i]) ? batch->tickets[i].version : actor->version;
        }
    }
    for (int i = 0; i < batch->n; i++) {
        accept(c, number, &batch->tickets[i], &actor->works[i]);
    }
}

static bool is_busy(const struct fake_actor *actor)
{
    for (int i = 0; i < LOOP_MOST_AT_ONCE; i++) {
        if (actor->works[i].used) {
            return true;
        }
    }
    return false;
}

// One turn: takes tickets when it has none, answers those whose time has come, as far as they go.
static enum status act(struct loop_case *c, int number, struct fake_actor *actor, char *block)
{
    struct ticket_batch batch = {0};
    if (!is_busy(actor)) {
        TRY(transport_take_tickets(&c->transport, number, &batch));
    }
    if (batch.n > 0 && batch.tickets->kind == TICKET_STOP) {
        actor->stopped = true;
        return OK;
    }
    if (batch.n > 0) {
        take_batch(c, number, actor, &batch);
    }
    for (int i = 0; i < c->at_once; i++) {
        struct work *work = &actor->works[i];
        work->turns -= work->turns > 0 ? 1 : 0;
        if (work->used && work->turns == 0 && transport_can_send(&c->transport, number)) {
            answer(c, number, actor, work, block);
        }
    }
    return OK;
}

static enum status poll_all(struct loop_case *c, struct fake_actor *actors, char *block)
{
    bool moved = false, done = false;
    while (!done) {
        TRY(learner_poll(c->opened, &moved, &done));
        struct learner_summary summary;
        learner_summarize(c->opened, &summary);
        if (c->stop_after > 0 && summary.updates >= c->stop_after) {
            return OK;
        }
        const int first = draw(c, c->actors); // whoever comes first
        for (int i = 0; i < c->actors; i++) {
            const int number = (first + i) % c->actors;
            if (draw(c, 3) > 0) {
                TRY(act(c, number, &actors[number], block));
            }
        }
    }
    return OK;
}

enum status loop_case_run(struct loop_case *c, bool checkpoint)
{
    struct fake_actor *actors = calloc((size_t)c->actors, sizeof *actors);
    float *weights = calloc((size_t)c->actors * c->n_weights + 1, sizeof *weights);
    char *block = calloc(1, trajectory_bytes(&c->shape));
    if (actors == NULL || weights == NULL || block == NULL) {
        abort();
    }
    for (int i = 0; i < c->actors; i++) {
        actors[i].weights = weights + (size_t)i * c->n_weights;
        actors[i].version = -1;
    }
    enum status status = poll_all(c, actors, block);
    if (status == OK && checkpoint) {
        status = learner_checkpoint(c->opened);
    }
    free(actors);
    free(weights);
    free(block);
    return status;
}
