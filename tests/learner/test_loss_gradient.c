// The gradient of the whole loss through the agent's network, by central differences with targets
// held fixed.
#include "compute/backend.h"
#include "episode_case.h"
#include "learner/rules/rule.h"
#include "nn/plan_sequence.h"
#include "test_unit.h"

#include <math.h>

enum { TASKS = 2 };
static const struct trajectory_shape shape = {.rows = 6, .n_obs = 4, .n_choices = 5, .n_result = 2};

struct network_case {
    struct graph graph;
    struct sequence_plan *plan;
    struct episode_batch batch;
    struct popart popart;
    struct rule_options options;
    struct rule_work work;
    float *params, *output, *d_output, *gradients;
};

static double network_loss(struct network_case *n)
{
    struct rule_losses losses;
    sequence_load(n->plan, n->params);
    sequence_forward(n->plan, n->batch.inputs, n->batch.reset, NULL, n->output);
    rule_loss(&n->work, n->output, n->d_output, &losses);
    return losses.total;
}

static void check_network_gradient(struct network_case *n)
{
    network_loss(n);
    rule_targets(&n->work, n->output, true);
    network_loss(n);
    sequence_backward(n->plan, n->d_output, NULL);
    sequence_gradients(n->plan, n->gradients);
    double largest = 0.0;
    for (size_t i = 0; i < n->graph.n_trainable; i++) {
        largest = fmax(largest, fabs((double)n->gradients[i]));
    }
    int wrong = 0, tried = 0;
    for (size_t i = 0; i < n->graph.n_trainable; i += 3, tried++) {
        const float kept = n->params[i], up = kept + 4e-3F, down = kept - 4e-3F;
        n->params[i] = up;
        const double high = network_loss(n);
        n->params[i] = down;
        const double low = network_loss(n);
        n->params[i] = kept;
        const double slope = (high - low) / ((double)up - (double)down);
        const double error = fabs(slope - (double)n->gradients[i]);
        wrong += error > 2e-2 * fabs(slope) + 2e-3 * largest;
    }
    // A kink (ReLU, the clip) within the difference spoils the odd one.
    assert_true(largest > 1e-3);
    assert_true(wrong * 50 <= tried);
}

static void test_network_gradient(void **state)
{
    (void)state;
    for (int lstm = 0; lstm < 2; lstm++) {
        struct agent_case agent_case;
        struct episode_case episode;
        struct backend *backend;
        struct network_case n = {0};
        struct arena arena = {0};
        assert_ok(backend_open("cpu", &(struct backend_options){.threads = 1}, &backend));
        agent_case_make(&agent_case, lstm ? CORE_LSTM : CORE_NONE, DISTRIBUTION_GAUSSIAN, &shape,
                        TASKS);
        episode_open(&episode, &shape);
        const struct agent *agent = &agent_case.agent;
        const struct episode_batch_options batch = {
            .shape = &shape, .agent = agent, .episodes = 5, .unroll = 13};
        assert_ok(episode_batch_open(&batch, &arena, &n.batch));
        assert_ok(agent_graph(agent, n.batch.steps, &n.graph));
        const struct sequence_options sequence = {.batch = n.batch.lanes, .training = true};
        assert_ok(sequence_open(backend, &n.graph, &sequence, &n.plan));
        assert_ok(popart_open(TASKS, true, 0.05, &arena, &n.popart));
        assert_ok(rule_open(&n.batch, &arena, &n.work));
        n.options = (struct rule_options){.vtrace = {.discount = 0.95,
                                                     .rho_max = 1,
                                                     .rho_policy_max = 1,
                                                     .c_max = 1,
                                                     .lambda = 1},
                                          .correct = true,
                                          .entropy = 0.1,
                                          .value_cost = 0.5,
                                          .ratio_clip = 0.2,
                                          .imitation = 0.3};
        n.work.rule = &rule_vtrace;
        n.work.options = &n.options;
        n.work.popart = &n.popart;
        const size_t outputs = episode_batch_rows(&n.batch) * (size_t)agent->n_outputs;
        n.params = arena_alloc(&arena, n.graph.n_floats, sizeof(float));
        n.gradients = arena_alloc(&arena, n.graph.n_floats, sizeof(float));
        n.output = arena_alloc(&arena, outputs, sizeof(float));
        n.d_output = arena_alloc(&arena, outputs, sizeof(float));
        struct rng rng = rng_make(3, RNG_TEST, 0, 0);
        graph_init_params(&n.graph, 5, n.params);
        for (int i = 0; i < 5; i++) {
            double mean, square;
            const struct episode_wish wish = {.task = i % TASKS,
                                              .rows = 2 + (int)rng_below(&rng, 4),
                                              .truncated = i == 4,
                                              .reward_scale = i % TASKS == 0 ? 1.0 : 100.0};
            episode_fill(&episode, &wish, &rng);
            episode_batch_add(&n.batch, &episode.trajectory, i == 3 ? ROW_IMITATION : 0);
            popart_episode(&episode.trajectory, 0.95, &mean, &square);
            popart_feed(&n.popart, wish.task, mean, square);
        }
        check_network_gradient(&n);
        sequence_close(n.plan);
        graph_close(&n.graph);
        arena_close(&arena);
        episode_close(&episode);
        backend_close(backend);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_network_gradient)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
