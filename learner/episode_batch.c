// Packing episodes into lanes.
#include "learner/episode_batch.h"

#include <string.h>

static enum status take_memory(struct episode_batch *b, struct arena *arena)
{
    const size_t rows = episode_batch_rows(b), choices = rows * (size_t)b->n_choices;
    ARENA_NEW(arena, b->used, (size_t)b->lanes);
    ARENA_NEW(arena, b->inputs, rows * (size_t)b->n_inputs);
    ARENA_NEW(arena, b->reset, rows);
    ARENA_NEW(arena, b->position, choices);
    ARENA_NEW(arena, b->legal, choices);
    ARENA_NEW(arena, b->choices, rows);
    ARENA_NEW(arena, b->action, rows);
    ARENA_NEW(arena, b->raw, rows);
    ARENA_NEW(arena, b->logp, rows);
    ARENA_NEW(arena, b->reward, rows);
    ARENA_NEW(arena, b->flags, rows);
    ARENA_NEW(arena, b->categorical, rows);
    ARENA_NEW(arena, b->task, rows);
    return OK;
}

enum status episode_batch_open(const struct episode_batch_options *options, struct arena *arena,
                               struct episode_batch *out)
{
    const int longest = options->shape->rows;
    const int steps = options->unroll > 0 ? options->unroll : longest;
    if (steps < longest) {
        FAIL(ERR_CONFIG,
             "learner.unroll is %d, but an episode can have %d rows and is never split; give at "
             "least %d, or 0 for the longest episode",
             steps, longest, longest);
    }
    const int per_lane = steps / longest;
    *out = (struct episode_batch){.lanes = (options->episodes + per_lane - 1) / per_lane,
                                  .steps = steps,
                                  .n_inputs = options->agent->n_inputs,
                                  .n_choices = options->shape->n_choices,
                                  .capacity = options->episodes,
                                  .shape = *options->shape,
                                  .agent = options->agent};
    TRY(take_memory(out, arena));
    episode_batch_clear(out);
    return OK;
}

void episode_batch_clear(struct episode_batch *b)
{
    const size_t rows = episode_batch_rows(b), choices = rows * (size_t)b->n_choices;
    b->episodes = 0;
    memset(b->used, 0, (size_t)b->lanes * sizeof *b->used);
    memset(b->inputs, 0, rows * (size_t)b->n_inputs * sizeof *b->inputs);
    memset(b->position, 0, choices * sizeof *b->position);
    memset(b->legal, 0, choices);
    memset(b->choices, 0, rows * sizeof *b->choices);
    memset(b->action, 0, rows * sizeof *b->action);
    memset(b->raw, 0, rows * sizeof *b->raw);
    memset(b->logp, 0, rows * sizeof *b->logp);
    memset(b->reward, 0, rows * sizeof *b->reward);
    memset(b->task, 0, rows * sizeof *b->task);
    memset(b->flags, ROW_PADDING, rows);
    memset(b->categorical, 0, rows);
    for (size_t row = 0; row < rows; row++) {
        b->reset[row] = 1.0F; // padding stays at the zero state
    }
}

// The first lane with room. Capacity was chosen so that there is one: a lane that refuses an
// episode of at most `longest` rows holds at least floor(T / longest) episodes.
static int find_lane(const struct episode_batch *b, int rows)
{
    int lane = 0;
    while (lane < b->lanes && b->used[lane] + rows > b->steps) {
        lane++;
    }
    CHECK(lane < b->lanes);
    return lane;
}

static void add_row(struct episode_batch *b, const struct trajectory *trajectory, int t, size_t row)
{
    const struct trajectory_shape *shape = &b->shape;
    const size_t choices = (size_t)b->n_choices, from = (size_t)t * choices;
    const size_t last = t > 0 ? from - choices + (size_t)trajectory->action[t - 1] : 0;
    agent_input(b->agent, trajectory->obs + (size_t)t * (size_t)shape->n_obs,
                t > 0 ? trajectory->position[last] : 0.0F, t > 0 ? trajectory->reward[t - 1] : 0.0F,
                b->inputs + row * (size_t)b->n_inputs);
    b->reset[row] = t == 0 ? 1.0F : 0.0F;
    memcpy(b->position + row * choices, trajectory->position + from, choices * sizeof *b->position);
    memcpy(b->legal + row * choices, trajectory->legal + from, choices);
    b->choices[row] = trajectory->choices[t];
    b->action[row] = trajectory->action[t];
    b->raw[row] = trajectory->raw[t];
    b->logp[row] = trajectory->logp[t];
    b->reward[row] = trajectory->reward[t];
    b->categorical[row] = trajectory->categorical[t];
    b->task[row] = trajectory->header->task;
}

void episode_batch_add(struct episode_batch *b, const struct trajectory *trajectory, int row_flags)
{
    const int rows = trajectory->header->rows;
    CHECK(b->episodes < b->capacity && rows >= 1 && rows <= b->shape.rows);
    CHECK(trajectory->header->task >= 0 && trajectory->header->task < b->agent->shape.n_tasks);
    const int lane = find_lane(b, rows);
    const size_t first = (size_t)lane * (size_t)b->steps + (size_t)b->used[lane];
    for (int t = 0; t < rows; t++) {
        const size_t row = first + (size_t)t;
        b->flags[row] = (uint8_t)(trajectory->flags[t] | row_flags | (t == 0 ? FLAG_FIRST : 0));
        const int32_t action = trajectory->action[t], choices = trajectory->choices[t];
        CHECK(!episode_batch_acts(b, row) ||
              (choices >= 1 && choices <= b->n_choices && action >= 0 && action < choices));
        add_row(b, trajectory, t, row);
    }
    b->used[lane] += rows;
    b->episodes++;
}

void episode_batch_offer(const struct episode_batch *b, size_t row, struct offer *out)
{
    const size_t first = row * (size_t)b->n_choices;
    *out = (struct offer){.n = b->choices[row],
                          .position = b->position + first,
                          .legal = b->legal + first,
                          .categorical = b->categorical[row] != 0};
}

void episode_batch_chosen(const struct episode_batch *b, size_t row, struct chosen *out)
{
    *out = (struct chosen){.choice = b->action[row], .raw = b->raw[row], .logp = b->logp[row]};
}
