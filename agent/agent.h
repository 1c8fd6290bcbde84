// The policy and value network, used by actors and learner alike (Ma & Fang 2023, MTACP, with its
// sizes free): obs -> dense layers (ReLU) -> joined with the last action and reward -> LSTM or
// nothing -> heads. One row of outputs: the distribution's parameters, then one value per task (in
// that task's normalised units, see learner/rules/popart.h).
#pragma once
#include "agent/distribution_list.h"
#include "core/option.h"
#include "nn/graph.h"

enum agent_core { CORE_NONE, CORE_LSTM };
// Config rows "agent.*".
struct agent_options {
    const struct int_list *dense; // widths of the dense layers, empty = {64, 64}; {100, 400, 300}
                                  // in the paper
    enum agent_core core;
    int hidden;       // of the LSTM; 302 in the paper
    bool last_action; // join in the last action and reward
    enum distribution_kind distribution;
};
extern const struct option agent_option_table[];

struct agent_shape {
    int n_obs, n_choices, n_tasks;
};
struct distribution;
struct agent {
    struct agent_options options; // lists borrowed
    struct agent_shape shape;
    const struct distribution *distribution;
    int n_inputs;  // floats of one input row: obs, with last_action also the last action's position
                   // and the last reward
    int n_policy;  // outputs of the distribution
    int n_outputs; // n_policy + n_tasks
};
void agent_make(const struct agent_options *options, const struct agent_shape *shape,
                struct agent *out);
// The network for sequences of `steps` rows: input [steps][1][n_inputs], output
// [steps][1][n_outputs]. The parameter block does not depend on `steps`. The output layer is the
// last CONV, "heads".
enum status agent_graph(const struct agent *agent, int steps, struct graph *out);
// Initial weights by seed: as graph_init_params, but the heads' weights small, so that a new policy
// is broad and does not depend on the observation. params [n_floats].
void agent_init(const struct graph *graph, uint64_t seed, float *params);
// One input row. last_action: position of the last choice, last_reward: both 0 on an episode's
// first row. Rewards go in as sign(r) * log(1 + |r|), so that their scale does not matter much.
void agent_input(const struct agent *agent, const float *obs, float last_action, float last_reward,
                 float *out);

// ---- acting: several sequences at once, one step at a time
struct backend;
struct agent_player;
// One sequence's next step.
struct agent_step {
    int sequence; // 0 .. sequences - 1
    const float *obs;
    float last_action, last_reward; // as in agent_input
};
// sequences: how many there are, at least 1.
enum status agent_player_open(struct backend *backend, const struct agent *agent, int sequences,
                              struct agent_player **out);
void agent_player_load(struct agent_player *player, const float *params); // [n_floats]
void agent_player_begin(struct agent_player *player, int sequence); // a new episode: state to zero
// steps [n] of different sequences. Returns outputs [n][n_outputs], borrowed until the next call.
// A row has the same bits whichever others there are.
const float *agent_player_step(struct agent_player *player, const struct agent_step *steps, int n);
void agent_player_close(struct agent_player *player); // NULL is fine
