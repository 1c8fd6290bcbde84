#include "episode_case.h"

#include "test_unit.h"

#include <math.h>

void episode_open(struct episode_case *episode, const struct trajectory_shape *shape)
{
    episode->shape = *shape;
    episode->block = calloc(trajectory_bytes(shape), 1);
    assert_non_null(episode->block);
    trajectory_view(shape, episode->block, &episode->trajectory);
}

void episode_close(struct episode_case *episode)
{
    free(episode->block);
}

static void fill_offer(struct episode_case *episode, int t, struct rng *rng)
{
    const struct trajectory *trajectory = &episode->trajectory;
    const int most = episode->shape.n_choices,
              choices = 2 + (int)rng_below(rng, (uint32_t)most - 1);
    float *position = trajectory->position + (size_t)t * (size_t)most;
    uint8_t *legal = trajectory->legal + (size_t)t * (size_t)most;
    int n_legal = 0;
    for (int i = 0; i < choices; i++) {
        position[i] = ((float)i + rng_uniform(rng)) / (float)choices;
        legal[i] = rng_below(rng, 4) != 0 || i == choices - 1;
        n_legal += legal[i];
    }
    int wanted = (int)rng_below(rng, (uint32_t)n_legal), action = 0;
    for (; !legal[action] || wanted > 0; action++) {
        wanted -= legal[action];
    }
    trajectory->choices[t] = choices;
    trajectory->categorical[t] = (uint8_t)(t % 2);
    trajectory->action[t] = action;
    trajectory->logp[t] = -logf((float)n_legal) + 0.3F * rng_normal(rng);
}

void episode_fill(struct episode_case *episode, const struct episode_wish *wish, struct rng *rng)
{
    const struct trajectory *trajectory = &episode->trajectory;
    const int rows = wish->rows + wish->truncated, n_obs = episode->shape.n_obs;
    memset(episode->block, 0, trajectory_bytes(&episode->shape));
    trajectory->header->task = wish->task;
    trajectory->header->rows = rows;
    trajectory->header->n_result = episode->shape.n_result;
    for (int i = 0; i < rows * n_obs; i++) {
        trajectory->obs[i] = rng_normal(rng);
    }
    for (int t = 0; t < wish->rows; t++) {
        fill_offer(episode, t, rng);
        trajectory->raw[t] = rng_normal(rng);
        trajectory->reward[t] = (float)wish->reward_scale * rng_normal(rng);
        trajectory->header->score += (double)trajectory->reward[t];
    }
    for (int i = 0; i < episode->shape.n_result; i++) {
        trajectory->result[i] = (int32_t)rng_below(rng, 100);
    }
    trajectory->flags[0] |= FLAG_FIRST;
    trajectory->flags[rows - 1] |= wish->truncated ? FLAG_TRUNCATED : FLAG_TERMINATED;
}

void episode_set_logp(struct episode_case *episode, const struct agent *agent, const float *output)
{
    const struct trajectory *trajectory = &episode->trajectory;
    for (int t = 0; t < trajectory->header->rows; t++) {
        if (trajectory->flags[t] & FLAG_TRUNCATED) {
            continue;
        }
        const size_t first = (size_t)t * (size_t)episode->shape.n_choices;
        const struct offer offer = {.n = trajectory->choices[t],
                                    .position = trajectory->position + first,
                                    .legal = trajectory->legal + first,
                                    .categorical = trajectory->categorical[t] != 0};
        const struct chosen chosen = {.choice = trajectory->action[t], .raw = trajectory->raw[t]};
        struct distribution_value value;
        agent->distribution->value(output, &offer, &chosen, &value, NULL, NULL);
        trajectory->logp[t] = (float)value.logp;
    }
}

static const int small_dense[] = {8};

void agent_case_make(struct agent_case *out, enum agent_core core,
                     enum distribution_kind distribution, const struct trajectory_shape *shape,
                     int n_tasks)
{
    out->dense = (struct int_list){.n = 1, .values = small_dense};
    out->options = (struct agent_options){.dense = &out->dense,
                                          .core = core,
                                          .hidden = 6,
                                          .last_action = true,
                                          .distribution = distribution};
    const struct agent_shape agent = {
        .n_obs = shape->n_obs, .n_choices = shape->n_choices, .n_tasks = n_tasks};
    agent_make(&out->options, &agent, &out->agent);
}
