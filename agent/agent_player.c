// Acting: a plan for one sequence of one step, whose state lives here between steps.
#include "agent/agent.h"
#include "nn/plan_sequence.h"

#include <stdlib.h>
#include <string.h>

struct agent_player {
    struct arena arena;
    struct agent agent;
    struct graph graph;         // owned
    struct sequence_plan *plan; // owned
    size_t n_state;
    float *state;  // [n_state] arena
    float *input;  // [n_inputs] arena
    float *output; // [n_outputs] arena
};

static enum status prepare(struct agent_player *player, struct backend *backend)
{
    TRY(agent_graph(&player->agent, 1, &player->graph));
    TRY(sequence_open(backend, &player->graph, &(struct sequence_options){.batch = 1},
                      &player->plan));
    player->n_state = sequence_state_count(&player->graph);
    ARENA_NEW(&player->arena, player->state, player->n_state);
    ARENA_NEW(&player->arena, player->input, (size_t)player->agent.n_inputs);
    ARENA_NEW(&player->arena, player->output, (size_t)player->agent.n_outputs);
    return OK;
}

enum status agent_player_open(struct backend *backend, const struct agent *agent,
                              struct agent_player **out)
{
    struct agent_player *player = calloc(1, sizeof *player);
    if (player == NULL) {
        FAIL(ERR_MEMORY, "no memory for the policy of an actor");
    }
    player->agent = *agent;
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
    sequence_load(player->plan, params);
}

void agent_player_begin(struct agent_player *player)
{
    memset(player->state, 0, player->n_state * sizeof *player->state);
}

const float *agent_player_step(struct agent_player *player, const float *obs, float last_action,
                               float last_reward)
{
    agent_input(&player->agent, obs, last_action, last_reward, player->input);
    // Policies run on the host's processor, which does not fail.
    CHECK(sequence_forward(player->plan, player->input, NULL, player->state, player->output) == OK);
    return player->output;
}

void agent_player_close(struct agent_player *player)
{
    if (player != NULL) {
        sequence_close(player->plan);
        graph_close(&player->graph);
        arena_close(&player->arena);
        free(player);
    }
}
