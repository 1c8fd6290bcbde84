// Deep deterministic policy gradient (Lillicrap et al. 2016) as AMC uses it (He et al. 2018): one
// action in [0, 1], the actor's sigmoid; a critic Q(s, a); slowly following copies of both as
// targets; uniform replay; rewards less a running mean.
#pragma once
#include "learner/state_list.h"
#include "nn/plan_sequence.h"

struct ddpg_options {
    int batch;  // transitions per update
    int replay; // transitions kept
    int hidden; // width of the critic's two layers
    double actor_rate, critic_rate, discount;
    double follow;        // tau: share of the way that targets go per update
    double baseline_rate; // of the running mean of a batch's rewards
    uint64_t seed;
};
struct ddpg_transition {
    const float *state, *next; // [n_inputs] of the actor
    float action, reward;
    bool last; // nothing follows: `next` is not looked at
};
struct ddpg_result {
    double critic_loss; // mean squared
    double value;       // mean Q of the actor's own actions
};
struct ddpg;
// actor: for sequences of one step; its first output is the action before the sigmoid, others are
// ignored. Borrowed, as is the backend.
enum status ddpg_open(struct backend *backend, const struct graph *actor,
                      const struct ddpg_options *options, struct ddpg **out);
void ddpg_close(struct ddpg *ddpg); // NULL is fine
// A fresh agent: actor [n_floats of its graph], critic by seed, nothing remembered.
void ddpg_begin(struct ddpg *ddpg, const float *actor, uint64_t seed);
void ddpg_remember(struct ddpg *ddpg, const struct ddpg_transition *transition);
// One update of critic, actor and targets. Not before something is remembered. False: a gradient
// was not finite and its network stayed as it was.
bool ddpg_update(struct ddpg *ddpg, struct ddpg_result *out);
const float *ddpg_actor(const struct ddpg *ddpg); // weights [n_floats], borrowed
void ddpg_state(struct ddpg *ddpg, struct state_list *list);
void ddpg_save(struct ddpg *ddpg);
int64_t ddpg_remembered(const struct ddpg *ddpg); // transitions ever
void ddpg_load(struct ddpg *ddpg);
