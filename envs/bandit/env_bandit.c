// A contextual bandit: the observation names the context, and each context has one best arm.
#include "envs/env_list.h"
#include "envs/small.h"

#include <stdlib.h>
#include <string.h>

struct bandit_options {
    int arms, contexts, steps;
    double noise, blocked;
    const struct double_list *scales;
};
#define AT(field) .offset = offsetof(struct bandit_options, field)
const struct option bandit_option_table[] = {
    {"arms", "choices of a step", OPTION_INT, AT(arms), .fallback = 5, .least = 2, .most = 512},
    {"contexts", "different observations", OPTION_INT, AT(contexts), .fallback = 3, .least = 1,
     .most = 512},
    {"steps", "pulls per episode", OPTION_INT, AT(steps), .fallback = 10, .least = 1,
     .most = 100000},
    {"noise", "standard deviation of the reward", OPTION_DOUBLE, AT(noise), .fallback = 0,
     .least = 0, .most = 1000},
    {"blocked", "how often an arm other than the best is illegal", OPTION_DOUBLE, AT(blocked),
     .fallback = 0, .least = 0, .most = 1},
    SMALL_SCALES_ROW(bandit_options, scales),
    {.key = NULL},
};

struct bandit_episode {
    struct rng rng;
    double scale;
    int context, step, best_pulls;
};
struct bandit {
    struct env base;
    const struct bandit_options *options; // borrowed
    uint64_t seed;
    struct bandit_episode episodes[]; // [slots]
};

static enum status bandit_open(const struct env_job *job, struct env **out)
{
    const size_t slots = (size_t)small_slots(job);
    struct bandit *self = calloc(1, sizeof *self + slots * sizeof *self->episodes);
    if (self == NULL) {
        FAIL(ERR_MEMORY, "no memory for the environment bandit");
    }
    self->base.ops = &env_bandit;
    self->options = job->config;
    self->seed = job->seed;
    *out = &self->base;
    return OK;
}

static void bandit_spec(const struct env *env, struct env_spec *out)
{
    const struct bandit *self = (const struct bandit *)env;
    *out = (struct env_spec){.n_obs = self->options->contexts,
                             .n_choices = self->options->arms,
                             .most_steps = self->options->steps,
                             .n_tasks = small_tasks(self->options->scales)};
}

// The same for every seed, so that weights learnt in one run are of use in another.
static int best_arm(const struct bandit *self, const struct bandit_episode *episode)
{
    return (2 * episode->context + 1) % self->options->arms;
}

static void draw_context(const struct bandit *self, struct bandit_episode *episode,
                         const struct env_row *row)
{
    const struct bandit_options *options = self->options;
    episode->context = (int)rng_below(&episode->rng, (uint32_t)options->contexts);
    memset(row->obs, 0, (size_t)options->contexts * sizeof *row->obs);
    row->obs[episode->context] = 1.0F;
    small_offer(row, options->arms);
    for (int arm = 0; arm < options->arms; arm++) {
        const bool block = (double)rng_uniform(&episode->rng) < options->blocked;
        row->legal[arm] = arm == best_arm(self, episode) || !block;
    }
}

static enum status bandit_reset(struct env *env, int slot, const struct env_start *start,
                                const struct env_row *row)
{
    struct bandit *self = (struct bandit *)env;
    struct bandit_episode *episode = &self->episodes[slot];
    episode->scale = small_scale(self->options->scales, start->task);
    episode->rng = rng_make(self->seed, RNG_EPISODE, (uint64_t)start->episode, 0);
    episode->step = 0;
    episode->best_pulls = 0;
    draw_context(self, episode, row);
    return OK;
}

static enum status bandit_step(struct env *env, int slot, int choice, const struct env_row *row,
                               float *reward, enum env_end *end)
{
    struct bandit *self = (struct bandit *)env;
    struct bandit_episode *episode = &self->episodes[slot];
    CHECK(choice >= 0 && choice < self->options->arms);
    const int best = choice == best_arm(self, episode);
    const double noise =
        self->options->noise > 0.0 ? self->options->noise * (double)rng_normal(&episode->rng) : 0.0;
    *reward = (float)(episode->scale * (best + noise));
    episode->best_pulls += best;
    *end = ++episode->step < self->options->steps ? ENV_RUNNING : ENV_TERMINATED;
    if (*end == ENV_RUNNING) {
        draw_context(self, episode, row);
    }
    return OK;
}

static void bandit_outcome(const struct env *env, int slot, struct env_outcome *out)
{
    const struct bandit *self = (const struct bandit *)env;
    *out = (struct env_outcome){.score =
                                    (double)self->episodes[slot].best_pulls / self->options->steps};
}

static void bandit_close(struct env *env)
{
    free(env);
}

const struct env_ops env_bandit = {
    .name = "bandit",
    .about = "contextual bandit: the best arm depends on what is seen",
    .options = bandit_option_table,
    .options_bytes = sizeof(struct bandit_options),
    .open = bandit_open,
    .spec = bandit_spec,
    .reset = bandit_reset,
    .step = bandit_step,
    .outcome = bandit_outcome,
    .close = bandit_close,
};
