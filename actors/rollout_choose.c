// Who chooses: the policy, for all episodes in one batch, or what the ticket names.
#include "actors/rollout_internal.h"

#include <math.h>

static struct offer offer_at(const struct env_row *row)
{
    return (struct offer){.n = *row->choices,
                          .position = row->position,
                          .legal = row->legal,
                          .categorical = *row->categorical != 0};
}

static int count_legal(const struct offer *offer)
{
    int n = 0;
    for (int i = 0; i < offer->n; i++) {
        n += offer->legal[i] != 0;
    }
    return n;
}

static bool by_policy(const struct ticket *ticket)
{
    return ticket->source == ACTIONS_POLICY || ticket->source == ACTIONS_GREEDY ||
           ticket->source == ACTIONS_NOISY;
}

static void choose_at_random(const struct rollout *rollout, const struct ticket *ticket, int t,
                             const struct offer *offer, struct chosen *out)
{
    const int n = count_legal(offer);
    struct rng rng = rng_make(rollout->seed, RNG_ACTION, (uint64_t)ticket->episode, (uint32_t)t);
    uint32_t skip = rng_below(&rng, (uint32_t)n);
    int choice = 0;
    while (!offer->legal[choice] || skip-- > 0) {
        choice++;
    }
    *out = (struct chosen){.choice = choice, .logp = (float)-log((double)n)};
}

// Without the policy. Those that it chooses for are left out.
static enum status choose_alone(const struct rollout *rollout, struct episode *episode, int t)
{
    const struct env_row row = rollout_row(rollout, &episode->view, t);
    const struct offer offer = offer_at(&row);
    const struct ticket *ticket = episode->ticket;
    if (offer.n < 1 || offer.n > rollout->shape.n_choices || count_legal(&offer) == 0) {
        FAIL(ERR_INPUT, "environment %s offers %d choices at step %d, none of them legal",
             rollout->env->ops->name, offer.n, t);
    }
    switch ((enum ticket_source)ticket->source) {
    case ACTIONS_RANDOM:
        choose_at_random(rollout, ticket, t, &offer, &episode->chosen);
        return OK;
    case ACTIONS_GIVEN: {
        const int wanted = t < ticket->n_given ? ticket->given[t] : offer.n - 1;
        const int within = wanted < 0 ? 0 : wanted < offer.n ? wanted : offer.n - 1;
        episode->chosen = (struct chosen){.choice = offer_repair(&offer, within)};
        return OK;
    }
    case ACTIONS_POLICY:
    case ACTIONS_GREEDY:
    case ACTIONS_NOISY:
        return OK;
    }
    FAIL(ERR_COMM, "a ticket of an unknown source of actions, %d", (int)ticket->source);
}

// output [n_outputs]: what the policy says.
static enum status sample(const struct rollout *rollout, struct episode *episode, int t,
                          const float *output)
{
    const struct ticket *ticket = episode->ticket;
    const struct env_row row = rollout_row(rollout, &episode->view, t);
    const struct offer offer = offer_at(&row);
    for (int i = 0; i < rollout->agent.n_policy; i++) {
        if (!isfinite(output[i])) {
            FAIL(ERR_INPUT, "the policy of version %lld gives output %d as %g",
                 (long long)ticket->version, i, (double)output[i]);
        }
    }
    struct rng rng = rng_make(rollout->seed, RNG_ACTION, (uint64_t)ticket->episode, (uint32_t)t);
    rollout->agent.distribution->sample(output, &offer, ticket->source == ACTIONS_GREEDY,
                                        ticket->source == ACTIONS_NOISY ? ticket->noise : 0.0F,
                                        &rng, &episode->chosen);
    return OK;
}

static enum status choose_by_policy(struct rollout *rollout, const int *listed, int n, int t)
{
    const struct ticket *first = rollout->episodes[listed[0]].ticket;
    struct agent_player *player = rollout_player(rollout, first);
    if (player == NULL) {
        FAIL(ERR_COMM, "episode %lld is to be played by the policy, whose weights never came",
             (long long)first->episode);
    }
    for (int i = 0; i < n; i++) {
        const struct episode *episode = &rollout->episodes[listed[i]];
        CHECK(rollout_player(rollout, episode->ticket) == player);
        rollout->steps[i] = (struct agent_step){.sequence = listed[i],
                                                .obs = rollout_row(rollout, &episode->view, t).obs,
                                                .last_action = episode->last_action,
                                                .last_reward = episode->last_reward};
    }
    const float *outputs = agent_player_step(player, rollout->steps, n);
    for (int i = 0; i < n; i++, outputs += rollout->agent.n_outputs) {
        TRY(sample(rollout, &rollout->episodes[listed[i]], t, outputs));
    }
    return OK;
}

enum status rollout_choose(struct rollout *rollout, int n, int t)
{
    int wanted = 0;
    for (int i = 0; i < n; i++) {
        struct episode *episode = &rollout->episodes[i];
        if (episode->end == ENV_RUNNING) {
            TRY(choose_alone(rollout, episode, t));
            if (by_policy(episode->ticket)) {
                rollout->listed[wanted++] = i;
            }
        }
    }
    return wanted > 0 ? choose_by_policy(rollout, rollout->listed, wanted, t) : OK;
}
