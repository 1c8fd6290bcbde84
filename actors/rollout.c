// Episodes in lockstep: the environment writes what it shows straight into the rows of their
// trajectories, the policy (or whoever the tickets name) chooses. What has come to its end waits
// for the others, and then all is scored at once.
#include "actors/rollout_internal.h"
#include "core/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum status check_spec(const struct env_ops *ops, const struct env_spec *spec)
{
    if (spec->n_obs < 1 || spec->n_choices < 1 || spec->most_steps < 1 || spec->n_tasks < 1 ||
        spec->n_result < 0) {
        FAIL(ERR_UNSUPPORTED,
             "environment %s offers %d observations, %d choices, %d steps, %d tasks: at least one "
             "of each is needed",
             ops->name, spec->n_obs, spec->n_choices, spec->most_steps, spec->n_tasks);
    }
    return OK;
}

static enum status open_parts(const struct rollout_job *job, struct rollout *rollout)
{
    TRY(job->ops->open(&job->env, &rollout->env));
    struct env_spec *spec = &rollout->spec;
    job->ops->spec(rollout->env, spec);
    TRY(check_spec(job->ops, spec));
    rollout->shape = (struct trajectory_shape){.rows = spec->most_steps + 1,
                                               .n_obs = spec->n_obs,
                                               .n_choices = spec->n_choices,
                                               .n_result = spec->n_result};
    const struct agent_shape agent_shape = {
        .n_obs = spec->n_obs, .n_choices = spec->n_choices, .n_tasks = spec->n_tasks};
    agent_make(job->agent, &agent_shape, &rollout->agent);
    TRY(backend_open("cpu", &(struct backend_options){.threads = 1}, &rollout->backend));
    ARENA_NEW(&rollout->arena, rollout->episodes, (size_t)rollout->slots);
    ARENA_NEW(&rollout->arena, rollout->steps, (size_t)rollout->slots);
    ARENA_NEW(&rollout->arena, rollout->listed, (size_t)rollout->slots);
    return agent_player_open(rollout->backend, &rollout->agent, rollout->slots, &rollout->player);
}

enum status rollout_open(const struct rollout_job *job, struct rollout **out)
{
    struct rollout *rollout = calloc(1, sizeof *rollout);
    if (rollout == NULL) {
        FAIL(ERR_MEMORY, "no memory for a rollout");
    }
    rollout->seed = job->env.seed;
    rollout->slots = job->env.slots > 0 ? job->env.slots : 1;
    const enum status code = open_parts(job, rollout);
    if (code != OK) {
        rollout_close(rollout);
        return code;
    }
    *out = rollout;
    return OK;
}

void rollout_close(struct rollout *rollout)
{
    if (rollout != NULL) {
        agent_player_close(rollout->player);
        agent_player_close(rollout->imagining);
        backend_close(rollout->backend);
        if (rollout->env != NULL) {
            rollout->env->ops->close(rollout->env);
        }
        arena_close(&rollout->arena);
        free(rollout);
    }
}

void rollout_shape(const struct rollout *rollout, struct trajectory_shape *out)
{
    *out = rollout->shape;
}

struct env *rollout_env(struct rollout *rollout)
{
    return rollout->env;
}

void rollout_agent(const struct rollout *rollout, struct agent *out)
{
    *out = rollout->agent;
}

void rollout_inject(struct rollout *rollout, struct faults *faults)
{
    rollout->faults = faults;
}

void rollout_load(struct rollout *rollout, const float *weights, size_t n)
{
    CHECK(n > 0);
    agent_player_load(rollout->player, weights);
    rollout->loaded = true;
}

enum status rollout_load_imagining(struct rollout *rollout, const float *weights, size_t n)
{
    CHECK(n > 0);
    if (rollout->imagining == NULL) {
        TRY(agent_player_open(rollout->backend, &rollout->agent, 1, &rollout->imagining));
    }
    agent_player_load(rollout->imagining, weights);
    return OK;
}

struct agent_player *rollout_player(const struct rollout *rollout, const struct ticket *ticket)
{
    return ticket->kind == TICKET_IMAGINED ? rollout->imagining
           : rollout->loaded               ? rollout->player
                                           : NULL;
}

struct env_row rollout_row(const struct rollout *rollout, const struct trajectory *view, int t)
{
    return (struct env_row){
        .obs = view->obs + (size_t)t * (size_t)rollout->shape.n_obs,
        .position = view->position + (size_t)t * (size_t)rollout->shape.n_choices,
        .legal = view->legal + (size_t)t * (size_t)rollout->shape.n_choices,
        .choices = view->choices + t,
        .categorical = view->categorical + t,
    };
}

static enum status strike(const struct rollout *rollout, int slot)
{
    return rollout->faults != NULL ? faults_strike(&rollout->faults[slot]) : OK;
}

static enum status begin(struct rollout *rollout, int slot)
{
    struct episode *episode = &rollout->episodes[slot];
    const struct ticket *ticket = episode->ticket;
    struct trajectory *view = &episode->view;
    const double start = clock_seconds();
    memset(view->categorical, 0, (size_t)rollout->shape.rows);
    const struct env_row first = rollout_row(rollout, view, 0);
    const struct env_start how = {.task = ticket->task,
                                  .episode = ticket->episode,
                                  .budget = (double)ticket->budget,
                                  .imagined = ticket->kind == TICKET_IMAGINED};
    TRY(rollout->env->ops->reset(rollout->env, slot, &how, &first));
    view->header->environment_seconds += clock_seconds() - start;
    view->flags[0] = FLAG_FIRST;
    if (rollout_player(rollout, ticket) != NULL) {
        agent_player_begin(rollout_player(rollout, ticket), slot);
    }
    episode->end = ENV_RUNNING;
    return strike(rollout, slot);
}

static enum status check_reward(const struct rollout *rollout, const struct trajectory *view, int t)
{
    if (!isfinite(view->reward[t])) {
        FAIL(ERR_INPUT, "environment %s rewards step %d with %g", rollout->env->ops->name, t,
             (double)view->reward[t]);
    }
    return OK;
}

// Step t, as it is chosen: the environment fills row t + 1.
static enum status take_step(struct rollout *rollout, int slot, int t)
{
    struct episode *episode = &rollout->episodes[slot];
    struct trajectory *view = &episode->view;
    const struct chosen *chosen = &episode->chosen;
    const double start = clock_seconds();
    view->action[t] = chosen->choice;
    view->raw[t] = chosen->raw;
    view->logp[t] = chosen->logp;
    TRY(strike(rollout, slot));
    const struct env_row next = rollout_row(rollout, view, t + 1);
    TRY(rollout->env->ops->step(rollout->env, slot, chosen->choice, &next, &view->reward[t],
                                &episode->end));
    view->header->environment_seconds += clock_seconds() - start;
    TRY(check_reward(rollout, view, t));
    episode->last_action = rollout_row(rollout, view, t).position[chosen->choice];
    episode->last_reward = view->reward[t];
    if (episode->end == ENV_TERMINATED || episode->end == ENV_PENDING) {
        view->flags[t] |= FLAG_TERMINATED;
        view->header->rows = t + 1;
    } else if (episode->end == ENV_TRUNCATED) {
        view->flags[t + 1] = FLAG_TRUNCATED;
        view->header->rows = t + 2;
    }
    return OK;
}

static int count_running(const struct rollout *rollout, int n)
{
    int running = 0;
    for (int i = 0; i < n; i++) {
        running += rollout->episodes[i].end == ENV_RUNNING;
    }
    return running;
}

// All steps of the first n episodes, side by side; those that are over leave the others alone.
static enum status play(struct rollout *rollout, int n)
{
    for (int i = 0; i < n; i++) {
        TRY(begin(rollout, i));
    }
    for (int t = 0, running = n; running > 0; t++, running = count_running(rollout, n)) {
        if (t == rollout->spec.most_steps) {
            FAIL(ERR_INPUT, "environment %s goes on after the %d steps that it has at most",
                 rollout->env->ops->name, t);
        }
        const double start = clock_seconds();
        TRY(rollout_choose(rollout, n, t));
        const double share = (clock_seconds() - start) / running;
        for (int i = 0; i < n; i++) {
            if (rollout->episodes[i].end == ENV_RUNNING) {
                rollout->episodes[i].view.header->policy_seconds += share;
                TRY(take_step(rollout, i, t));
            }
        }
    }
    return OK;
}

static void describe(const struct rollout *rollout, int slot)
{
    struct trajectory *view = &rollout->episodes[slot].view;
    struct env_outcome outcome = {0};
    rollout->env->ops->outcome(rollout->env, slot, &outcome);
    struct trajectory_header *header = view->header;
    const bool usable = !outcome.diverged && isfinite(outcome.score);
    CHECK(outcome.n_result >= 0 && outcome.n_result <= rollout->shape.n_result);
    header->failure = usable ? FAILURE_NONE : FAILURE_DIVERGED;
    header->score = usable ? outcome.score : 0.0;
    header->macs = outcome.macs;
    header->params = outcome.params;
    header->bytes = outcome.bytes;
    header->off_task = outcome.off_task;
    header->cached = outcome.cached;
    header->arithmetic_seconds = outcome.arithmetic_seconds;
    header->n_result = outcome.n_result;
    if (outcome.n_result > 0) {
        memcpy(view->result, outcome.result, (size_t)outcome.n_result * sizeof *view->result);
    }
    if (rollout->episodes[slot].end == ENV_PENDING) {
        view->reward[header->rows - 1] = outcome.reward;
    }
}

// The time that scoring [n] took together is shared out by what was computed for each.
static void share_seconds(const struct rollout *rollout, const int *listed, int n, double seconds)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += rollout->episodes[listed[i]].view.header->arithmetic_seconds;
    }
    for (int i = 0; i < n; i++) {
        struct trajectory_header *header = rollout->episodes[listed[i]].view.header;
        header->environment_seconds +=
            seconds * (sum > 0 ? header->arithmetic_seconds / sum : 1.0 / n);
    }
}

// What the first n episodes have come to.
static enum status finish(struct rollout *rollout, int n)
{
    const double start = clock_seconds();
    int pending = 0;
    for (int i = 0; i < n; i++) {
        if (rollout->episodes[i].end == ENV_PENDING) {
            rollout->listed[pending++] = i;
        }
    }
    if (pending > 0) {
        TRY(rollout->env->ops->evaluate(rollout->env, rollout->listed, pending));
    }
    const double seconds = clock_seconds() - start;
    for (int i = 0; i < n; i++) {
        const struct trajectory *view = &rollout->episodes[i].view;
        describe(rollout, i);
        TRY(check_reward(rollout, view, trajectory_steps(view) - 1));
    }
    share_seconds(rollout, rollout->listed, pending, seconds);
    for (int i = 0; i < n; i++) {
        TRY(strike(rollout, i));
    }
    return OK;
}

static void begin_header(const struct ticket *ticket, struct trajectory_header *out)
{
    *out = (struct trajectory_header){.episode = ticket->episode,
                                      .version = ticket->version,
                                      .task = ticket->task,
                                      .tries = 1,
                                      .source = ticket->source};
}

static enum status prepare(struct rollout *rollout, const struct ticket *ticket, void *block,
                           struct episode *out)
{
    *out = (struct episode){.ticket = ticket};
    trajectory_view(&rollout->shape, block, &out->view);
    begin_header(ticket, out->view.header);
    if (ticket->task < 0 || ticket->task >= rollout->spec.n_tasks) {
        FAIL(ERR_COMM, "a ticket for task %d of %d", (int)ticket->task, rollout->spec.n_tasks);
    }
    return OK;
}

enum status rollout_run(struct rollout *rollout, const struct ticket *tickets, int n, void *blocks)
{
    CHECK(n >= 1 && n <= rollout->slots);
    const size_t bytes = trajectory_bytes(&rollout->shape);
    enum status code = OK;
    memset(blocks, 0, (size_t)n * bytes);
    for (int i = 0; i < n; i++) {
        void *block = (char *)blocks + (size_t)i * bytes;
        const enum status one = prepare(rollout, &tickets[i], block, &rollout->episodes[i]);
        code = code == OK ? one : code;
    }
    if (code == OK) {
        code = play(rollout, n);
    }
    if (code == OK) {
        code = finish(rollout, n);
    }
    for (int i = 0; i < n; i++) {
        struct trajectory_header *header = rollout->episodes[i].view.header;
        if (code != OK) {
            begin_header(&tickets[i], header);
            header->failure = code == ERR_MEMORY ? FAILURE_MEMORY : FAILURE_ERROR;
        }
        trajectory_seal(&rollout->shape, header);
    }
    return code;
}
