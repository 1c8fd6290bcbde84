// The method that learns: a policy proposes, V-trace (or another rule) teaches it (Espeholt et al.
// 2018), with the means that make few episodes enough.
//
// With a reward model (learner.model), evaluations are chosen: a share of them, learner.on_policy,
// is the policy's own sample once the model has enough results (learner.on_policy_from), learnt
// from with its real lag; the others are what the advisor expects most of, among the policy's
// imagined candidates and many others. Chosen episodes are not the policy's, so they only teach the
// model, and the best of them are imitated. Between them the policy learns from imagined episodes
// of its own, at budgets in between too (imagination.h).
//
// Without it (or where no candidates are known beforehand) every episode is the policy's, and where
// it has settled, neighbours of the best candidates are tried.
#include "agent/distribution.h"
#include "core/log.h"
#include "learner/episode_memory.h"
#include "learner/methods/imagination.h"
#include "learner/methods/model_check.h"
#include "learner/methods/mutation.h"
#include "learner/methods/policy_trainer.h"
#include "learner/model/advisor.h"

#include <math.h>
#include <stdlib.h>

#define KNOWN_RATE 0.1 // per episode of a task
enum {
    SHOWN = 2,         // demonstrations per task in a batch ...
    SHOWN_FROM = 16,   // ... of so many best
    OTHER_BUDGETS = 4, // every so many-th imagined episode has another budget
};

struct impala {
    struct method base;
    struct arena arena;
    const struct learner_options *options; // borrowed
    int n_tasks;
    int64_t updates_planned;
    uint64_t seed;
    struct policy_trainer *trainer; // owned
    struct episode_memory memory;
    double mutation;  // share of the policy's repeats that a neighbour of the best is tried for
    double *known;    // [n_tasks] running share of the policy's episodes that were repeats
    int replayed;     // episodes of a batch
    bool shows;       // given actions can be imitated, and shall be
    int32_t *order;   // scratch of episode_memory_draw_best
    int64_t *updates; // [1]
    // With a reward model; advisor NULL without.
    struct advisor *advisor; // owned
    struct imagination imagination;
    struct model_check check;
};

static struct impala *impala_of(struct method *method)
{
    return (struct impala *)method;
}

// Episodes in a batch beside the fresh ones, so that replay_share of both together is replayed.
static int replayed_episodes(const struct learner_options *options)
{
    return options->replay == 0 ? 0
                                : (int)lround(options->batch * options->replay_share /
                                              (1.0 - options->replay_share));
}

// Where episodes are played for different objectives, the best reward is no example for others.
static bool any_draws(const struct method_job *job)
{
    for (int i = 0; i < job->n_tasks && job->space != NULL; i++) {
        if (job->space->tasks[i].draws) {
            return true;
        }
    }
    return false;
}

// With a model, demonstrations come from its best.
static int imitated_episodes(const struct method_job *job)
{
    return job->learner->imitation > 0.0 && !imagination_wanted(job) && !any_draws(job)
               ? job->learner->imitation_best
               : 0;
}

// A squashed action is imitated by the sample behind it, which a given action does not have.
static bool can_imitate_given(const struct method_job *job)
{
    return job->shape->rows <= TICKET_MOST_GIVEN &&
           job->agent->options.distribution != DISTRIBUTION_SQUASHED;
}

static enum status check_options(const struct method_job *job)
{
    if (job->agent->options.distribution == DISTRIBUTION_NOISY) {
        FAIL(ERR_CONFIG, "agent.distribution is \"noisy\", which gives no probabilities; method "
                         "impala needs gaussian, squashed or categorical");
    }
    if (job->learner->replay_share > 0.0 && job->learner->replay == 0) {
        FAIL(ERR_CONFIG,
             "learner.replay_share is %g, but learner.replay keeps no episodes; give "
             "learner.replay, such as 1000",
             job->learner->replay_share);
    }
    return OK;
}

static enum status open_model(struct impala *m, const struct method_job *job)
{
    TRY(imagination_open_advisor(job, &m->advisor));
    TRY(model_check_open(&m->arena, &m->check));
    return imagination_open(job, m->advisor, &m->arena, &m->imagination);
}

static enum status open_parts(struct impala *m, const struct method_job *job)
{
    const struct learner_options *o = job->learner;
    TRY(check_options(job));
    m->replayed = replayed_episodes(o);
    m->shows = o->imitation > 0.0 && can_imitate_given(job);
    const int imitated = imitated_episodes(job);
    int episodes = o->batch + m->replayed + imitated;
    if (imagination_wanted(job)) {
        episodes += job->n_tasks * (o->imagined + SHOWN);
        TRY(open_model(m, job));
    } else if (m->shows && job->shape->n_result > 0) {
        m->mutation = o->mutation;
    }
    TRY(policy_trainer_open(job, episodes, &m->trainer));
    const struct episode_memory_options memory = {.pending = o->batch,
                                                  .replay = m->replayed > 0 ? o->replay : 0,
                                                  .best = imitated,
                                                  .n_tasks = job->n_tasks};
    TRY(episode_memory_open(job->shape, &memory, &m->arena, &m->memory));
    ARENA_NEW(&m->arena, m->order, (size_t)job->n_tasks * (size_t)memory.best);
    ARENA_NEW(&m->arena, m->known, (size_t)job->n_tasks);
    ARENA_NEW(&m->arena, m->updates, 1);
    return OK;
}

static double learning_rate(const struct impala *m)
{
    const double first = m->options->learning_rate;
    const double last =
        m->options->final_learning_rate < 0.0 ? first : m->options->final_learning_rate;
    const double done =
        m->updates_planned > 0 ? fmin((double)*m->updates / (double)m->updates_planned, 1.0) : 0.0;
    return first + (last - first) * done;
}

static void learn(struct impala *m, double rate, struct update_row *row)
{
    if (!policy_trainer_learn(m->trainer, rate, row)) {
        row->skipped = 1;
        log_warning("update %lld was skipped: its loss or gradient is not finite; nothing was "
                    "changed",
                    (long long)*m->updates + 1);
    }
    if (m->advisor != NULL) {
        imagination_new_policy(&m->imagination);
    }
}

// Before anything is evaluated the policy learns to do what the environment would: to imitate its
// first ranking, or what keeps the same share of everything.
static enum status teach(struct impala *m, const struct candidate_space *space)
{
    for (int i = 0; i < m->options->taught_batches && m->shows; i++) {
        struct update_row row = {0};
        policy_trainer_begin(m->trainer);
        for (int task = 0; task < m->n_tasks; task++) {
            int16_t choices[TICKET_MOST_GIVEN];
            struct trajectory trajectory;
            if (space->suggest(space->context, task, 1, choices) ||
                space->suggest(space->context, task, 0, choices)) {
                TRY(imagination_show(&m->imagination, task, choices, &trajectory));
                policy_trainer_add(m->trainer, &trajectory, TRAINER_IMITATE);
            }
        }
        learn(m, learning_rate(m), &row);
    }
    return OK;
}

static void impala_close(struct method *method)
{
    if (method == NULL) {
        return;
    }
    struct impala *m = impala_of(method);
    policy_trainer_close(m->trainer);
    advisor_close(m->advisor);
    arena_close(&m->arena);
    free(m);
}

static enum status impala_open(const struct method_job *job, struct method **out)
{
    struct impala *m = calloc(1, sizeof *m);
    if (m == NULL) {
        FAIL(ERR_MEMORY, "no memory for a method");
    }
    m->base.ops = &method_impala;
    m->options = job->learner;
    m->n_tasks = job->n_tasks;
    m->updates_planned = job->updates;
    m->seed = job->seed;
    enum status status = open_parts(m, job);
    if (status == OK && m->advisor != NULL && job->initial == NULL) {
        status = teach(m, job->space);
    }
    if (status != OK) {
        impala_close(&m->base);
        return status;
    }
    *out = &m->base;
    return OK;
}

// ---- proposals

// A candidate next to one of the task's best.
static void propose_neighbour(const struct impala *m, struct rng *rng, struct ticket *ticket)
{
    struct trajectory parent;
    const int first = ticket->task * m->memory.options.best;
    const uint32_t place = rng_below(rng, (uint32_t)m->memory.n_best[ticket->task]);
    episode_memory_best(&m->memory, first + (int)place, &parent);
    const struct genome genome = genome_of_trajectory(&parent);
    mutation_draw(&genome, rng, ticket->given);
    ticket->source = ACTIONS_GIVEN;
    ticket->n_given = genome.steps;
}

// A policy that has settled proposes the same few candidates again and again. As often as it did
// so lately, a neighbour of a good one is tried instead, which imitation then learns from.
static void propose_by_policy(const struct impala *m, struct rng *rng, struct ticket *ticket)
{
    if ((double)rng_uniform(rng) < m->mutation * m->known[ticket->task] &&
        m->memory.n_best[ticket->task] > 0) {
        propose_neighbour(m, rng, ticket);
    }
}

static void impala_propose(struct method *method, struct ticket *ticket)
{
    const struct impala *m = impala_of(method);
    struct rng rng = rng_make(m->seed, RNG_PROPOSE, (uint64_t)ticket->episode, 1);
    ticket->source = ACTIONS_POLICY;
    ticket->n_given = 0;
    ticket->noise = 0.0F;
    if (m->advisor == NULL) {
        propose_by_policy(m, &rng, ticket);
        return;
    }
    // A policy that repeats itself would spend no evaluation: the advisor takes its turns then.
    const bool ready = advisor_results(m->advisor, ticket->task) >= m->options->on_policy_from;
    const double own = ready ? m->options->on_policy * (1.0 - m->known[ticket->task]) : 0.0;
    const bool flat = advisor_is_flat(m->advisor, ticket->task);
    if (flat || (double)rng_uniform(&rng) >= own) {
        const struct advisor_wishes wishes = imagination_wishes(&m->imagination, ticket->task);
        ticket->source = ACTIONS_GIVEN;
        ticket->n_given =
            advisor_propose(m->advisor, ticket->task, ticket->episode, &wishes, ticket->given);
    }
}

// ---- results

static enum status impala_take(struct method *method, const struct trajectory *trajectory,
                               bool fresh)
{
    struct impala *m = impala_of(method);
    const struct trajectory_header *header = trajectory->header;
    const bool given = header->source == ACTIONS_GIVEN; // not the policy's: of no probability
    if (m->advisor != NULL && header->rows > 0) {
        if (!given && fresh) {
            model_check_take(&m->check, m->advisor, trajectory);
        }
        advisor_take(m->advisor, trajectory);
    }
    if (given) {
        if (header->rows > 0) {
            episode_memory_keep(&m->memory, trajectory);
        }
        return OK;
    }
    m->known[header->task] += KNOWN_RATE * ((fresh ? 0.0 : 1.0) - m->known[header->task]);
    if (header->rows > 0) {
        episode_memory_take(&m->memory, trajectory);
    }
    return OK;
}

static void impala_lost(struct method *method, const struct ticket *ticket)
{
    struct impala *m = impala_of(method);
    if (m->advisor != NULL) {
        advisor_lost(m->advisor, ticket->task, ticket->episode);
    }
}

// ---- one update

// Fresh episodes, then replayed ones, then those to imitate, as chance keyed by the update has it.
static void pack_real(struct impala *m)
{
    struct trajectory trajectory;
    struct rng rng = rng_make(m->seed, RNG_REPLAY, (uint64_t)*m->updates, 0);
    for (int i = 0; i < m->memory.n_pending; i++) {
        episode_memory_pending(&m->memory, i, &trajectory);
        policy_trainer_add(m->trainer, &trajectory, TRAINER_FRESH);
    }
    for (int i = 0; i < m->replayed && episode_memory_replayable(&m->memory) > 0; i++) {
        episode_memory_replay(&m->memory, &rng, &trajectory);
        policy_trainer_add(m->trainer, &trajectory, TRAINER_REPLAY);
    }
    const int most = m->memory.options.best;
    const int best = episode_memory_draw_best(&m->memory, &rng, most, m->order);
    for (int i = 0; i < best; i++) {
        episode_memory_best(&m->memory, m->order[i], &trajectory);
        policy_trainer_add(m->trainer, &trajectory, TRAINER_IMITATE);
    }
}

static enum status show_best(struct impala *m, int task, struct rng *rng)
{
    const int16_t *best[SHOWN_FROM];
    int n = advisor_best(m->advisor, task, SHOWN_FROM, best);
    for (int i = 0; i < SHOWN && n > 0 && m->shows; i++) {
        struct trajectory trajectory;
        if (m->imagination.space->tasks[task].draws) { // each episode's best is another
            advisor_aim(m->advisor, imagination_next(&m->imagination));
            n = advisor_best(m->advisor, task, SHOWN_FROM, best);
            advisor_aim(m->advisor, -1);
        }
        const int16_t *choices = best[rng_below(rng, (uint32_t)n)];
        TRY(imagination_show(&m->imagination, task, choices, &trajectory));
        policy_trainer_add(m->trainer, &trajectory, TRAINER_IMITATE);
    }
    return OK;
}

// Imagined episodes of every task that the model knows something of, as many as the model has
// earned (model_check.h), and demonstrations. *n: episodes added.
static enum status pack_imagined(struct impala *m, struct rng *rng, int *n)
{
    const int each = (int)lround(model_check_trust(&m->check) * m->options->imagined);
    size_t n_weights;
    const float *weights = policy_trainer_weights(m->trainer, &n_weights);
    for (int task = 0; task < m->n_tasks; task++) {
        if (!advisor_knows(m->advisor, task) || advisor_is_flat(m->advisor, task)) {
            continue;
        }
        for (int i = 0; i < each; i++) {
            struct trajectory trajectory;
            const bool other = i % OTHER_BUDGETS == OTHER_BUDGETS - 1;
            TRY(imagination_play(&m->imagination, task, other, weights, n_weights, &trajectory));
            policy_trainer_add(m->trainer, &trajectory, other ? TRAINER_REPLAY : TRAINER_FRESH);
            ++*n;
        }
        TRY(show_best(m, task, rng));
    }
    return OK;
}

// One batch of imagined episodes; what is real and on-policy is part of the first.
static enum status learn_imagined(struct impala *m, int number, double rate, struct update_row *row)
{
    struct rng rng = rng_make(m->seed, RNG_IMAGINE, (uint64_t)*m->updates, (uint32_t)number);
    int n = number == 0 ? m->memory.n_pending : 0;
    policy_trainer_begin(m->trainer);
    if (number == 0) {
        pack_real(m);
    }
    TRY(pack_imagined(m, &rng, &n));
    if (n > 0) {
        learn(m, rate, row);
        row->imagined += n - (number == 0 ? m->memory.n_pending : 0);
    }
    return OK;
}

static enum status update_with_model(struct impala *m, double rate, struct update_row *row)
{
    advisor_fit(m->advisor);
    model_check_describe(&m->check, row);
    for (int i = 0; i < m->options->imagined_batches; i++) {
        TRY(learn_imagined(m, i, rate, row));
    }
    return OK;
}

static enum status impala_update(struct method *method, struct update_row *row)
{
    struct impala *m = impala_of(method);
    const double rate = learning_rate(m);
    row->learning_rate = rate;
    if (m->advisor != NULL) {
        TRY(update_with_model(m, rate, row));
    } else if (m->memory.n_pending > 0) {
        policy_trainer_begin(m->trainer);
        pack_real(m);
        learn(m, rate, row);
    }
    episode_memory_turn(&m->memory);
    ++*m->updates;
    return OK;
}

// All that was learnt about candidates goes into the policy, which then can propose for budgets and
// networks that nothing was evaluated for: imagined batches at falling rates.
static enum status impala_finish(struct method *method)
{
    struct impala *m = impala_of(method);
    const int batches = m->advisor != NULL ? m->options->distilled_batches : 0;
    for (int i = 0; i < batches; i++) {
        struct update_row row = {0};
        const double rate = learning_rate(m) * (10 * i < 7 * batches ? 1.0 : 0.3);
        TRY(learn_imagined(m, 1 + i, rate, &row));
    }
    return OK;
}

static double impala_worth(const struct method *method, int task, const int16_t *choices,
                           double reward)
{
    const struct impala *m = (const struct impala *)method;
    return m->advisor != NULL ? advisor_worth(m->advisor, task, choices, reward) : reward;
}

static double impala_seconds(const struct method *method)
{
    const struct impala *m = (const struct impala *)method;
    return m->advisor != NULL ? advisor_seconds(m->advisor) : 0.0;
}

// ---- state

static const float *impala_weights(const struct method *method, size_t *n)
{
    return policy_trainer_weights(((const struct impala *)method)->trainer, n);
}

static enum status impala_state(struct method *method, struct state_list *list)
{
    struct impala *m = impala_of(method);
    policy_trainer_state(m->trainer, list);
    state_list_add_within(list, "updates", HDF5_I64, 1, m->updates, 0, STATE_COUNT_MAX);
    state_list_add(list, "known", HDF5_F64, (size_t)m->n_tasks, m->known);
    episode_memory_state(&m->memory, list);
    if (m->advisor != NULL) {
        advisor_state(m->advisor, list);
        imagination_state(&m->imagination, list);
        model_check_state(&m->check, list);
    }
    return OK;
}

static void impala_save(struct method *method)
{
    policy_trainer_save(impala_of(method)->trainer);
}

static enum status impala_load(struct method *method)
{
    struct impala *m = impala_of(method);
    TRY(episode_memory_check(&m->memory));
    policy_trainer_load(m->trainer);
    if (m->advisor != NULL) {
        TRY(model_check_restore(&m->check));
        TRY(imagination_check(&m->imagination));
        TRY(advisor_restore(m->advisor));
    }
    return OK;
}

const struct method_ops method_impala = {.name = "impala",
                                         .policy = true,
                                         .open = impala_open,
                                         .propose = impala_propose,
                                         .take = impala_take,
                                         .lost = impala_lost,
                                         .update = impala_update,
                                         .finish = impala_finish,
                                         .weights = impala_weights,
                                         .state = impala_state,
                                         .save = impala_save,
                                         .load = impala_load,
                                         .close = impala_close,
                                         .model_seconds = impala_seconds,
                                         .worth = impala_worth};
