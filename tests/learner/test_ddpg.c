// DDPG where the best action is known: two states that want different actions, and a chain where
// only the next state's value tells what is good.
#include "core/rng.h"
#include "learner/methods/ddpg.h"
#include "test_folder.h"
#include "test_unit.h"

#include <math.h>

enum { INPUTS = 2, HIDDEN_WIDTH = 64 };

struct fixture {
    struct backend *backend;
    struct graph actor;
    struct ddpg *ddpg;
};

static void make_actor(struct graph *out)
{
    const struct conv_attributes wide = {
        .out_c = HIDDEN_WIDTH, .kernel_h = 1, .kernel_w = 1, .stride = 1, .bias = true};
    struct conv_attributes heads = wide;
    heads.out_c = 2; // the action and something else
    int node = 0;
    assert_ok(graph_begin(out, 1, 1, INPUTS));
    assert_ok(graph_add_conv(out, "fc", node, &wide, &node));
    assert_ok(graph_add_act(out, "relu", node, ACTIVATION_RELU, &node));
    assert_ok(graph_add_conv(out, "heads", node, &heads, &node));
    assert_ok(graph_finish(out));
}

static void open_fixture(struct fixture *f)
{
    const struct backend_options one = {.threads = 1};
    const struct ddpg_options options = {.batch = 32,
                                         .replay = 500,
                                         .hidden = HIDDEN_WIDTH,
                                         .actor_rate = 1e-3,
                                         .critic_rate = 3e-3,
                                         .discount = 1.0,
                                         .follow = 0.02,
                                         .baseline_rate = 0.5,
                                         .seed = 1};
    assert_ok(backend_open("cpu", &one, &f->backend));
    make_actor(&f->actor);
    assert_ok(ddpg_open(f->backend, &f->actor, &options, &f->ddpg));
    float *params = calloc(f->actor.n_floats, sizeof *params);
    assert_non_null(params);
    graph_init_params(&f->actor, 3, params);
    for (size_t i = 0; i < f->actor.n_floats; i++) {
        params[i] *= 0.3F;
    }
    ddpg_begin(f->ddpg, params, 4);
    free(params);
}

static void close_fixture(struct fixture *f)
{
    ddpg_close(f->ddpg);
    graph_close(&f->actor);
    backend_close(f->backend);
}

// What the actor would do, by plain loops over its weights.
static double act(const struct fixture *f, const float *state)
{
    const float *params = ddpg_actor(f->ddpg);
    const struct param *w1 = graph_find_param(&f->actor, "fc.weight");
    const struct param *b1 = graph_find_param(&f->actor, "fc.bias");
    const struct param *w2 = graph_find_param(&f->actor, "heads.weight");
    const struct param *b2 = graph_find_param(&f->actor, "heads.bias");
    double sum = (double)params[b2->offset];
    for (int i = 0; i < HIDDEN_WIDTH; i++) {
        double h = (double)params[b1->offset + (size_t)i];
        for (int k = 0; k < INPUTS; k++) {
            h += (double)state[k] * (double)params[w1->offset + (size_t)(i * INPUTS + k)];
        }
        sum += (h > 0.0 ? h : 0.0) * (double)params[w2->offset + (size_t)i];
    }
    return 1.0 / (1.0 + exp(-sum));
}

static const float left[INPUTS] = {1.0F, 0.0F}, right[INPUTS] = {0.0F, 1.0F};

static void remember_bandits(struct fixture *f)
{
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    for (int i = 0; i < 400; i++) {
        const float action = rng_uniform(&rng);
        const float best = i % 2 == 0 ? 0.25F : 0.8F;
        const struct ddpg_transition t = {.state = i % 2 == 0 ? left : right,
                                          .action = action,
                                          .reward = 1.0F - fabsf(action - best),
                                          .last = true};
        ddpg_remember(f->ddpg, &t);
    }
}

static void finds_the_action_of_each_state(void **state)
{
    (void)state;
    struct fixture f;
    struct ddpg_result result;
    open_fixture(&f);
    remember_bandits(&f);
    for (int i = 0; i < 800; i++) {
        assert_true(ddpg_update(f.ddpg, &result));
    }
    assert_true(fabs(act(&f, left) - 0.25) < 0.08);
    assert_true(fabs(act(&f, right) - 0.8) < 0.08);
    assert_true(result.critic_loss < 0.01);
    close_fixture(&f);
}

// left -> right -> end. The reward comes at `right` only, and depends on the first action, which
// the second state tells of: only the target critic carries it back.
static void value_flows_back(void **state)
{
    (void)state;
    struct fixture f;
    struct ddpg_result result;
    struct rng rng = rng_make(3, RNG_TEST, 0, 0);
    open_fixture(&f);
    for (int i = 0; i < 250; i++) {
        const float first = rng_uniform(&rng), second = rng_uniform(&rng);
        const float after[INPUTS] = {-fabsf(first - 0.7F), 1.0F};
        const struct ddpg_transition begin = {.state = left, .next = after, .action = first};
        const struct ddpg_transition end = {
            .state = after, .action = second, .reward = 2.0F * after[0], .last = true};
        ddpg_remember(f.ddpg, &begin);
        ddpg_remember(f.ddpg, &end);
    }
    for (int i = 0; i < 1000; i++) {
        assert_true(ddpg_update(f.ddpg, &result));
    }
    assert_true(fabs(act(&f, left) - 0.7) < 0.12);
    close_fixture(&f);
}

static void state_round_trips(void **state)
{
    (void)state;
    struct test_folder folder;
    struct fixture a, b;
    struct ddpg_result result;
    test_folder_make(&folder);
    open_fixture(&a);
    remember_bandits(&a);
    for (int i = 0; i < 5; i++) {
        assert_true(ddpg_update(a.ddpg, &result));
    }
    struct state_list list = {0}, other = {0};
    const char *path = test_folder_path(&folder, "state.h5");
    ddpg_state(a.ddpg, &list);
    ddpg_save(a.ddpg);
    assert_ok(state_list_save(&list, "x", path));

    open_fixture(&b);
    ddpg_state(b.ddpg, &other);
    assert_ok(state_list_load(&other, "x", path));
    ddpg_load(b.ddpg);
    for (int i = 0; i < 5; i++) {
        assert_true(ddpg_update(a.ddpg, &result));
        assert_true(ddpg_update(b.ddpg, &result));
    }
    assert_memory_equal(ddpg_actor(a.ddpg), ddpg_actor(b.ddpg), a.actor.n_floats * sizeof(float));
    close_fixture(&a);
    close_fixture(&b);
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_action_of_each_state),
        cmocka_unit_test(value_flows_back),
        cmocka_unit_test(state_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
