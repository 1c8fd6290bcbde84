// The learning method as a whole: updates, those that are skipped, and states that are saved.
#include "compute/backend.h"
#include "count_allocations.h"
#include "episode_case.h"
#include "learner/methods/method.h"
#include "test_unit.h"

#include <math.h>

enum { TASKS = 2 };
static const struct trajectory_shape shape = {.rows = 6, .n_obs = 4, .n_choices = 5, .n_result = 2};

struct method_case {
    struct backend *backend;
    struct agent_case agent;
    struct learner_options options;
    struct episode_case episode;
    struct method *method;
};

static void open_method(struct method_case *c)
{
    const struct method_job job = {.learner = &c->options,
                                   .shape = &shape,
                                   .agent = &c->agent.agent,
                                   .backend = c->backend,
                                   .n_tasks = TASKS,
                                   .updates = 100,
                                   .seed = 7};
    assert_ok(method_impala.open(&job, &c->method));
}

static void open_case(struct method_case *c, enum agent_core core)
{
    *c = (struct method_case){0};
    option_defaults(learner_option_table, &c->options);
    c->options.batch = 4;
    c->options.imitation_best = 3;
    assert_ok(backend_open("cpu", &(struct backend_options){.threads = 1}, &c->backend));
    agent_case_make(&c->agent, core, DISTRIBUTION_GAUSSIAN, &shape, TASKS);
    episode_open(&c->episode, &shape);
}

static void close_case(struct method_case *c)
{
    method_impala.close(c->method);
    episode_close(&c->episode);
    backend_close(c->backend);
}

// Episode number n of a fixed sequence.
static const struct trajectory *make_episode(struct method_case *c, int n)
{
    struct rng rng = rng_make(3, RNG_TEST, (uint64_t)n, 0);
    const struct episode_wish wish = {.task = n % TASKS,
                                      .rows = 2 + (int)rng_below(&rng, 4),
                                      .truncated = n % 5 == 4,
                                      .reward_scale = n % TASKS == 0 ? 1.0 : 100.0};
    episode_fill(&c->episode, &wish, &rng);
    c->episode.trajectory.header->episode = n;
    return &c->episode.trajectory;
}

static struct update_row run_update(struct method_case *c, int number)
{
    struct update_row row = {0};
    for (int i = 0; i < c->options.batch; i++) {
        const struct trajectory *episode = make_episode(c, number * c->options.batch + i);
        assert_ok(method_impala.take(c->method, episode, true));
    }
    assert_ok(method_impala.update(c->method, &row));
    return row;
}

static float *copy_weights(const struct method_case *c, size_t *n)
{
    const float *weights = method_impala.weights(c->method, n);
    float *copy = malloc(*n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, weights, *n * sizeof *copy);
    return copy;
}

static bool weights_are(const struct method_case *c, const float *expected)
{
    size_t n;
    const float *weights = method_impala.weights(c->method, &n);
    return memcmp(weights, expected, n * sizeof *weights) == 0;
}

static void test_update(void **state)
{
    (void)state;
    struct method_case c;
    open_case(&c, CORE_LSTM);
    open_method(&c);
    size_t n;
    float *first = copy_weights(&c, &n);
    struct ticket ticket = {.source = ACTIONS_RANDOM};
    method_impala.propose(c.method, &ticket);
    assert_int_equal(ticket.source, ACTIONS_POLICY);
    const struct update_row row = run_update(&c, 0);
    assert_int_equal(row.skipped, 0);
    assert_true(row.frames > 4 && row.entropy > 0.0 && row.mean_rho > 0.0);
    assert_true(row.effective_share > 0.0 && row.effective_share <= 1.0);
    assert_true(row.gradient_norm > 0.0 && row.learning_rate == c.options.learning_rate);
    assert_false(weights_are(&c, first));
    // Nothing came back: the version moves on, the weights do not.
    float *second = copy_weights(&c, &n);
    struct update_row empty = {0};
    assert_ok(method_impala.update(c.method, &empty));
    assert_int_equal(empty.frames, 0);
    assert_true(weights_are(&c, second));
    const struct update_row third = run_update(&c, 2);
    assert_true(third.frames > 4);
    assert_false(weights_are(&c, second));
    free(first);
    free(second);
    close_case(&c);
}

// How many of n proposals are given rather than left to the policy.
static int count_neighbours(struct method_case *c, int task, int n)
{
    int given = 0;
    for (int i = 0; i < n; i++) {
        struct ticket ticket = {.task = task, .episode = 1000 + i};
        method_impala.propose(c->method, &ticket);
        assert_true(ticket.source == ACTIONS_GIVEN || ticket.source == ACTIONS_POLICY);
        assert_true((ticket.source == ACTIONS_GIVEN) == (ticket.n_given > 0));
        given += ticket.source == ACTIONS_GIVEN;
    }
    return given;
}

static void take_all(struct method_case *c, int source, bool fresh, int n)
{
    struct update_row row = {0};
    for (int i = 0; i < n; i++) {
        const struct trajectory *episode = make_episode(c, 2 * i); // all of task 0
        episode->header->source = source;
        assert_ok(method_impala.take(c->method, episode, fresh));
        if (i % c->options.batch == c->options.batch - 1) {
            assert_ok(method_impala.update(c->method, &row));
        }
    }
}

// Where the policy finds what is known already, and nowhere else, neighbours are tried.
static void test_neighbours(void **state)
{
    (void)state;
    struct method_case c;
    open_case(&c, CORE_NONE);
    open_method(&c);
    take_all(&c, ACTIONS_POLICY, true, 40);
    assert_int_equal(count_neighbours(&c, 0, 100), 0);
    take_all(&c, ACTIONS_POLICY, false, 80);
    assert_true(count_neighbours(&c, 0, 100) > 90);
    assert_int_equal(count_neighbours(&c, 1, 100), 0);
    take_all(&c, ACTIONS_POLICY, true, 80);
    assert_true(count_neighbours(&c, 0, 100) < 10);
    close_case(&c);
    open_case(&c, CORE_NONE);
    c.options.mutation = 0;
    open_method(&c);
    take_all(&c, ACTIONS_POLICY, false, 80);
    assert_int_equal(count_neighbours(&c, 0, 100), 0);
    close_case(&c);
}

static void list_state(struct method_case *c, struct state_list *list)
{
    *list = (struct state_list){0};
    assert_ok(method_impala.state(c->method, list));
    method_impala.save(c->method);
}

static int kept_to_imitate(struct method_case *c, int task)
{
    struct state_list list;
    list_state(c, &list);
    for (int i = 0; i < list.n; i++) {
        if (strcmp(list.items[i].name, "best_count") == 0) {
            return ((const int32_t *)list.items[i].data)[task];
        }
    }
    fail_msg("the state has no best_count");
    return 0;
}

// Episodes that were given have no probability to learn from: they are kept to imitate, do not say
// how often the policy repeats itself, and a batch of them alone changes nothing.
static void test_given(void **state)
{
    (void)state;
    struct method_case c;
    open_case(&c, CORE_NONE);
    open_method(&c);
    size_t n;
    float *first = copy_weights(&c, &n);
    assert_int_equal(kept_to_imitate(&c, 0), 0);
    take_all(&c, ACTIONS_GIVEN, false, 8);
    assert_int_equal(kept_to_imitate(&c, 0), c.options.imitation_best);
    assert_int_equal(kept_to_imitate(&c, 1), 0);
    assert_int_equal(count_neighbours(&c, 0, 100), 0);
    assert_true(weights_are(&c, first));
    free(first);
    close_case(&c);
}

static size_t item_bytes(const struct state_item *item)
{
    static const size_t sizes[] = {
        [HDF5_U8] = 1, [HDF5_I32] = 4, [HDF5_I64] = 8, [HDF5_F32] = 4, [HDF5_F64] = 8};
    return item->count * sizes[item->type];
}

static void copy_state(struct method_case *from, struct method_case *to)
{
    struct state_list a, b;
    list_state(from, &a);
    list_state(to, &b);
    assert_int_equal(a.n, b.n);
    for (int i = 0; i < a.n; i++) {
        assert_string_equal(a.items[i].name, b.items[i].name);
        assert_int_equal(a.items[i].count, b.items[i].count);
        memcpy(b.items[i].data, a.items[i].data, item_bytes(&a.items[i]));
    }
    assert_ok(method_impala.load(to->method));
}

static void assert_same_state(struct method_case *x, struct method_case *y)
{
    struct state_list a, b;
    list_state(x, &a);
    list_state(y, &b);
    for (int i = 0; i < a.n; i++) {
        assert_memory_equal(a.items[i].data, b.items[i].data, item_bytes(&a.items[i]));
    }
}

// A method that takes over another's state half-way through a batch goes on as that one does.
static void test_resume(void **state)
{
    (void)state;
    const enum learner_optimizer optimizers[] = {LEARNER_ADAM, LEARNER_RMSPROP};
    for (int i = 0; i < 2; i++) {
        struct method_case c, d;
        open_case(&c, CORE_LSTM);
        c.options.optimizer = optimizers[i];
        c.options.replay = 6;
        c.options.replay_share = 0.5;
        c.options.final_learning_rate = 0.0;
        open_case(&d, CORE_LSTM);
        d.options = c.options;
        open_method(&c);
        open_method(&d);
        run_update(&c, 0);
        run_update(&c, 1);
        copy_state(&c, &d);
        struct update_row rows[2][2] = {0};
        struct method_case *const both[2] = {&c, &d};
        for (int k = 0; k < 2; k++) {
            for (int e = 50; e < 54; e++) {
                assert_ok(method_impala.take(both[k]->method, make_episode(both[k], e), true));
            }
            assert_ok(method_impala.update(both[k]->method, &rows[k][0]));
            rows[k][1] = run_update(both[k], 20);
        }
        assert_memory_equal(rows[0], rows[1], sizeof rows[0]);
        assert_true(rows[0][1].frames > 0);
        assert_same_state(&c, &d);
        close_case(&c);
        close_case(&d);
    }
}

// An update on data that are not finite is skipped and leaves no trace; the next one is as if it
// had never been.
static void test_skip(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct method_case c;
        open_case(&c, CORE_LSTM);
        open_method(&c);
        run_update(&c, 0);
        struct state_list list;
        list_state(&c, &list);
        struct arena arena = {0};
        void *kept[STATE_LIST_MAX];
        for (int i = 0; i < list.n; i++) {
            kept[i] = arena_alloc(&arena, item_bytes(&list.items[i]), 1);
            memcpy(kept[i], list.items[i].data, item_bytes(&list.items[i]));
        }
        const struct trajectory *bad = make_episode(&c, 99);
        float *const where[] = {bad->reward, bad->logp, bad->obs, bad->reward};
        *where[kind] = kind == 3 ? INFINITY : NAN;
        assert_ok(method_impala.take(c.method, bad, true));
        struct update_row row = {0};
        assert_ok(method_impala.update(c.method, &row));
        assert_int_equal(row.skipped, 1);
        list_state(&c, &list);
        for (int i = 0; i < list.n; i++) {
            const char *name = list.items[i].name;
            if (strcmp(name, "updates") != 0) {
                assert_memory_equal(list.items[i].data, kept[i], item_bytes(&list.items[i]));
            }
        }
        assert_int_equal(run_update(&c, 1).skipped, 0);
        arena_close(&arena);
        close_case(&c);
    }
}

// What the network says of a state before an update's normaliser moves is what it says after, so a
// rate of 0 changes no policy, and values only in the last digits.
static void test_still(void **state)
{
    (void)state;
    struct method_case c;
    open_case(&c, CORE_LSTM);
    c.options.learning_rate = 0.0;
    open_method(&c);
    run_update(&c, 0);
    size_t n;
    float *before = copy_weights(&c, &n);
    for (int i = 1; i < 6; i++) {
        assert_int_equal(run_update(&c, i).skipped, 0);
    }
    size_t moved = 0;
    const float *after = method_impala.weights(c.method, &n);
    for (size_t i = 0; i < n; i++) {
        moved += after[i] != before[i];
    }
    // Only the rows of the value heads.
    assert_true(moved > 0 && moved <= TASKS * (size_t)(c.agent.options.hidden + 1));
    free(before);
    close_case(&c);
}

// Any number of threads gives the same bytes.
static void test_threads(void **state)
{
    (void)state;
    struct method_case cases[2];
    for (int i = 0; i < 2; i++) {
        open_case(&cases[i], CORE_LSTM);
        backend_close(cases[i].backend);
        assert_ok(backend_open("cpu", &(struct backend_options){.threads = i == 0 ? 1 : 3},
                               &cases[i].backend));
        cases[i].options.batch = 12;
        open_method(&cases[i]);
        for (int update = 0; update < 3; update++) {
            run_update(&cases[i], update);
        }
    }
    assert_same_state(&cases[0], &cases[1]);
    close_case(&cases[0]);
    close_case(&cases[1]);
}

// Once open, learning allocates nothing.
static void test_allocations(void **state)
{
    (void)state;
    struct method_case c;
    open_case(&c, CORE_LSTM);
    c.options.replay = 6;
    c.options.replay_share = 0.5;
    open_method(&c);
    run_update(&c, 0);
    const long before = allocations_so_far();
    run_update(&c, 1);
    run_update(&c, 2);
    assert_true(allocations_so_far() == before);
    close_case(&c);
}

static void test_wrong_options(void **state)
{
    (void)state;
    struct method_case c;
    open_case(&c, CORE_NONE);
    struct method *method;
    struct method_job job = {.learner = &c.options,
                             .shape = &shape,
                             .agent = &c.agent.agent,
                             .backend = c.backend,
                             .n_tasks = TASKS,
                             .seed = 7};
    c.options.unroll = 5;
    assert_fails(method_impala.open(&job, &method), ERR_CONFIG, "learner.unroll");
    c.options.unroll = 0;
    c.options.replay_share = 0.5;
    assert_fails(method_impala.open(&job, &method), ERR_CONFIG, "learner.replay");
    c.options.replay_share = 0.0;
    agent_case_make(&c.agent, CORE_NONE, DISTRIBUTION_NOISY, &shape, TASKS);
    assert_fails(method_impala.open(&job, &method), ERR_CONFIG, "noisy");
    close_case(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update),        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_given),         cmocka_unit_test(test_resume),
        cmocka_unit_test(test_skip),          cmocka_unit_test(test_still),
        cmocka_unit_test(test_wrong_options), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
