// An environment that shows random rows and fails on demand.
#include "fake_env.h"

#include "core/clock.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_episode {
    int64_t number;
    int task, step;
    bool trouble; // in this episode
    bool pending;
    float sum, last;
    int32_t chosen[600];
};
struct fake {
    struct env base;
    const struct fake_options *options;
    uint64_t seed;
    struct fake_episode episodes[]; // [slots]
};

static enum status fake_open(const struct env_job *job, struct env **out)
{
    const struct fake_options *options = job->config;
    if (options->trouble == FAKE_OPEN_ERROR) {
        FAIL(ERR_INPUT, "the fake's file is missing");
    }
    if (options->trouble == FAKE_OPEN_CRASH) {
        raise(SIGSEGV);
    }
    const size_t slots = job->slots > 0 ? (size_t)job->slots : 1;
    struct fake *fake = calloc(1, sizeof *fake + slots * sizeof *fake->episodes);
    CHECK(fake != NULL);
    fake->base.ops = &env_fake;
    fake->options = options;
    fake->seed = job->seed;
    *out = &fake->base;
    return OK;
}

static void fake_spec(const struct env *env, struct env_spec *out)
{
    const struct fake_options *options = ((const struct fake *)env)->options;
    *out = (struct env_spec){.n_obs = FAKE_OBS,
                             .n_choices = options->choices,
                             .most_steps = options->steps,
                             .n_result = options->steps + 1,
                             .n_tasks = options->tasks};
}

static void show(const struct fake *fake, const struct fake_episode *episode,
                 const struct env_row *row)
{
    struct rng rng =
        rng_make(fake->seed, RNG_EPISODE, (uint64_t)episode->number, (uint32_t)episode->step);
    const int n = 1 + (int)rng_below(&rng, (uint32_t)fake->options->choices);
    *row->choices = n;
    if (episode->step % 3 == 1) { // else what the row begins with
        *row->categorical = 1;
    }
    for (int i = 0; i < n; i++) {
        row->position[i] = n > 1 ? (float)i / (float)(n - 1) : 0.0F;
        row->legal[i] = rng_uniform(&rng) < 0.6F;
    }
    row->legal[rng_below(&rng, (uint32_t)n)] = 1;
    if (episode->trouble && fake->options->trouble == FAKE_NO_CHOICE && episode->step == 1) {
        memset(row->legal, 0, (size_t)n);
    }
    row->obs[0] = rng_uniform(&rng);
    row->obs[1] = (float)episode->task;
    row->obs[2] = episode->step > 0 ? (float)episode->chosen[episode->step - 1] : -1.0F;
}

static enum status fake_reset(struct env *env, int slot, const struct env_start *start,
                              const struct env_row *row)
{
    struct fake *fake = (struct fake *)env;
    struct fake_episode *episode = &fake->episodes[slot];
    const struct fake_options *options = fake->options;
    episode->task = start->task;
    episode->number = start->episode;
    episode->step = 0;
    episode->sum = 0.0F;
    episode->pending = false;
    episode->trouble = options->trouble != FAKE_NONE &&
                       (options->trouble_episode < 0 || options->trouble_episode == start->episode);
    if (episode->trouble && options->trouble_times != NULL && (*options->trouble_times)-- <= 0) {
        episode->trouble = false;
    }
    show(fake, episode, row);
    return OK;
}

static enum status eat(void)
{
    static char *pieces[256];
    for (int i = 0; i < 256; i++) {
        pieces[i] = malloc((size_t)16 << 20);
        if (pieces[i] == NULL) {
            FAIL(ERR_MEMORY, "the fake has eaten %d MiB", i * 16);
        }
        memset(pieces[i], 1, 4096);
    }
    FAIL(ERR_IO, "the fake found no end of memory");
}

static enum status get_into_trouble(const struct fake *fake, const struct env_row *row)
{
    switch (fake->options->trouble) {
    case FAKE_ERROR:
        FAIL(ERR_INPUT, "the fake is broken");
    case FAKE_MEMORY:
        FAIL(ERR_MEMORY, "the fake has no memory");
    case FAKE_CRASH:
        memset(row->obs, 0x55, sizeof(float) * FAKE_OBS / 2);
        raise(SIGSEGV);
        return OK;
    case FAKE_EXIT:
        _exit(7);
    case FAKE_SLOW:
        clock_sleep(1.0);
        return OK;
    case FAKE_EAT:
        return eat();
    default:
        return OK;
    }
}

static enum status fake_step(struct env *env, int slot, int choice, const struct env_row *row,
                             float *reward, enum env_end *end)
{
    struct fake *fake = (struct fake *)env;
    struct fake_episode *episode = &fake->episodes[slot];
    CHECK(choice >= 0 && choice < fake->options->choices);
    if (episode->trouble && episode->step == 1) {
        TRY(get_into_trouble(fake, row));
    }
    episode->chosen[episode->step++] = choice;
    *reward = 0.25F * (float)choice - 0.5F;
    episode->sum += *reward;
    // Even episodes end, odd ones are cut off a step early.
    const int steps = fake->options->uneven
                          ? 2 + (int)(episode->number * 5 % (fake->options->steps - 1))
                          : fake->options->steps;
    const bool odd = episode->number % 2 != 0;
    const int last = steps - (steps > 1 && odd);
    const bool endless = episode->trouble && fake->options->trouble == FAKE_ENDLESS;
    *end = episode->step < last || endless ? ENV_RUNNING
           : odd                           ? ENV_TRUNCATED
           : fake->options->pending        ? ENV_PENDING
                                           : ENV_TERMINATED;
    if (*end == ENV_PENDING) {
        episode->pending = true;
        episode->last = *reward;
        *reward = 0.0F;
    } else if (*end != ENV_TERMINATED) {
        show(fake, episode, row);
    }
    return OK;
}

static enum status fake_evaluate(struct env *env, const int *slots, int n)
{
    struct fake *fake = (struct fake *)env;
    for (int i = 0; i < n; i++) {
        struct fake_episode *episode = &fake->episodes[slots[i]];
        CHECK(episode->pending);
        episode->pending = false;
        if (episode->trouble && fake->options->trouble == FAKE_EVALUATE_ERROR) {
            FAIL(ERR_INPUT, "the fake cannot be evaluated");
        }
        if (episode->trouble && fake->options->trouble == FAKE_EVALUATE_CRASH) {
            raise(SIGSEGV);
        }
    }
    return OK;
}

static void fake_outcome(const struct env *env, int slot, struct env_outcome *out)
{
    const struct fake *fake = (const struct fake *)env;
    const struct fake_episode *episode = &fake->episodes[slot];
    CHECK(!episode->pending);
    const enum fake_trouble trouble = episode->trouble ? fake->options->trouble : FAKE_NONE;
    *out = (struct env_outcome){
        .score = trouble == FAKE_NAN ? (double)NAN : (double)episode->sum,
        .macs = 1000 + episode->number,
        .params = 10,
        .n_result = episode->step,
        .result = episode->chosen,
        .diverged = trouble == FAKE_DIVERGE,
        .reward = episode->last,
    };
}

static void fake_close(struct env *env)
{
    free(env);
}

const struct env_ops env_fake = {
    .name = "fake",
    .about = "for tests",
    .open = fake_open,
    .spec = fake_spec,
    .reset = fake_reset,
    .step = fake_step,
    .evaluate = fake_evaluate,
    .outcome = fake_outcome,
    .close = fake_close,
};
