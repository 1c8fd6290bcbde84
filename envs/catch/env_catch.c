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

struct catch_episode {
    double scale;
    int ball_row, ball_column, paddle_column;
};
struct catch
{
    struct env base;
    const struct catch_options *options; // borrowed
    uint64_t seed;
    struct catch_episode episodes[]; // [slots]
};

static enum status catch_open(const struct env_job *job, struct env **out)
{
    const size_t slots = (size_t)small_slots(job);
    struct catch *self = calloc(1, sizeof *self + slots * sizeof *self->episodes);
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

static void show(const struct catch *self, const struct catch_episode *episode,
                 const struct env_row *row)
{
    const int rows = self->options->rows, columns = self->options->columns;
    memset(row->obs, 0, (size_t)(rows * columns) * sizeof *row->obs);
    row->obs[episode->ball_row * columns + episode->ball_column] = 1.0F;
    row->obs[(rows - 1) * columns + episode->paddle_column] = 1.0F;
    small_offer(row, 3);
}

static enum status catch_reset(struct env *env, int slot, const struct env_start *start,
                               const struct env_row *row)
{
    struct catch *self = (struct catch *)env;
    struct catch_episode *episode = &self->episodes[slot];
    episode->scale = small_scale(self->options->scales, start->task);
    struct rng rng = rng_make(self->seed, RNG_EPISODE, (uint64_t)start->episode, 0);
    episode->ball_row = 0;
    episode->ball_column = (int)rng_below(&rng, (uint32_t)self->options->columns);
    episode->paddle_column = self->options->columns / 2;
    show(self, episode, row);
    return OK;
}

static int caught(const struct catch_episode *episode)
{
    return episode->ball_column == episode->paddle_column ? 1 : -1;
}

static enum status catch_step(struct env *env, int slot, int choice, const struct env_row *row,
                              float *reward, enum env_end *end)
{
    struct catch *self = (struct catch *)env;
    struct catch_episode *episode = &self->episodes[slot];
    CHECK(choice >= 0 && choice < 3);
    const int moved = episode->paddle_column + choice - 1;
    if (moved >= 0 && moved < self->options->columns) {
        episode->paddle_column = moved;
    }
    episode->ball_row++;
    if (episode->ball_row < self->options->rows - 1) {
        *reward = 0.0F;
        *end = ENV_RUNNING;
        show(self, episode, row);
    } else {
        *reward = (float)(episode->scale * caught(episode));
        *end = ENV_TERMINATED;
    }
    return OK;
}

static void catch_outcome(const struct env *env, int slot, struct env_outcome *out)
{
    *out = (struct env_outcome){.score = caught(&((const struct catch *)env)->episodes[slot])};
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
