// An environment that only takes time, for the machinery around it: how long an episode sleeps is
// a function of (seed, episode), and what it is worth of the choices alone.
#include "core/clock.h"
#include "envs/env_list.h"
#include "envs/small.h"

#include <stdlib.h>

enum { CHOICES = 5 };

struct sleep_options {
    double seconds, spread;
    int steps, tasks;
};
#define AT(field) .offset = offsetof(struct sleep_options, field)
const struct option sleep_option_table[] = {
    {"seconds", "mean length of an episode", OPTION_DOUBLE, AT(seconds), .fallback = 0.01,
     .least = 0, .most = 3600},
    {"spread", "an episode takes seconds x (1 - spread to 1 + spread), uniformly", OPTION_DOUBLE,
     AT(spread), .fallback = 0.5, .least = 0, .most = 1},
    {"steps", "choices of an episode", OPTION_INT, AT(steps), .fallback = 4, .least = 1,
     .most = 128},
    {"tasks", "how many, all alike", OPTION_INT, AT(tasks), .fallback = 1, .least = 1,
     .most = 1024},
    {.key = NULL},
};

struct sleep_episode {
    double step_seconds;
    int step;
    int32_t *chosen; // [steps]
};
struct sleep {
    struct env base;
    const struct sleep_options *options; // borrowed
    uint64_t seed;
    int32_t *chosen;                 // [slots][steps] owned
    struct sleep_episode episodes[]; // [slots]
};

static enum status sleep_open(const struct env_job *job, struct env **out)
{
    const struct sleep_options *options = job->config;
    const size_t slots = (size_t)small_slots(job), steps = (size_t)options->steps;
    struct sleep *self = calloc(1, sizeof *self + slots * sizeof *self->episodes);
    int32_t *chosen = calloc(slots * steps, sizeof *chosen);
    if (self == NULL || chosen == NULL) {
        free(self);
        free(chosen);
        FAIL(ERR_MEMORY, "no memory for the environment sleep");
    }
    self->base.ops = &env_sleep;
    self->options = options;
    self->seed = job->seed;
    self->chosen = chosen;
    for (size_t i = 0; i < slots; i++) {
        self->episodes[i].chosen = chosen + i * steps;
    }
    *out = &self->base;
    return OK;
}

static void sleep_spec(const struct env *env, struct env_spec *out)
{
    const struct sleep *self = (const struct sleep *)env;
    *out = (struct env_spec){.n_obs = 2,
                             .n_choices = CHOICES,
                             .most_steps = self->options->steps,
                             .n_result = self->options->steps,
                             .n_tasks = self->options->tasks};
}

static void show(const struct sleep *self, const struct sleep_episode *episode,
                 const struct env_row *row)
{
    row->obs[0] = 1.0F;
    row->obs[1] = (float)episode->step / (float)self->options->steps;
    small_offer(row, CHOICES);
}

static enum status sleep_reset(struct env *env, int slot, const struct env_start *start,
                               const struct env_row *row)
{
    struct sleep *self = (struct sleep *)env;
    struct sleep_episode *episode = &self->episodes[slot];
    CHECK(start->task >= 0 && start->task < self->options->tasks);
    struct rng rng = rng_make(self->seed, RNG_EPISODE, (uint64_t)start->episode, 0);
    const double factor = 1.0 + self->options->spread * (2.0 * (double)rng_uniform(&rng) - 1.0);
    episode->step_seconds = self->options->seconds * factor / self->options->steps;
    episode->step = 0;
    show(self, episode, row);
    return OK;
}

// Mean position of the choices so far.
static double worth(const struct sleep_episode *episode)
{
    int sum = 0;
    for (int i = 0; i < episode->step; i++) {
        sum += episode->chosen[i];
    }
    return episode->step > 0 ? (double)sum / (double)(episode->step * (CHOICES - 1)) : 0.0;
}

static enum status sleep_step(struct env *env, int slot, int choice, const struct env_row *row,
                              float *reward, enum env_end *end)
{
    struct sleep *self = (struct sleep *)env;
    struct sleep_episode *episode = &self->episodes[slot];
    CHECK(choice >= 0 && choice < CHOICES && episode->step < self->options->steps);
    clock_sleep(episode->step_seconds);
    episode->chosen[episode->step++] = choice;
    if (episode->step < self->options->steps) {
        *reward = 0.0F;
        *end = ENV_RUNNING;
        show(self, episode, row);
    } else {
        *reward = (float)worth(episode);
        *end = ENV_TERMINATED;
    }
    return OK;
}

static void sleep_outcome(const struct env *env, int slot, struct env_outcome *out)
{
    const struct sleep_episode *episode = &((const struct sleep *)env)->episodes[slot];
    *out = (struct env_outcome){
        .score = worth(episode), .n_result = episode->step, .result = episode->chosen};
}

static void sleep_close(struct env *env)
{
    if (env != NULL) {
        free(((struct sleep *)env)->chosen);
        free(env);
    }
}

const struct env_ops env_sleep = {
    .name = "sleep",
    .about = "sleeps; for testing what runs episodes",
    .options = sleep_option_table,
    .options_bytes = sizeof(struct sleep_options),
    .open = sleep_open,
    .spec = sleep_spec,
    .reset = sleep_reset,
    .step = sleep_step,
    .outcome = sleep_outcome,
    .close = sleep_close,
};
