#include "player_case.h"

#include "agent/distribution.h"

#include <string.h>

static struct backend *backend;
struct player player_amc, player_impala;

static void begin(void *context, const float *weights)
{
    struct player *p = context;
    agent_player_load(p->player, weights);
    agent_player_begin(p->player, 0);
    p->last_action = 0.0F;
}

static struct chosen choose(void *context, const float *obs, const struct offer *offer,
                            const struct ticket *ticket, int row)
{
    struct player *p = context;
    struct rng rng = rng_make(5, RNG_ACTION, (uint64_t)ticket->episode, (uint32_t)row);
    struct chosen chosen;
    const struct agent_step step = {.obs = obs, .last_action = p->last_action};
    const float *output = agent_player_step(p->player, &step, 1);
    p->agent.distribution->sample(output, offer, false, ticket->noise, &rng, &chosen);
    p->last_action = offer->position[chosen.choice];
    return chosen;
}

static bool open_player(const struct agent_options *options, int n_tasks, struct player *out)
{
    struct trajectory_shape shape;
    game_shape(true, &shape);
    const struct agent_shape sizes = {shape.n_obs, shape.n_choices, n_tasks};
    agent_make(options, &sizes, &out->agent);
    return agent_graph(&out->agent, 1, &out->graph) == OK &&
           agent_player_open(backend, &out->agent, 1, &out->player) == OK;
}

int players_open(void **state)
{
    (void)state;
    static const int wide[] = {300, 300}, narrow[] = {32, 32};
    static const struct int_list of_amc = {2, wide}, of_impala = {2, narrow};
    const struct backend_options one = {.threads = 1};
    const struct agent_options amc_options = {
        .dense = &of_amc, .core = CORE_NONE, .hidden = 1, .distribution = DISTRIBUTION_NOISY};
    const struct agent_options impala_options = {.dense = &of_impala,
                                                 .core = CORE_LSTM,
                                                 .hidden = 16,
                                                 .last_action = true,
                                                 .distribution = DISTRIBUTION_GAUSSIAN};
    const bool fine = backend_open("cpu", &one, &backend) == OK &&
                      open_player(&amc_options, 1, &player_amc) &&
                      open_player(&impala_options, GAME_TASKS, &player_impala);
    return fine ? 0 : -1;
}

int players_close(void **state)
{
    (void)state;
    agent_player_close(player_amc.player);
    agent_player_close(player_impala.player);
    graph_close(&player_amc.graph);
    graph_close(&player_impala.graph);
    backend_close(backend);
    return 0;
}

void player_set_method(struct loop_case *c, const struct method_ops *method, int evaluations)
{
    struct player *player = method == &method_impala ? &player_impala : &player_amc;
    loop_case_defaults(c);
    c->method = method;
    option_defaults(learner_option_table, &c->learner);
    c->learner.mode = MODE_SYNC;
    c->learner.lag = 0;
    c->learner.checkpoint_seconds = 1e9;
    c->search.evaluations = evaluations;
    c->agent = &player->agent;
    c->backend = backend;
    c->n_weights = player->graph.n_floats;
    c->policy = (struct game_policy){.begin = begin, .choose = choose, .context = player};
}

enum status player_imagine(void *context, const struct ticket *ticket, const float *weights,
                           size_t n, void *block)
{
    (void)context;
    static float copy[1 << 16];
    struct trajectory_shape shape;
    struct trajectory t;
    const struct game_policy policy = {.begin = begin, .choose = choose, .context = &player_impala};
    if (weights != NULL) {
        memcpy(copy, weights, n * sizeof *copy);
    }
    game_shape(true, &shape);
    game_play(&shape, ticket, copy, &policy, 0, block);
    trajectory_view(&shape, block, &t);
    t.header->score = 0.0; // nothing is scored
    t.reward[GAME_GROUPS - 1] = 0.0F;
    return OK;
}

void player_set_assisted(struct loop_case *c, int evaluations)
{
    player_set_method(c, &method_impala, evaluations);
    c->known = true;
    c->imagine = player_imagine;
    c->search.start = START_BOTH;
    c->learner.taught_batches = c->learner.distilled_batches = 5;
    c->learner.on_policy_from = PLAYER_OWN_FROM;
}
