// An environment that shows random rows and fails on demand.
#include "fake_env.h"

#include "core/clock.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake {
    struct env base;
    const struct fake_options *options;
    uint64_t seed;
    int64_t episode;
    int task, step;
    bool trouble; // in this episode
    float sum;
    int32_t chosen[600];
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
    struct fake *fake = calloc(1, sizeof *fake);
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

static void show(const struct fake *fake, const struct env_row *row)
{
    struct rng rng =
        rng_make(fake->seed, RNG_EPISODE, (uint64_t)fake->episode, (uint32_t)fake->step);
    const int n = 1 + (int)rng_below(&rng, (uint32_t)fake->options->choices);
    *row->choices = n;
    for (int i = 0; i < n; i++) {
        row->position[i] = n > 1 ? (float)i / (float)(n - 1) : 0.0F;
        row->legal[i] = rng_uniform(&rng) < 0.6F;
    }
    row->legal[rng_below(&rng, (uint32_t)n)] = 1;
    if (fake->trouble && fake->options->trouble == FAKE_NO_CHOICE && fake->step == 1) {
        memset(row->legal, 0, (size_t)n);
    }
    row->obs[0] = rng_uniform(&rng);
    row->obs[1] = (float)fake->task;
    row->obs[2] = fake->step > 0 ? (float)fake->chosen[fake->step - 1] : -1.0F;
}

static enum status fake_reset(struct env *env, const struct env_start *start,
                              const struct env_row *row)
{
    struct fake *fake = (struct fake *)env;
    const struct fake_options *options = fake->options;
    fake->task = start->task;
    fake->episode = start->episode;
    fake->step = 0;
    fake->sum = 0.0F;
    fake->trouble = options->trouble != FAKE_NONE &&
                    (options->trouble_episode < 0 || options->trouble_episode == start->episode);
    if (fake->trouble && options->trouble_times != NULL && (*options->trouble_times)-- <= 0) {
        fake->trouble = false;
    }
    show(fake, row);
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

static enum status fake_step(struct env *env, int choice, const struct env_row *row, float *reward,
                             enum env_end *end)
{
    struct fake *fake = (struct fake *)env;
    CHECK(choice >= 0 && choice < fake->options->choices);
    if (fake->trouble && fake->step == 1) {
        TRY(get_into_trouble(fake, row));
    }
    fake->chosen[fake->step++] = choice;
    *reward = 0.25F * (float)choice - 0.5F;
    fake->sum += *reward;
    // Even episodes end, odd ones are cut off a step early.
    const int last = fake->options->steps - (fake->options->steps > 1 && fake->episode % 2);
    const bool endless = fake->trouble && fake->options->trouble == FAKE_ENDLESS;
    *end = fake->step < last || endless ? ENV_RUNNING
           : fake->episode % 2          ? ENV_TRUNCATED
                                        : ENV_TERMINATED;
    if (*end != ENV_TERMINATED) {
        show(fake, row);
    }
    return OK;
}

static void fake_outcome(const struct env *env, struct env_outcome *out)
{
    const struct fake *fake = (const struct fake *)env;
    const enum fake_trouble trouble = fake->trouble ? fake->options->trouble : FAKE_NONE;
    *out = (struct env_outcome){
        .score = trouble == FAKE_NAN ? (double)NAN : (double)fake->sum,
        .macs = 1000 + fake->episode,
        .params = 10,
        .n_result = fake->step,
        .result = fake->chosen,
        .diverged = trouble == FAKE_DIVERGE,
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
    .outcome = fake_outcome,
    .close = fake_close,
};
