// One episode: the environment writes what it shows straight into the rows of the trajectory, the
// policy (or whoever the ticket names) chooses.
#include "actors/rollout.h"

#include "actors/faults.h"
#include "agent/distribution.h"
#include "core/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rollout {
    struct env *env; // owned
    struct env_spec spec;
    struct backend *backend; // owned
    struct agent agent;
    struct agent_player *player;    // owned
    struct agent_player *imagining; // owned; of imagined tickets, NULL before they have weights
    struct trajectory_shape shape;
    uint64_t seed;
    bool loaded;           // the player has weights
    struct faults *faults; // borrowed
};

// An episode under way.
struct episode {
    const struct ticket *ticket;
    struct trajectory view;
    float last_action, last_reward;
};

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
    return agent_player_open(rollout->backend, &rollout->agent, &rollout->player);
}

enum status rollout_open(const struct rollout_job *job, struct rollout **out)
{
    struct rollout *rollout = calloc(1, sizeof *rollout);
    if (rollout == NULL) {
        FAIL(ERR_MEMORY, "no memory for a rollout");
    }
    rollout->seed = job->env.seed;
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
        TRY(agent_player_open(rollout->backend, &rollout->agent, &rollout->imagining));
    }
    agent_player_load(rollout->imagining, weights);
    return OK;
}

// Whose weights a ticket is played with; NULL: they never came.
static struct agent_player *player_of(const struct rollout *rollout, const struct ticket *ticket)
{
    return ticket->kind == TICKET_IMAGINED ? rollout->imagining
           : rollout->loaded               ? rollout->player
                                           : NULL;
}

static struct env_row row_at(const struct rollout *rollout, const struct trajectory *view, int t)
{
    return (struct env_row){
        .obs = view->obs + (size_t)t * (size_t)rollout->shape.n_obs,
        .position = view->position + (size_t)t * (size_t)rollout->shape.n_choices,
        .legal = view->legal + (size_t)t * (size_t)rollout->shape.n_choices,
        .choices = view->choices + t,
    };
}

static int count_legal(const struct offer *offer)
{
    int n = 0;
    for (int i = 0; i < offer->n; i++) {
        n += offer->legal[i] != 0;
    }
    return n;
}

static enum status choose_by_policy(struct rollout *rollout, const struct episode *episode, int t,
                                    const struct offer *offer, struct chosen *out)
{
    const struct ticket *ticket = episode->ticket;
    struct agent_player *player = player_of(rollout, ticket);
    if (player == NULL) {
        FAIL(ERR_COMM, "episode %lld is to be played by the policy, whose weights never came",
             (long long)ticket->episode);
    }
    const float *output = agent_player_step(player, row_at(rollout, &episode->view, t).obs,
                                            episode->last_action, episode->last_reward);
    for (int i = 0; i < rollout->agent.n_policy; i++) {
        if (!isfinite(output[i])) {
            FAIL(ERR_INPUT, "the policy of version %lld gives output %d as %g",
                 (long long)ticket->version, i, (double)output[i]);
        }
    }
    struct rng rng = rng_make(rollout->seed, RNG_ACTION, (uint64_t)ticket->episode, (uint32_t)t);
    rollout->agent.distribution->sample(output, offer, ticket->source == ACTIONS_GREEDY,
                                        ticket->source == ACTIONS_NOISY ? ticket->noise : 0.0F,
                                        &rng, out);
    return OK;
}

static void choose_at_random(const struct rollout *rollout, const struct ticket *ticket, int t,
                             const struct offer *offer, struct chosen *out)
{
    const int n = count_legal(offer);
    struct rng rng = rng_make(rollout->seed, RNG_ACTION, (uint64_t)ticket->episode, (uint32_t)t);
    uint32_t skip = rng_below(&rng, (uint32_t)n);
    int choice = 0;
    while (!offer->legal[choice] || skip-- > 0) {
        choice++;
    }
    *out = (struct chosen){.choice = choice, .logp = (float)-log((double)n)};
}

static enum status choose(struct rollout *rollout, const struct episode *episode, int t,
                          struct chosen *out)
{
    const struct env_row row = row_at(rollout, &episode->view, t);
    const struct offer offer = {.n = *row.choices, .position = row.position, .legal = row.legal};
    const struct ticket *ticket = episode->ticket;
    if (offer.n < 1 || offer.n > rollout->shape.n_choices || count_legal(&offer) == 0) {
        FAIL(ERR_INPUT, "environment %s offers %d choices at step %d, none of them legal",
             rollout->env->ops->name, offer.n, t);
    }
    switch ((enum ticket_source)ticket->source) {
    case ACTIONS_RANDOM:
        choose_at_random(rollout, ticket, t, &offer, out);
        return OK;
    case ACTIONS_GIVEN: {
        const int wanted = t < ticket->n_given ? ticket->given[t] : offer.n - 1;
        const int within = wanted < 0 ? 0 : wanted < offer.n ? wanted : offer.n - 1;
        *out = (struct chosen){.choice = offer_repair(&offer, within)};
        return OK;
    }
    case ACTIONS_POLICY:
    case ACTIONS_GREEDY:
    case ACTIONS_NOISY:
        return choose_by_policy(rollout, episode, t, &offer, out);
    }
    FAIL(ERR_COMM, "a ticket of an unknown source of actions, %d", (int)ticket->source);
}

// Step t: chooses, and lets the environment fill row t + 1.
static enum status take_step(struct rollout *rollout, struct episode *episode, int t,
                             enum env_end *end)
{
    struct trajectory *view = &episode->view;
    struct chosen chosen = {0};
    const double start = clock_seconds();
    TRY(choose(rollout, episode, t, &chosen));
    const double chose = clock_seconds();
    view->header->policy_seconds += chose - start;
    view->action[t] = chosen.choice;
    view->raw[t] = chosen.raw;
    view->logp[t] = chosen.logp;
    TRY(faults_strike(rollout->faults));
    const struct env_row next = row_at(rollout, view, t + 1);
    TRY(rollout->env->ops->step(rollout->env, chosen.choice, &next, &view->reward[t], end));
    view->header->environment_seconds += clock_seconds() - chose;
    if (!isfinite(view->reward[t])) {
        FAIL(ERR_INPUT, "environment %s rewards step %d with %g", rollout->env->ops->name, t,
             (double)view->reward[t]);
    }
    episode->last_action = row_at(rollout, view, t).position[chosen.choice];
    episode->last_reward = view->reward[t];
    return OK;
}

static enum status play(struct rollout *rollout, struct episode *episode)
{
    struct trajectory *view = &episode->view;
    const struct ticket *ticket = episode->ticket;
    const double start = clock_seconds();
    const struct env_row first = row_at(rollout, view, 0);
    const struct env_start begin = {.task = ticket->task,
                                    .episode = ticket->episode,
                                    .budget = (double)ticket->budget,
                                    .imagined = ticket->kind == TICKET_IMAGINED};
    TRY(rollout->env->ops->reset(rollout->env, &begin, &first));
    view->header->environment_seconds += clock_seconds() - start;
    view->flags[0] = FLAG_FIRST;
    if (player_of(rollout, ticket) != NULL) {
        agent_player_begin(player_of(rollout, ticket));
    }
    TRY(faults_strike(rollout->faults));
    enum env_end end = ENV_RUNNING;
    int t = 0;
    for (; end == ENV_RUNNING; t++) {
        if (t == rollout->spec.most_steps) {
            FAIL(ERR_INPUT, "environment %s goes on after the %d steps that it has at most",
                 rollout->env->ops->name, t);
        }
        TRY(take_step(rollout, episode, t, &end));
    }
    if (end == ENV_TERMINATED) {
        view->flags[t - 1] |= FLAG_TERMINATED;
        view->header->rows = t;
    } else {
        view->flags[t] = FLAG_TRUNCATED;
        view->header->rows = t + 1;
    }
    return faults_strike(rollout->faults);
}

static void describe(const struct rollout *rollout, struct trajectory *view)
{
    struct env_outcome outcome = {0};
    rollout->env->ops->outcome(rollout->env, &outcome);
    struct trajectory_header *header = view->header;
    const bool usable = !outcome.diverged && isfinite(outcome.score);
    CHECK(outcome.n_result >= 0 && outcome.n_result <= rollout->shape.n_result);
    header->failure = usable ? FAILURE_NONE : FAILURE_DIVERGED;
    header->score = usable ? outcome.score : 0.0;
    header->macs = outcome.macs;
    header->params = outcome.params;
    header->cached = outcome.cached;
    header->arithmetic_seconds = outcome.arithmetic_seconds;
    header->n_result = outcome.n_result;
    if (outcome.n_result > 0) {
        memcpy(view->result, outcome.result, (size_t)outcome.n_result * sizeof *view->result);
    }
}

enum status rollout_run(struct rollout *rollout, const struct ticket *ticket, void *block)
{
    memset(block, 0, trajectory_bytes(&rollout->shape));
    struct episode episode = {.ticket = ticket};
    trajectory_view(&rollout->shape, block, &episode.view);
    struct trajectory_header *header = episode.view.header;
    *header = (struct trajectory_header){.episode = ticket->episode,
                                         .version = ticket->version,
                                         .task = ticket->task,
                                         .tries = 1,
                                         .source = ticket->source};
    enum status code = OK;
    if (ticket->task < 0 || ticket->task >= rollout->spec.n_tasks) {
        code = status_fail(ERR_COMM, __FILE__, __LINE__, "a ticket for task %d of %d",
                           (int)ticket->task, rollout->spec.n_tasks);
    } else {
        code = play(rollout, &episode);
    }
    if (code == OK) {
        describe(rollout, &episode.view);
    } else {
        header->rows = 0;
        header->failure = code == ERR_MEMORY ? FAILURE_MEMORY : FAILURE_ERROR;
    }
    trajectory_seal(&rollout->shape, block);
    return code;
}
