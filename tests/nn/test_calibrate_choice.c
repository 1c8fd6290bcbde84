// Chosen images stand for their pool: statistics on the few are nearer to those on all than drawn
// ones' are, batch by batch; none is taken twice.
#include "nn/calibrate_choice.h"
#include "plan_case.h"

#include <math.h>

enum { POOL = 192 };

struct fixture {
    struct graph graph;
    struct backend *backend;
    struct arena arena;
    float *params;
    uint8_t *images;
    size_t bytes; // of an image
    struct calibrate_pool pool;
};

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    plan_case_mixed(&f->graph, false);
    f->backend = plan_case_backend("cpu", 2, false);
    f->params = plan_case_params(&f->graph, 3);
    f->images = plan_case_images(&f->graph, POOL, 4);
    const struct node *input = &f->graph.nodes[0];
    f->bytes = (size_t)input->h * (size_t)input->w * (size_t)input->c;
    // Of all kinds of brightness and colour.
    struct rng rng = rng_make(5, RNG_TEST, 0, 0);
    for (int i = 0; i < POOL; i++) {
        const uint32_t colour[3] = {rng_below(&rng, 256), rng_below(&rng, 256),
                                    rng_below(&rng, 256)};
        for (size_t k = 0; k < f->bytes; k++) {
            uint8_t *byte = &f->images[(size_t)i * f->bytes + k];
            *byte = (uint8_t)(*byte * colour[k % 3] / 256);
        }
    }
    f->pool = (struct calibrate_pool){plan_case_input(false), f->images, POOL};
    // Running values as a trained network's, which are those of its images.
    const struct calibration calibration = {
        .input = f->pool.input, .images = f->images, .n = POOL, .batchnorm = true};
    assert_ok(calibrate_params(f->backend, &f->graph, f->params, &calibration));
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    backend_close(f->backend);
    graph_close(&f->graph);
    arena_close(&f->arena);
    free(f->params);
    free(f->images);
    free(f);
    return 0;
}

// The running values [n_floats of the graph] that n images give, as params.
static float *statistics(struct fixture *f, const uint8_t *images, int n)
{
    float *params = arena_alloc(&f->arena, f->graph.n_floats, sizeof *params);
    assert_non_null(params);
    memcpy(params, f->params, f->graph.n_floats * sizeof *params);
    const struct calibration calibration = {
        .input = f->pool.input, .images = images, .n = n, .batchnorm = true};
    assert_ok(calibrate_params(f->backend, &f->graph, params, &calibration));
    return params;
}

// Root mean square over all channels of the means' distances, in standard deviations.
static double distance(const struct fixture *f, const float *one, const float *other)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < f->graph.n_nodes; i++) {
        const struct node *node = &f->graph.nodes[i];
        for (int c = 0; node->kind == NODE_BATCHNORM && c < node->c; c++, n++) {
            const size_t mean = f->graph.params[node->params[2]].offset + (size_t)c;
            const size_t variance = f->graph.params[node->params[3]].offset + (size_t)c;
            const double difference = (double)one[mean] - (double)other[mean];
            sum += difference * difference / (double)other[variance];
        }
    }
    return sqrt(sum / n);
}

static int number_of(const struct fixture *f, const uint8_t *image)
{
    for (int i = 0; i < POOL; i++) {
        if (memcmp(f->images + (size_t)i * f->bytes, image, f->bytes) == 0) {
            return i;
        }
    }
    fail_msg("an image that the pool does not have");
    return -1;
}

static void chosen_ones_stand_for_all(void **state)
{
    struct fixture *f = *state;
    const float *all = statistics(f, f->images, POOL);
    const uint8_t *chosen;
    assert_ok(calibrate_choose(f->backend, &f->graph, f->params, &f->pool, 24, &f->arena, &chosen));
    const double of_chosen = distance(f, statistics(f, chosen, 24), all);
    double of_drawn = 0;
    for (int first = 0; first < POOL; first += 24) {
        const uint8_t *drawn = f->images + (size_t)first * f->bytes;
        of_drawn += distance(f, statistics(f, drawn, 24), all) * 24 / POOL;
    }
    assert_true(of_chosen < 0.7 * of_drawn);
}

static void every_batch_does(void **state)
{
    struct fixture *f = *state;
    const float *all = statistics(f, f->images, POOL);
    const uint8_t *chosen;
    bool taken[POOL] = {false};
    const int batch = calibrate_batch(100); // two of them
    assert_int_equal(batch, 50);
    assert_ok(
        calibrate_choose(f->backend, &f->graph, f->params, &f->pool, 100, &f->arena, &chosen));
    const double drawn = distance(f, statistics(f, f->images, batch), all);
    for (int b = 0; b < 2; b++) {
        const uint8_t *images = chosen + (size_t)(b * batch) * f->bytes;
        assert_true(distance(f, statistics(f, images, batch), all) < 0.7 * drawn);
    }
    for (int i = 0; i < 100; i++) {
        const int number = number_of(f, chosen + (size_t)i * f->bytes);
        assert_false(taken[number]);
        taken[number] = true;
    }
}

static void threads_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct backend *one = plan_case_backend("cpu", 1, false);
    const uint8_t *here, *there;
    assert_ok(calibrate_choose(f->backend, &f->graph, f->params, &f->pool, 20, &f->arena, &here));
    assert_ok(calibrate_choose(one, &f->graph, f->params, &f->pool, 20, &f->arena, &there));
    assert_memory_equal(here, there, 20 * f->bytes);
    backend_close(one);
}

static void without_a_choice_they_are_the_first(void **state)
{
    struct fixture *f = *state;
    const uint8_t *chosen;
    assert_ok(
        calibrate_choose(f->backend, &f->graph, f->params, &f->pool, POOL, &f->arena, &chosen));
    assert_ptr_equal(chosen, f->images);
    struct graph plain; // no BatchNorm
    assert_ok(graph_begin(&plain, 9, 7, 3));
    int x;
    assert_ok(graph_add_global_pool(&plain, "pool", 0, &x));
    assert_ok(graph_finish(&plain));
    assert_ok(calibrate_choose(f->backend, &plain, f->params, &f->pool, 5, &f->arena, &chosen));
    assert_ptr_equal(chosen, f->images);
    graph_close(&plain);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chosen_ones_stand_for_all),
        TEST(every_batch_does),
        TEST(threads_change_nothing),
        TEST(without_a_choice_they_are_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
