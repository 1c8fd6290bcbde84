// AMC (He et al. 2018): DDPG, one task at a time, a fresh agent for each. Random episodes first,
// then the actor's choice plus truncated normal noise that fades with every episode. The final
// score is the reward of every step. As many updates per episode as it had steps.
#include "core/arena.h"
#include "learner/methods/ddpg.h"
#include "learner/methods/method_simple.h"

#include <math.h>
#include <stdlib.h>

static const double first_noise = 0.5, noise_fading = 0.95; // standard deviation, per episode
enum {
    BATCH = 64,
    REPLAY_EPISODES = 100,
    HIDDEN = 300,
    SETTLED_EPISODES = 100, // without a new candidate: the noise has faded, nothing more will come
};

enum amc_counter {
    AMC_TASK,    // the one being searched, -1 = none yet
    AMC_TAKEN,   // episodes of it
    AMC_STALE,   // of these, since the last new candidate
    AMC_VERSION, // updates so far
    AMC_FIRST,   // first version whose weights are this task's agent's
    AMC_STEPS,   // taken since the last update
    N_AMC_COUNTERS
};
enum { MOST_STEPS = 1 << 20 }; // between two updates

struct amc {
    struct method base;
    struct arena arena;
    const struct agent *agent;
    struct trajectory_shape shape;
    struct graph graph; // the actor's, for one step
    struct ddpg *ddpg;
    uint64_t seed;
    int warmup;
    int n_tasks;
    int64_t counts[N_AMC_COUNTERS];
    float *params;       // [n_floats] of a fresh actor
    float *input, *next; // [n_inputs]
};

static void amc_set_agent(struct agent_options *agent)
{
    static const int widths[] = {HIDDEN, HIDDEN};
    static const struct int_list dense = {.n = 2, .values = widths};
    agent->dense = &dense;
    agent->core = CORE_NONE;
    agent->last_action = false;
    agent->distribution = DISTRIBUTION_NOISY;
}

static enum status check_agent(const struct agent *agent)
{
    CHECK(agent != NULL);
    if (agent->options.distribution != DISTRIBUTION_NOISY || agent->options.core != CORE_NONE ||
        agent->options.last_action) {
        FAIL(ERR_CONFIG, "search.method \"amc\" plays with agent.distribution \"noisy\", "
                         "agent.core \"none\" and agent.last_action false");
    }
    return OK;
}

static void begin_task(struct amc *a, int task)
{
    const uint64_t seed = a->seed + UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(task + 1);
    agent_init(&a->graph, seed, a->params);
    ddpg_begin(a->ddpg, a->params, seed ^ UINT64_C(0x5bd1e995));
    a->counts[AMC_TASK] = task;
    a->counts[AMC_TAKEN] = 0;
    a->counts[AMC_STALE] = 0;
    a->counts[AMC_STEPS] = 0;
    a->counts[AMC_FIRST] = a->counts[AMC_VERSION] + 1;
}

static enum status open_parts(struct amc *a, const struct method_job *job)
{
    const struct ddpg_options options = {
        .batch = BATCH,
        .replay = REPLAY_EPISODES * (job->shape->rows - 1),
        .hidden = HIDDEN,
        .actor_rate = 1e-4,
        .critic_rate = 1e-3,
        .discount = 1.0,
        .follow = 0.01,
        .baseline_rate = 0.5,
        .seed = job->seed,
    };
    TRY(check_agent(job->agent));
    TRY(agent_graph(job->agent, 1, &a->graph));
    TRY(ddpg_open(job->backend, &a->graph, &options, &a->ddpg));
    ARENA_NEW(&a->arena, a->params, a->graph.n_floats);
    ARENA_NEW(&a->arena, a->input, (size_t)job->agent->n_inputs);
    ARENA_NEW(&a->arena, a->next, (size_t)job->agent->n_inputs);
    begin_task(a, 0);
    a->counts[AMC_FIRST] = 0; // version 0 is its own already
    return OK;
}

static void amc_close(struct method *method)
{
    struct amc *a = (struct amc *)method;
    if (a != NULL) {
        ddpg_close(a->ddpg);
        graph_close(&a->graph);
        arena_close(&a->arena);
        free(a);
    }
}

static enum status amc_open(const struct method_job *job, struct method **out)
{
    struct amc *a = calloc(1, sizeof *a);
    if (a == NULL) {
        FAIL(ERR_MEMORY, "no memory for AMC");
    }
    const int quarter = job->search->evaluations / 4;
    a->base.ops = &method_amc;
    a->agent = job->agent;
    a->shape = *job->shape;
    a->n_tasks = job->n_tasks;
    a->seed = job->seed;
    a->warmup = job->search->warmup < quarter ? job->search->warmup : quarter;
    const enum status status = open_parts(a, job);
    if (status != OK) {
        amc_close(&a->base);
        return status;
    }
    *out = &a->base;
    return OK;
}

static void amc_propose(struct method *method, struct ticket *ticket)
{
    struct amc *a = (struct amc *)method;
    if (ticket->task != a->counts[AMC_TASK]) {
        begin_task(a, ticket->task);
    }
    const int64_t after = a->counts[AMC_TAKEN] - a->warmup;
    const bool acts = after >= 0 && ticket->version >= a->counts[AMC_FIRST];
    ticket->source = acts ? ACTIONS_NOISY : ACTIONS_RANDOM;
    ticket->noise = acts ? (float)(first_noise * pow(noise_fading, (double)after)) : 0.0F;
}

// Where on the action axis of its step a choice lies, [0, 1].
static float action_share(const struct amc *a, const struct trajectory *t, int row)
{
    const float *position = t->position + (size_t)row * (size_t)a->shape.n_choices;
    const int choices = t->choices[row];
    const float span = position[choices - 1] - position[0];
    return span > 0.0F ? (position[t->action[row]] - position[0]) / span : 0.0F;
}

static enum status amc_take(struct method *method, const struct trajectory *t, bool fresh)
{
    struct amc *a = (struct amc *)method;
    const int steps = trajectory_steps(t);
    const size_t n_obs = (size_t)a->shape.n_obs;
    if (t->header->task < a->counts[AMC_TASK]) {
        return OK; // late, of a task that is done
    }
    if (t->header->task > a->counts[AMC_TASK]) {
        begin_task(a, t->header->task); // one of its first candidates, which it did not propose
    }
    for (int row = 0; row < steps; row++) {
        const bool last = row == steps - 1;
        agent_input(a->agent, t->obs + (size_t)row * n_obs, 0.0F, 0.0F, a->input);
        if (!last) {
            agent_input(a->agent, t->obs + (size_t)(row + 1) * n_obs, 0.0F, 0.0F, a->next);
        }
        const struct ddpg_transition transition = {.state = a->input,
                                                   .next = a->next,
                                                   .action = action_share(a, t, row),
                                                   .reward = (float)trajectory_reward(t),
                                                   .last = last};
        ddpg_remember(a->ddpg, &transition);
    }
    a->counts[AMC_TAKEN]++;
    a->counts[AMC_STALE] = fresh ? 0 : a->counts[AMC_STALE] + 1;
    a->counts[AMC_STEPS] += steps;
    return OK;
}

static enum status amc_update(struct method *method, struct update_row *row)
{
    struct amc *a = (struct amc *)method;
    const int64_t n = a->counts[AMC_TAKEN] >= a->warmup ? a->counts[AMC_STEPS] : 0;
    for (int64_t i = 0; i < n; i++) {
        struct ddpg_result result;
        if (!ddpg_update(a->ddpg, &result)) {
            row->skipped = 1;
        }
        row->value_loss += result.critic_loss / (double)n;
        row->policy_loss -= result.value / (double)n;
    }
    row->learning_rate = 1e-4;
    a->counts[AMC_STEPS] = 0;
    a->counts[AMC_VERSION]++;
    return OK;
}

static const float *amc_weights(const struct method *method, size_t *n)
{
    const struct amc *a = (const struct amc *)method;
    *n = a->graph.n_floats;
    return ddpg_actor(a->ddpg);
}

static bool amc_finished(const struct method *method, int task)
{
    const struct amc *a = (const struct amc *)method;
    return task == a->counts[AMC_TASK] && a->counts[AMC_TAKEN] > a->warmup &&
           a->counts[AMC_STALE] >= SETTLED_EPISODES;
}

static enum status amc_state(struct method *method, struct state_list *list)
{
    struct amc *a = (struct amc *)method;
    state_list_add_within(list, "amc.counts", HDF5_I64, N_AMC_COUNTERS, a->counts, -1,
                          STATE_COUNT_MAX);
    ddpg_state(a->ddpg, list);
    return OK;
}

static void amc_save(struct method *method)
{
    ddpg_save(((struct amc *)method)->ddpg);
}

static enum status amc_load(struct method *method)
{
    struct amc *a = (struct amc *)method;
    const int64_t steps = a->counts[AMC_STEPS], task = a->counts[AMC_TASK];
    // One update follows for every step, so these have to be there.
    if (steps < 0 || steps > ddpg_remembered(a->ddpg) || steps > MOST_STEPS || task < 0 ||
        task >= a->n_tasks) {
        FAIL(ERR_INPUT,
             "'amc.counts' says task %lld of %d and %lld steps since the last update, with %lld "
             "remembered; use an older checkpoint",
             (long long)task, a->n_tasks, (long long)steps, (long long)ddpg_remembered(a->ddpg));
    }
    ddpg_load(a->ddpg);
    return OK;
}

const struct method_ops method_amc = {
    .name = "amc",
    .task_by_task = true,
    .policy = true,
    .set_agent = amc_set_agent,
    .open = amc_open,
    .propose = amc_propose,
    .take = amc_take,
    .update = amc_update,
    .weights = amc_weights,
    .state = amc_state,
    .save = amc_save,
    .load = amc_load,
    .close = amc_close,
    .finished = amc_finished,
};
