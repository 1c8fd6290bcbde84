// Gradients of the shared block: those of sub-networks, added up where they share weights, by the
// backend's program; against differences, whose losses come from networks read out on the host.
#include "core/rng.h"
#include "nn/plan.h"
#include "search_space/supernet_exchange.h"
#include "supernet_case.h"
#include "test_device.h"

#include <math.h>

enum { BATCH = 6, NETWORKS = 2, CLASSES = 4 };

struct problem {
    struct supernet supernet;
    struct backend *backend;
    uint8_t images[BATCH * 8 * 8 * 3];
    int32_t labels[BATCH];
    int16_t choices[NETWORKS][NAS_MOST_DECISIONS];
};

static void open_problem(struct problem *p, const struct supernet_setting *setting,
                         const char *backend, bool check)
{
    const struct backend_options options = {.threads = 2, .check = check};
    struct rng rng = rng_make(6, RNG_TEST, 0, 0);
    memset(p, 0, sizeof *p);
    supernet_case_open(setting, &p->supernet);
    backend_offer(&cuda_host_backend_ops);
    assert_ok(backend_open(backend, &options, &p->backend));
    for (size_t i = 0; i < sizeof p->images; i++) {
        p->images[i] = (uint8_t)rng_below(&rng, 256);
    }
    for (int i = 0; i < BATCH; i++) {
        p->labels[i] = i % CLASSES;
    }
    for (int n = 0; n < NETWORKS; n++) {
        nas_space_random(&p->supernet.space, &rng, p->choices[n]);
    }
}

static void close_problem(struct problem *p)
{
    backend_close(p->backend);
    supernet_close(&p->supernet);
}

static struct train_options options_of(const struct problem *p)
{
    return (struct train_options){
        .batch = BATCH,
        .input = {.mean = p->supernet.info.mean, .std = p->supernet.info.std},
        .bn_momentum = 0.1F,
        .label_share = 1,
        .temperature = 1,
        .gradient_only = true,
    };
}

// Summed loss of the networks at these shared values, each read out on the host.
static double loss_at(struct problem *p, const float *params)
{
    float *before = p->supernet.params;
    double sum = 0.0;
    p->supernet.params = malloc(p->supernet.n_floats * sizeof *params);
    assert_non_null(p->supernet.params);
    memcpy(p->supernet.params, params, p->supernet.n_floats * sizeof *params);
    for (int n = 0; n < NETWORKS; n++) {
        const struct train_options options = options_of(p);
        struct network network;
        struct train_plan *plan;
        struct train_result result;
        assert_ok(supernet_extract(&p->supernet, p->choices[n], &network));
        assert_ok(train_open(p->backend, &network.graph, &options, &plan));
        assert_ok(train_load(plan, network.params));
        assert_ok(train_gradient(plan, p->images, p->labels, NULL, &result));
        sum += result.loss;
        train_close(plan);
        network_close(&network);
    }
    free(p->supernet.params);
    p->supernet.params = before;
    return sum;
}

static float *on_backend(const struct problem *p, const float *values, size_t n)
{
    void *address;
    assert_ok(p->backend->ops->alloc(p->backend, n * sizeof *values, &address));
    if (values != NULL) {
        p->backend->ops->upload(p->backend, address, values, n * sizeof *values);
    } else {
        p->backend->ops->zero(p->backend, address, n * sizeof *values);
    }
    return address;
}

// Adds the gradients of networks first .. end - 1 onto zeros, `times` times over; params [n_floats]
// are what the shared block holds afterwards, where not NULL.
static void add_gradients(const struct problem *p, int first, int end, int times, float decay,
                          float *gradients, float *params)
{
    const struct supernet *s = &p->supernet;
    struct exchange_blocks blocks = {.shared = on_backend(p, s->params, s->n_floats),
                                     .shared_gradients = on_backend(p, NULL, s->n_trainable)};
    for (int n = first; n < end; n++) {
        const struct train_options options = options_of(p);
        struct graph graph;
        struct train_plan *plan;
        struct supernet_exchange *exchange;
        struct train_result result;
        assert_ok(nas_space_build(&s->space, p->choices[n], &graph));
        assert_ok(train_open(p->backend, &graph, &options, &plan));
        assert_ok(supernet_exchange_open(p->backend, s, &graph, decay, &exchange));
        blocks.own = train_params_address(plan);
        blocks.own_gradients = train_gradients_address(plan);
        for (int i = 0; i < times; i++) {
            assert_ok(supernet_exchange_gather(exchange, &blocks));
            assert_ok(train_gradient(plan, p->images, p->labels, NULL, &result));
            assert_ok(supernet_exchange_scatter(exchange));
        }
        assert_ok(p->backend->ops->sync(p->backend));
        supernet_exchange_close(exchange);
        train_close(plan);
        graph_close(&graph);
    }
    assert_ok(p->backend->ops->download(p->backend, gradients, blocks.shared_gradients,
                                        s->n_trainable * sizeof *gradients));
    if (params != NULL) {
        assert_ok(p->backend->ops->download(p->backend, params, blocks.shared,
                                            s->n_floats * sizeof *params));
    }
    p->backend->ops->release(p->backend, blocks.shared);
    p->backend->ops->release(p->backend, blocks.shared_gradients);
}

static float *new_floats(size_t n)
{
    float *values = calloc(n, sizeof *values);
    assert_non_null(values);
    return values;
}

static double slope_along(struct problem *p, const float *direction, float step, float *moved)
{
    const struct supernet *s = &p->supernet;
    double losses[2];
    for (int side = 0; side < 2; side++) {
        memcpy(moved, s->params, s->n_floats * sizeof *moved);
        for (size_t k = 0; k < s->n_trainable; k++) {
            moved[k] += (side == 0 ? step : -step) * direction[k];
        }
        losses[side] = loss_at(p, moved);
    }
    return (losses[0] - losses[1]) / (2.0 * (double)step);
}

// Along a random direction of each tensor. A kink inside the step shows at one step but not at a
// smaller one.
static void check_differences(struct problem *p)
{
    const struct supernet *s = &p->supernet;
    float *gradients = new_floats(s->n_trainable), *direction = new_floats(s->n_trainable);
    float *moved = new_floats(s->n_floats);
    int untouched = 0;
    add_gradients(p, 0, NETWORKS, 1, 0.0F, gradients, NULL);
    for (int t = 0; t < s->n_tensors && s->tensors[t].offset < s->n_trainable; t++) {
        const struct supernet_tensor *tensor = &s->tensors[t];
        struct rng rng = rng_make(7, RNG_TEST, (uint64_t)t, 0);
        double expected = 0.0, norm = 0.0, best = 1e30;
        for (size_t k = tensor->offset; k < tensor->offset + tensor->count; k++) {
            direction[k] = rng_normal(&rng);
            expected += (double)direction[k] * (double)gradients[k];
            norm += (double)gradients[k] * (double)gradients[k];
        }
        untouched += norm == 0.0 ? 1 : 0;
        const double tolerance = 0.02 * sqrt(norm) + 2e-4;
        for (int halvings = 0; halvings < 6 && best > tolerance; halvings++) {
            const float step = ldexpf(4e-3F, -halvings);
            best = fmin(best, fabs(slope_along(p, direction, step, moved) - expected));
        }
        if (!(best <= tolerance)) {
            fail_msg("%s: the slope is off by %g, the gradient's norm is %g", tensor->name, best,
                     sqrt(norm));
        }
        memset(direction + tensor->offset, 0, tensor->count * sizeof *direction);
    }
    assert_true(2 * untouched < s->n_tensors); // what neither network has
    free(gradients);
    free(direction);
    free(moved);
}

static const struct supernet_setting elastic[] = {
    {.kind = NAS_MOBILE, .kernel_transform = true},
    {.kind = NAS_RESNET, .norm_per_width = true},
};

static struct supernet_setting setting_of(int i)
{
    struct supernet_setting setting = elastic[i];
    setting.options = i == 0 ? supernet_case_mobile : supernet_case_resnet;
    return setting;
}

static void gradients_are_slopes(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct supernet_setting setting = setting_of(i);
        struct problem p;
        open_problem(&p, &setting, "cpu", false);
        check_differences(&p);
        close_problem(&p);
    }
}

static double difference(const float *a, const float *b, size_t n)
{
    double worst = 0.0, size = 0.0;
    for (size_t k = 0; k < n; k++) {
        worst = fmax(worst, fabs((double)a[k] - (double)b[k]));
        size = fmax(size, fabs((double)b[k]));
    }
    return worst / size;
}

// Two networks' gradients are the sums of each one's; a second run adds the same again.
static void networks_share_and_add_up(void **state)
{
    (void)state;
    const struct supernet_setting setting = setting_of(0);
    struct problem p;
    open_problem(&p, &setting, "cpu", false);
    const size_t n = p.supernet.n_trainable;
    float *first = new_floats(n), *second = new_floats(n), *both = new_floats(n);
    float *twice = new_floats(n);
    size_t shared = 0;
    add_gradients(&p, 0, 1, 1, 0.0F, first, NULL);
    add_gradients(&p, 1, 2, 1, 0.0F, second, NULL);
    add_gradients(&p, 0, 2, 1, 0.0F, both, NULL);
    add_gradients(&p, 0, 1, 4, 0.0F, twice, NULL);
    for (size_t k = 0; k < n; k++) {
        shared += first[k] != 0.0F && second[k] != 0.0F ? 1 : 0;
        assert_float_equal(both[k], first[k] + second[k], 1e-6);
        first[k] *= 4.0F;
    }
    assert_true(shared > 0);
    assert_true(difference(twice, first, n) < 1e-5);
    free(first);
    free(second);
    free(both);
    free(twice);
    close_problem(&p);
}

// Weight decay is the gradient of half the sum of squares of what the network reads.
static void decay_is_of_what_the_network_reads(void **state)
{
    (void)state;
    const struct supernet_setting setting = setting_of(1);
    struct problem p;
    open_problem(&p, &setting, "ref", false);
    const struct supernet *s = &p.supernet;
    float *with = new_floats(s->n_trainable), *without = new_floats(s->n_trainable);
    add_gradients(&p, 0, 1, 1, 0.5F, with, NULL);
    add_gradients(&p, 0, 1, 1, 0.0F, without, NULL);
    for (size_t k = 0; k < s->n_trainable; k++) {
        const float more = with[k] - without[k], all = 0.5F * s->params[k];
        const float expected = without[k] != 0.0F ? all : more; // or a weight without effect
        assert_float_equal(more, expected, 1e-5);
        assert_true(fabsf(more) < 1e-7F || fabsf(more - all) < 1e-5F);
    }
    free(with);
    free(without);
    close_problem(&p);
}

// The same gradients on every backend; on one whose memory the host may not touch, too.
static void backends_agree(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct {
            const char *name;
            bool check;
        } backends[] = {{"ref", false}, {"ref", true}, {"cpu", false}, {test_device(), false}};
        const struct supernet_setting setting = setting_of(i);
        float *expected = NULL, *expected_params = NULL;
        for (int b = 0; b < 4; b++) {
            struct problem p;
            open_problem(&p, &setting, backends[b].name, backends[b].check);
            const struct supernet *s = &p.supernet;
            float *gradients = new_floats(s->n_trainable), *params = new_floats(s->n_floats);
            add_gradients(&p, 0, NETWORKS, 3, 0.0F, gradients, params);
            if (b == 0) { // running values have moved, weights have not
                assert_memory_equal(params, s->params, s->n_trainable * sizeof *params);
                assert_true(difference(params + s->n_trainable, s->params + s->n_trainable,
                                       s->n_floats - s->n_trainable) > 1e-3);
                expected = gradients;
                expected_params = params;
            } else {
                assert_true(difference(gradients, expected, s->n_trainable) < 1e-4);
                assert_true(difference(params, expected_params, s->n_floats) < 1e-4);
                free(gradients);
                free(params);
            }
            close_problem(&p);
        }
        free(expected);
        free(expected_params);
    }
}

int main(void)
{
    const int missing = test_device_missing();
    if (missing != 0) {
        return missing;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(networks_share_and_add_up),
        cmocka_unit_test(decay_is_of_what_the_network_reads),
        cmocka_unit_test(backends_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
