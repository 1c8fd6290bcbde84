#include "learner/decision_log.h"

#include "agent/distribution.h"

#include <math.h>

enum { ALL_OF_FIRST = 16, OF_EACH_DOUBLING = 8 };

enum status decision_log_open(const struct agent *agent, const struct trajectory_shape *shape,
                              struct backend *backend, struct decision_log *out)
{
    *out = (struct decision_log){.agent = agent, .shape = shape};
    if (agent->options.distribution == DISTRIBUTION_NOISY) {
        return OK;
    }
    return agent_player_open(backend, agent, 1, &out->player);
}

void decision_log_close(struct decision_log *log)
{
    agent_player_close(log->player);
    *log = (struct decision_log){0};
}

bool decision_log_wants(int64_t number)
{
    int64_t octave = ALL_OF_FIRST;
    while (number >= 2 * octave) {
        octave *= 2;
    }
    return number < ALL_OF_FIRST || number % (octave / OF_EACH_DOUBLING) == 0;
}

static struct offer offer_at(const struct decision_log *log, const struct trajectory *t, int row)
{
    const size_t first = (size_t)row * (size_t)log->shape->n_choices;
    return (struct offer){.n = t->choices[row],
                          .position = t->position + first,
                          .legal = t->legal + first,
                          .categorical = t->categorical[row] != 0};
}

static int count_legal(const struct offer *offer)
{
    int n = 0;
    for (int i = 0; i < offer->n; i++) {
        n += offer->legal[i] != 0;
    }
    return n;
}

int decision_log_look(const struct decision_log *log, const struct trajectory *trajectory,
                      const float *weights, int64_t version, struct decision_row *rows)
{
    const struct trajectory_header *header = trajectory->header;
    struct agent_step step = {0};
    int n = 0;
    if (log->player == NULL) {
        return 0;
    }
    agent_player_load(log->player, weights);
    agent_player_begin(log->player, 0);
    for (int row = 0; row < header->rows && !(trajectory->flags[row] & FLAG_TRUNCATED); row++) {
        const struct offer offer = offer_at(log, trajectory, row);
        const struct chosen taken = {.choice = trajectory->action[row],
                                     .raw = trajectory->raw[row]};
        struct distribution_value value;
        step.obs = trajectory->obs + (size_t)row * (size_t)log->shape->n_obs;
        const float *output = agent_player_step(log->player, &step, 1);
        log->agent->distribution->value(output, &offer, &taken, &value, NULL, NULL);
        step.last_action = offer.position[taken.choice];
        step.last_reward = trajectory->reward[row];
        rows[n++] = (struct decision_row){.episode = header->episode,
                                          .version = version,
                                          .task = header->task,
                                          .step = row,
                                          .choices = offer.n,
                                          .legal = count_legal(&offer),
                                          .choice = taken.choice,
                                          .entropy = value.entropy};
    }
    return n;
}
