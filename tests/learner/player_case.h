// The methods on the made-up pruning problem, with an agent that plays as actors do.
#pragma once
#include "agent/agent.h"
#include "learner/methods/method.h"
#include "loop_case.h"

struct player {
    struct agent agent;
    struct graph graph;
    struct agent_player *player;
    float last_action; // position of the last choice of this episode
};
extern struct player player_amc, player_impala;

// cmocka set-up and tear-down of both players.
int players_open(void **state);
int players_close(void **state);
// A case with the method's own player, or any, and the usual options.
void player_set_method(struct loop_case *c, const struct method_ops *method, int evaluations);
// method_impala with a reward model, whose policy proposes from PLAYER_OWN_FROM results of a model
// on.
enum { PLAYER_OWN_FROM = 10 };
void player_set_assisted(struct loop_case *c, int evaluations);
// For loop_case.imagine: plays like player_impala's actors, with these weights or those of the last
// call that had any (at most 65,536).
enum status player_imagine(void *context, const struct ticket *ticket, const float *weights,
                           size_t n, void *block);
