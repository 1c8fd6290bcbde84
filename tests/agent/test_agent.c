// The network of the policy: its rows in and out, its start, and acting step by step.
#include "agent/agent.h"
#include "agent/distribution.h"
#include "compute/backend.h"
#include "core/rng.h"
#include "count_allocations.h"
#include "nn/plan_sequence.h"
#include "test_unit.h"

#include <math.h>

enum { STEPS = 23, OBS = 6, CHOICES = 9, TASKS = 2, MOST_SEQUENCES = 32 };
static const struct agent_shape shape = {OBS, CHOICES, TASKS};

static struct agent_options usual_options(void)
{
    struct agent_options options;
    option_defaults(agent_option_table, &options);
    return options;
}

static struct agent make(const struct agent_options *options)
{
    struct agent agent;
    agent_make(options, &shape, &agent);
    return agent;
}

static float *new_floats(size_t n)
{
    float *values = calloc(n + 1, sizeof *values);
    assert_non_null(values);
    return values;
}

static void fill_normal(float *values, size_t n, uint64_t stream)
{
    struct rng rng = rng_make(0, RNG_TEST, stream, 0);
    for (size_t i = 0; i < n; i++) {
        values[i] = rng_normal(&rng);
    }
}

static void options_are_usable(void **state)
{
    (void)state;
    struct agent_options options = usual_options();
    assert_int_equal(options.distribution, DISTRIBUTION_GAUSSIAN);
    assert_int_equal(options.core, CORE_NONE);
    assert_true(options.last_action);
    struct agent agent = make(&options);
    assert_int_equal(agent.n_inputs, OBS + 2);
    assert_int_equal(agent.n_policy, 2);
    assert_int_equal(agent.n_outputs, 2 + TASKS);
    assert_int_equal(agent.options.dense->n, 2);
    assert_int_equal(agent.options.dense->values[1], 64);
    for (const struct option *row = agent_option_table; row->key != NULL; row++) {
        if (strcmp(row->key, "distribution") == 0) {
            int n = 0;
            for (; row->choices[n] != NULL; n++) {
                assert_string_equal(row->choices[n], distributions[n]->name);
            }
            assert_null(distributions[n]);
        }
    }
    options.distribution = DISTRIBUTION_CATEGORICAL;
    options.last_action = false;
    agent = make(&options);
    assert_int_equal(agent.n_inputs, OBS);
    assert_int_equal(agent.n_outputs, CHOICES + TASKS);
}

static void input_row_is_joined(void **state)
{
    (void)state;
    struct agent_options options = usual_options();
    struct agent agent = make(&options);
    const float obs[OBS] = {1, 2, 3, 4, 5, 6};
    float row[OBS + 3] = {0};
    row[OBS + 2] = 77.0F;
    agent_input(&agent, obs, 0.25F, -1000.0F, row);
    assert_memory_equal(row, obs, sizeof obs);
    assert_true(row[OBS] == 0.25F && fabsf(row[OBS + 1] + logf(1001.0F)) < 1e-5F);
    agent_input(&agent, obs, 0.0F, 1e-3F, row);
    assert_true(fabsf(row[OBS + 1] - logf(1.001F)) < 1e-7F && row[OBS + 2] == 77.0F);
    options.last_action = false;
    agent = make(&options);
    row[OBS] = 77.0F;
    agent_input(&agent, obs, 0.25F, 1.0F, row);
    assert_true(row[OBS] == 77.0F);
}

// The block does not depend on the number of steps, and counts what the layers have.
static void block_is_the_same_for_all_lengths(void **state)
{
    (void)state;
    static const int widths[] = {10, 7};
    static const struct int_list dense = {2, widths};
    struct agent_options options = usual_options();
    options.dense = &dense;
    for (int i = 0; i < 4; i++) {
        options.core = i % 2 == 0 ? CORE_NONE : CORE_LSTM;
        options.last_action = i / 2 == 0;
        options.hidden = 5;
        const struct agent agent = make(&options);
        struct graph one, many;
        assert_ok(agent_graph(&agent, 1, &one));
        assert_ok(agent_graph(&agent, STEPS, &many));
        const size_t joined = 7 + (options.last_action ? 2 : 0);
        const size_t core = i % 2 == 0 ? joined : 5;
        const size_t lstm = i % 2 == 0 ? 0 : 20 * (joined + 5 + 1);
        const size_t expected = (OBS + 1) * 10 + 11 * 7 + lstm + (core + 1) * (2 + TASKS);
        assert_int_equal(one.n_floats, expected);
        assert_int_equal(many.n_floats, expected);
        assert_int_equal(many.n_trainable, expected);
        assert_int_equal(many.n_params, one.n_params);
        for (int p = 0; p < one.n_params; p++) {
            assert_string_equal(one.params[p].name, many.params[p].name);
            assert_int_equal(one.params[p].offset, many.params[p].offset);
        }
        const struct node *last = &many.nodes[many.n_nodes - 1];
        assert_string_equal(last->name, "heads");
        assert_true(last->h == STEPS && last->w == 1 && last->c == 2 + TASKS);
        graph_close(&one);
        graph_close(&many);
    }
}

static void run_sequence(struct backend *backend, const struct graph *graph, const float *params,
                         const float *inputs, float *output)
{
    struct sequence_plan *plan;
    assert_ok(sequence_open(backend, graph, &(struct sequence_options){.batch = 1}, &plan));
    sequence_load(plan, params);
    sequence_forward(plan, inputs, NULL, NULL, output);
    sequence_close(plan);
}

static const float *step_one(struct agent_player *player, const float *obs, float last_action,
                             float last_reward)
{
    const struct agent_step step = {
        .obs = obs, .last_action = last_action, .last_reward = last_reward};
    return agent_player_step(player, &step, 1);
}

// Two episodes, one after the other, against the whole sequence at once, as the learner sees it.
static void check_player(const char *backend_name, const struct agent_options *options)
{
    struct backend *backend;
    const bool check = strcmp(backend_name, "ref") == 0;
    assert_ok(backend_open(backend_name, &(struct backend_options){.threads = 1, .check = check},
                           &backend));
    const struct agent agent = make(options);
    struct graph graph;
    assert_ok(agent_graph(&agent, STEPS, &graph));
    const size_t n_inputs = (size_t)agent.n_inputs, n_outputs = (size_t)agent.n_outputs;
    float *params = new_floats(graph.n_floats), *obs = new_floats(STEPS * OBS);
    float *inputs = new_floats(STEPS * n_inputs), *output = new_floats(STEPS * n_outputs);
    graph_init_params(&graph, 3, params); // heads not small
    struct agent_player *player;
    assert_ok(agent_player_open(backend, &agent, 1, &player));
    agent_player_load(player, params);
    for (int episode = 0; episode < 2; episode++) {
        float last[STEPS][2] = {{0}}; // action, reward
        fill_normal(obs, STEPS * OBS, (uint64_t)episode);
        fill_normal(last[1], 2 * (STEPS - 1), 10 + (uint64_t)episode);
        for (size_t t = 0; t < STEPS; t++) {
            agent_input(&agent, obs + t * OBS, last[t][0], last[t][1], inputs + t * n_inputs);
        }
        run_sequence(backend, &graph, params, inputs, output);
        agent_player_begin(player, 0);
        for (size_t t = 0; t < STEPS; t++) {
            const float *got = step_one(player, obs + t * OBS, last[t][0], last[t][1]);
            for (size_t i = 0; i < n_outputs; i++) {
                assert_true(fabsf(got[i] - output[t * n_outputs + i]) < 1e-5F);
            }
        }
    }
    agent_player_close(player);
    free(params);
    free(obs);
    free(inputs);
    free(output);
    graph_close(&graph);
    backend_close(backend);
}

static void player_equals_the_sequence(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        struct agent_options options = usual_options();
        options.core = i % 2 == 0 ? CORE_NONE : CORE_LSTM;
        options.last_action = i / 2 % 2 == 0;
        options.distribution = i / 2 % 2 == 0 ? DISTRIBUTION_GAUSSIAN : DISTRIBUTION_CATEGORICAL;
        options.hidden = 17;
        check_player(i / 4 == 0 ? "ref" : "cpu", &options);
    }
}

// Sequence i takes part in a step unless chance says no, but at least one does.
static int draw_steps(struct rng *rng, int sequences, const float *obs, struct agent_step *steps)
{
    int n = 0;
    for (int i = 0; i < sequences; i++) {
        if (rng_uniform(rng) < 0.7F || (n == 0 && i + 1 == sequences)) {
            steps[n++] = (struct agent_step){.sequence = i,
                                             .obs = obs + (size_t)i * OBS,
                                             .last_action = rng_uniform(rng),
                                             .last_reward = rng_normal(rng)};
        }
    }
    return n;
}

static void check_rows(struct backend *backend, const struct agent_options *options, int sequences)
{
    const struct agent agent = make(options);
    struct graph graph;
    assert_ok(agent_graph(&agent, 1, &graph));
    float *params = new_floats(graph.n_floats), *obs = new_floats((size_t)sequences * OBS);
    graph_init_params(&graph, 3, params);
    struct agent_player *together, *alone[MOST_SEQUENCES];
    struct agent_step steps[MOST_SEQUENCES];
    struct rng rng = rng_make(5, RNG_TEST, (uint64_t)sequences, 0);
    assert_ok(agent_player_open(backend, &agent, sequences, &together));
    agent_player_load(together, params);
    for (int i = 0; i < sequences; i++) {
        assert_ok(agent_player_open(backend, &agent, 1, &alone[i]));
        agent_player_load(alone[i], params);
        agent_player_begin(together, i);
        agent_player_begin(alone[i], 0);
    }
    for (int t = 0; t < STEPS; t++) {
        fill_normal(obs, (size_t)sequences * OBS, (uint64_t)t);
        const int n = draw_steps(&rng, sequences, obs, steps);
        const float *rows = agent_player_step(together, steps, n);
        for (int i = 0; i < n; i++) {
            const struct agent_step *s = &steps[i];
            const float *row = step_one(alone[s->sequence], s->obs, s->last_action, s->last_reward);
            assert_memory_equal(rows + (ptrdiff_t)i * agent.n_outputs, row,
                                (size_t)agent.n_outputs * sizeof *row);
        }
        if (t == STEPS / 2) { // one begins anew, the others do not notice
            agent_player_begin(together, sequences / 2);
            agent_player_begin(alone[sequences / 2], 0);
        }
    }
    for (int i = 0; i < sequences; i++) {
        agent_player_close(alone[i]);
    }
    agent_player_close(together);
    graph_close(&graph);
    free(params);
    free(obs);
}

// To the bit: what a policy chooses must not depend on how many episodes are played at once.
static void rows_do_not_depend_on_each_other(void **state)
{
    (void)state;
    static const int usual[] = {64, 64}, odd[] = {33, 7}, paper[] = {100, 400, 300};
    static const struct int_list lists[] = {{2, usual}, {2, odd}, {3, paper}};
    static const int counts[] = {2, 3, 4, 5, 8, 13, MOST_SEQUENCES};
    struct backend *backend;
    assert_ok(backend_open("cpu", &(struct backend_options){.threads = 1}, &backend));
    for (int i = 0; i < 6; i++) {
        struct agent_options options = usual_options();
        options.dense = &lists[i / 2];
        options.core = i % 2 == 0 ? CORE_NONE : CORE_LSTM;
        options.hidden = i < 4 ? 17 : 302;
        options.last_action = true;
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            check_rows(backend, &options, counts[k]);
        }
    }
    backend_close(backend);
}

// What it saw before matters with a core, and only then.
static void lstm_remembers(void **state)
{
    (void)state;
    struct backend *backend;
    assert_ok(backend_open("ref", &(struct backend_options){.check = true}, &backend));
    for (int lstm = 0; lstm < 2; lstm++) {
        struct agent_options options = usual_options();
        options.core = lstm != 0 ? CORE_LSTM : CORE_NONE;
        const struct agent agent = make(&options);
        struct graph graph;
        assert_ok(agent_graph(&agent, 1, &graph));
        float *params = new_floats(graph.n_floats);
        graph_init_params(&graph, 4, params);
        struct agent_player *player;
        assert_ok(agent_player_open(backend, &agent, 1, &player));
        agent_player_load(player, params);
        const float now[OBS] = {1, 0, 1}, before[2][OBS] = {{0, 1}, {0, 0, 0, 1}};
        float seen[2];
        for (int i = 0; i < 2; i++) {
            agent_player_begin(player, 0);
            step_one(player, before[i], 0.0F, 0.0F);
            seen[i] = step_one(player, now, 0.5F, 0.0F)[0];
        }
        assert_int_equal(seen[0] != seen[1], lstm);
        agent_player_close(player);
        graph_close(&graph);
        free(params);
    }
    agent_player_close(NULL);
    backend_close(backend);
}

// A new policy says nearly the same whatever it sees, and the same seed gives the same weights.
static void start_is_broad(void **state)
{
    (void)state;
    struct backend *backend;
    assert_ok(backend_open("ref", &(struct backend_options){.check = true}, &backend));
    struct agent_options options = usual_options();
    for (int lstm = 0; lstm < 2; lstm++) {
        options.core = lstm != 0 ? CORE_LSTM : CORE_NONE;
        const struct agent agent = make(&options);
        struct graph graph;
        assert_ok(agent_graph(&agent, STEPS, &graph));
        const size_t n_outputs = (size_t)agent.n_outputs;
        float *params = new_floats(graph.n_floats), *again = new_floats(graph.n_floats);
        float *inputs = new_floats(STEPS * (OBS + 2)), *output = new_floats(STEPS * n_outputs);
        agent_init(&graph, 8, params);
        agent_init(&graph, 8, again);
        assert_memory_equal(params, again, graph.n_floats * sizeof *params);
        agent_init(&graph, 9, again);
        assert_memory_not_equal(params, again, graph.n_floats * sizeof *params);
        fill_normal(inputs, STEPS * (OBS + 2), 20);
        run_sequence(backend, &graph, params, inputs, output);
        for (size_t i = 0; i < STEPS * n_outputs; i++) {
            assert_true(fabsf(output[i]) < 0.25F);
        }
        free(params);
        free(again);
        free(inputs);
        free(output);
        graph_close(&graph);
    }
    backend_close(backend);
}

static void acting_allocates_nothing(void **state)
{
    (void)state;
    struct backend *backend;
    assert_ok(backend_open("cpu", &(struct backend_options){.threads = 1}, &backend));
    struct agent_options options = usual_options();
    options.core = CORE_LSTM;
    const struct agent agent = make(&options);
    struct graph graph;
    assert_ok(agent_graph(&agent, 1, &graph));
    float *params = new_floats(graph.n_floats), position[CHOICES];
    uint8_t legal[CHOICES];
    for (int k = 0; k < CHOICES; k++) {
        position[k] = (float)k / (CHOICES - 1);
        legal[k] = k % 3 != 1;
    }
    const struct offer offer = {CHOICES, position, legal, false};
    agent_init(&graph, 1, params);
    struct agent_player *player;
    assert_ok(agent_player_open(backend, &agent, 1, &player));
    agent_player_load(player, params);
    const long before = allocations_so_far();
    for (int episode = 0; episode < 3; episode++) {
        agent_player_begin(player, 0);
        for (int t = 0; t < STEPS; t++) {
            const float obs[OBS] = {(float)t};
            struct rng rng = rng_make(1, RNG_ACTION, (uint64_t)episode, (uint32_t)t);
            struct chosen taken;
            struct distribution_value value;
            double d_logp[2], d_entropy[2];
            const float *output = step_one(player, obs, 0.0F, 0.0F);
            agent.distribution->sample(output, &offer, false, 0.0F, &rng, &taken);
            agent.distribution->value(output, &offer, &taken, &value, d_logp, d_entropy);
        }
    }
    assert_int_equal(allocations_so_far(), before);
    agent_player_close(player);
    graph_close(&graph);
    free(params);
    backend_close(backend);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_usable),
        cmocka_unit_test(input_row_is_joined),
        cmocka_unit_test(block_is_the_same_for_all_lengths),
        cmocka_unit_test(player_equals_the_sequence),
        cmocka_unit_test(rows_do_not_depend_on_each_other),
        cmocka_unit_test(lstm_remembers),
        cmocka_unit_test(start_is_broad),
        cmocka_unit_test(acting_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
