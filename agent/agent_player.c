// Acting: plans of one step whose states live here between steps. A single sequence has a plan of
// its own, so that it does not pay for the others.
#include "agent/agent.h"
#include "nn/plan_sequence.h"

#include <stdlib.h>
#include <string.h>

enum { ALONE, TOGETHER, N_PLANS };

struct player_plan {
    struct sequence_plan *plan; // owned; NULL: not needed
    int rows;
    bool loaded; // has the newest weights
};
struct agent_player {
    struct arena arena;
    struct agent agent;
    struct graph graph; // owned
    struct player_plan plans[N_PLANS];
    size_t n_state;
    int sequences;
    float *params; // [n_floats] arena, as all here
    float *states; // [sequences][n_state]
    float *state;  // [rows][n_state] of a step
    float *input;  // [rows][n_inputs]
    float *output; // [rows][n_outputs]
};

static enum status open_plan(struct agent_player *player, struct backend *backend, int kind)
{
    struct player_plan *plan = &player->plans[kind];
    plan->rows = kind == ALONE ? 1 : player->sequences;
    const struct sequence_options options = {.batch = plan->rows};
    return sequence_open(backend, &player->graph, &options, &plan->plan);
}

static enum status prepare(struct agent_player *player, struct backend *backend)
{
    const size_t rows = (size_t)player->sequences;
    TRY(agent_graph(&player->agent, 1, &player->graph));
    TRY(open_plan(player, backend, ALONE));
    if (player->sequences > 1) {
        TRY(open_plan(player, backend, TOGETHER));
    }
    player->n_state = sequence_state_count(&player->graph);
    ARENA_NEW(&player->arena, player->params, player->graph.n_floats);
    ARENA_NEW(&player->arena, player->states, rows * player->n_state);
    ARENA_NEW(&player->arena, player->state, rows * player->n_state);
    ARENA_NEW(&player->arena, player->input, rows * (size_t)player->agent.n_inputs);
    ARENA_NEW(&player->arena, player->output, rows * (size_t)player->agent.n_outputs);
    return OK;
}

enum status agent_player_open(struct backend *backend, const struct agent *agent, int sequences,
                              struct agent_player **out)
{
    CHECK(sequences >= 1);
    struct agent_player *player = calloc(1, sizeof *player);
    if (player == NULL) {
        FAIL(ERR_MEMORY, "no memory for the policy of an actor");
    }
    player->agent = *agent;
    player->sequences = sequences;
    const enum status code = prepare(player, backend);
    if (code != OK) {
        agent_player_close(player);
        return code;
    }
    *out = player;
    return OK;
}

void agent_player_load(struct agent_player *player, const float *params)
{
    memcpy(player->params, params, player->graph.n_floats * sizeof *params);
    player->plans[ALONE].loaded = player->plans[TOGETHER].loaded = false;
}

static float *state_of(const struct agent_player *player, int sequence)
{
    CHECK(sequence >= 0 && sequence < player->sequences);
    return player->states + (size_t)sequence * player->n_state;
}

void agent_player_begin(struct agent_player *player, int sequence)
{
    memset(state_of(player, sequence), 0, player->n_state * sizeof *player->states);
}

const float *agent_player_step(struct agent_player *player, const struct agent_step *steps, int n)
{
    CHECK(n >= 1 && n <= player->sequences);
    struct player_plan *plan = &player->plans[n == 1 ? ALONE : TOGETHER];
    const size_t n_state = player->n_state, bytes = n_state * sizeof *player->state;
    if (!plan->loaded) {
        sequence_load(plan->plan, player->params);
        plan->loaded = true;
    }
    for (int i = 0; i < n; i++) {
        const struct agent_step *step = &steps[i];
        agent_input(&player->agent, step->obs, step->last_action, step->last_reward,
                    player->input + (size_t)i * (size_t)player->agent.n_inputs);
        memcpy(player->state + (size_t)i * n_state, state_of(player, step->sequence), bytes);
    }
    // Rows beyond n go on with what is left there from earlier steps; nobody looks at them.
    // Policies run on the host's processor, which does not fail.
    CHECK(sequence_forward(plan->plan, player->input, NULL, player->state, player->output) == OK);
    for (int i = 0; i < n; i++) {
        memcpy(state_of(player, steps[i].sequence), player->state + (size_t)i * n_state, bytes);
    }
    return player->output;
}

void agent_player_close(struct agent_player *player)
{
    if (player != NULL) {
        sequence_close(player->plans[ALONE].plan);
        sequence_close(player->plans[TOGETHER].plan);
        graph_close(&player->graph);
        arena_close(&player->arena);
        free(player);
    }
}
