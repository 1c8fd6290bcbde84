// Catch, as in bsuite (Osband et al. 2020): a ball falls, a paddle moves along the bottom row.
#include "envs/env_list.h"
#include "envs/small.h"

#include <stdlib.h>
#include <string.h>

struct catch_options {
    int rows, columns;
    const struct double_list *scales;
};
#define AT(field) .offset = offsetof(struct catch_options, field)
const struct option catch_option_table[] = {
    {"rows", "height of the board", OPTION_INT, AT(rows), .fallback = 10, .least = 2, .most = 200},
    {"columns", "width of the board", OPTION_INT, AT(columns), .fallback = 5, .least = 2,
     .most = 200},
    SMALL_SCALES_ROW(catch_options, scales),
    {.key = NULL},
};

struct catch
{
    struct env base;
    const struct catch_options *options; // borrowed
    uint64_t seed;
    double scale;
    int ball_row, ball_column, paddle_column;
};

static enum status catch_open(const struct env_job *job, struct env **out)
{
    struct catch *self = calloc(1, sizeof *self);
    if (self == NULL) {
        FAIL(ERR_MEMORY, "no memory for the environment catch");
    }
    self->base.ops = &env_catch;
    self->options = job->config;
    self->seed = job->seed;
    *out = &self->base;
    return OK;
}

static void catch_spec(const struct env *env, struct env_spec *out)
{
    const struct catch *self = (const struct catch *)env;
    *out = (struct env_spec){.n_obs = self->options->rows * self->options->columns,
                             .n_choices = 3,
                             .most_steps = self->options->rows - 1,
                             .n_tasks = small_tasks(self->options->scales)};
}

static void show(const struct catch *self, const struct env_row *row)
{
    const int rows = self->options->rows, columns = self->options->columns;
    memset(row->obs, 0, (size_t)(rows * columns) * sizeof *row->obs);
    row->obs[self->ball_row * columns + self->ball_column] = 1.0F;
    row->obs[(rows - 1) * columns + self->paddle_column] = 1.0F;
    small_offer(row, 3);
}

static enum status catch_reset(struct env *env, const struct env_start *start,
                               const struct env_row *row)
{
    struct catch *self = (struct catch *)env;
    self->scale = small_scale(self->options->scales, start->task);
    struct rng rng = rng_make(self->seed, RNG_EPISODE, (uint64_t)start->episode, 0);
    self->ball_row = 0;
    self->ball_column = (int)rng_below(&rng, (uint32_t)self->options->columns);
    self->paddle_column = self->options->columns / 2;
    show(self, row);
    return OK;
}

static int caught(const struct catch *self)
{
    return self->ball_column == self->paddle_column ? 1 : -1;
}

static enum status catch_step(struct env *env, int choice, const struct env_row *row, float *reward,
                              enum env_end *end)
{
    struct catch *self = (struct catch *)env;
    CHECK(choice >= 0 && choice < 3);
    const int moved = self->paddle_column + choice - 1;
    if (moved >= 0 && moved < self->options->columns) {
        self->paddle_column = moved;
    }
    self->ball_row++;
    if (self->ball_row < self->options->rows - 1) {
        *reward = 0.0F;
        *end = ENV_RUNNING;
        show(self, row);
    } else {
        *reward = (float)(self->scale * caught(self));
        *end = ENV_TERMINATED;
    }
    return OK;
}

static void catch_outcome(const struct env *env, struct env_outcome *out)
{
    *out = (struct env_outcome){.score = caught((const struct catch *)env)};
}

static void catch_close(struct env *env)
{
    free(env);
}

const struct env_ops env_catch = {
    .name = "catch",
    .about = "a ball falls, a paddle catches it: one reward, at the end",
    .options = catch_option_table,
    .options_bytes = sizeof(struct catch_options),
    .open = catch_open,
    .spec = catch_spec,
    .reset = catch_reset,
    .step = catch_step,
    .outcome = catch_outcome,
    .close = catch_close,
};
