// Data-parallel training ends with the same bytes on any number of ranks and threads, at batches
// that ranks share evenly and at others. Runs alone and under mpirun.
#include "rank_group.h"
#include "test_device.h"
#include "train_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS 2

static struct collective everybody;
static const struct collective alone = {.ranks = 1, .local_ranks = 1};

static void open_on(struct train_case *c, const char *backend,
                    const struct backend_options *options, int images, int batch)
{
    train_case_open(c, images);
    backend_close(c->backend);
    assert_ok(backend_open(backend, options, &c->backend));
    c->recipe.epochs = EPOCHS;
    c->recipe.batch = batch;
    c->recipe.learning_rate = 0.02;
}

static void open_case(struct train_case *c, int batch, int threads)
{
    const struct backend_options options = {.threads = threads};
    open_on(c, "cpu", &options, 320, batch);
}

static enum status run(struct train_case *c, const struct collective *collective)
{
    const struct train_job job = {
        .backend = c->backend,
        .collective = collective,
        .dataset = &c->data,
        .recipe = &c->recipe,
    };
    train_case_restart(c);
    return train_network(&job, &c->network, &c->arena, &c->report);
}

static void any_ranks_and_threads_give_the_same_bytes(void **state)
{
    (void)state;
    static const int batches[] = {128, 100, 50, 36}, threads[] = {1, 2, 3};
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        struct train_case single;
        open_case(&single, batches[b], 4);
        assert_ok(run(&single, &alone));
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            struct train_case together;
            open_case(&together, batches[b], threads[t]);
            assert_ok(run(&together, &everybody));
            const size_t bytes = single.network.graph.n_floats * sizeof(float);
            if (memcmp(single.network.params, together.network.params, bytes) != 0) {
                fail_msg("batch %d: %d ranks of %d threads give other bytes", batches[b],
                         everybody.ranks, threads[t]);
            }
            assert_memory_equal(single.report.losses, together.report.losses,
                                EPOCHS * sizeof(double));
            train_case_close(&together);
        }
        train_case_close(&single);
    }
}

// Held-out images and statistics of each rank's own images: the ranks agree among themselves.
static void every_rank_ends_with_the_same_bytes(void **state)
{
    (void)state;
    struct train_case c;
    open_case(&c, 100, 2);
    c.recipe.sync_batchnorm = false;
    c.recipe.validation_share = 0.1;
    assert_ok(run(&c, &everybody));
    const size_t bytes = c.network.graph.n_floats * sizeof(float);
    float *first = malloc(bytes);
    assert_non_null(first);
    memcpy(first, c.network.params, bytes);
    assert_ok(collective_broadcast(&everybody, first, bytes, 0));
    assert_memory_equal(first, c.network.params, bytes);
    double losses[EPOCHS];
    memcpy(losses, c.report.losses, sizeof losses);
    assert_ok(collective_broadcast(&everybody, losses, sizeof losses, 0));
    assert_memory_equal(losses, c.report.losses, sizeof losses);
    free(first);
    train_case_close(&c);
}

// Sums over ranks go through copies where the backend's memory is its own. Checked memory faults
// when the host looks at it.
static void a_backend_with_memory_of_its_own_trains_to_the_same_bytes(void **state)
{
    (void)state;
    static const struct backend_options plain = {.threads = 1}, check = {.check = true};
    for (int synced = 0; synced < 2; synced++) {
        struct train_case single, together;
        open_on(&single, "ref", &plain, 70, 30);
        open_on(&together, "ref", &check, 70, 30);
        single.recipe.sync_batchnorm = together.recipe.sync_batchnorm = synced == 1;
        single.recipe.clip = together.recipe.clip = 0.5;
        single.recipe.validation_share = together.recipe.validation_share = 0.1;
        assert_ok(run(&single, synced == 1 ? &alone : &everybody));
        assert_ok(run(&together, &everybody));
        assert_memory_equal(single.network.params, together.network.params,
                            single.network.graph.n_floats * sizeof(float));
        assert_memory_equal(single.report.losses, together.report.losses, EPOCHS * sizeof(double));
        train_case_close(&single);
        train_case_close(&together);
    }
}

// A device computes a rank's share as one chunk: the ranks agree to the byte, and with the
// reference but for rounding.
static void devices_train_together(void **state)
{
    (void)state;
    static const struct backend_options plain = {.threads = 1};
    struct train_case single, together;
    backend_offer(&cuda_host_backend_ops);
    open_on(&single, "ref", &plain, 40, 20);
    open_on(&together, test_device(), &plain, 40, 20);
    single.recipe.epochs = together.recipe.epochs = 1;
    assert_ok(run(&single, &alone));
    assert_ok(run(&together, &everybody));
    const size_t n = single.network.graph.n_floats;
    float *first = malloc(n * sizeof *first);
    assert_non_null(first);
    memcpy(first, together.network.params, n * sizeof *first);
    assert_ok(collective_broadcast(&everybody, first, n * sizeof *first, 0));
    assert_memory_equal(first, together.network.params, n * sizeof *first);
    double apart = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        apart = fmax(apart, fabs((double)first[i] - (double)single.network.params[i]));
        size = fmax(size, fabs((double)single.network.params[i]));
    }
    assert_true(apart < 1e-3 * size);
    assert_true(fabs(together.report.losses[0] - single.report.losses[0]) < 1e-3);
    free(first);
    train_case_close(&single);
    train_case_close(&together);
}

// Before the first epoch, with what would do.
static void a_batch_of_too_few_chunks_is_an_error(void **state)
{
    (void)state;
    struct train_case c;
    open_case(&c, everybody.ranks > 1 ? everybody.ranks - 1 : 1, 1);
    if (everybody.ranks > 1) {
        assert_fails(run(&c, &everybody), ERR_CONFIG, "ranks or a batch of");
    }
    train_case_close(&c);
}

int main(void)
{
    if (rank_group_open(&everybody) != OK) {
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_ranks_and_threads_give_the_same_bytes),
        cmocka_unit_test(every_rank_ends_with_the_same_bytes),
        cmocka_unit_test(a_backend_with_memory_of_its_own_trains_to_the_same_bytes),
        cmocka_unit_test(devices_train_together),
        cmocka_unit_test(a_batch_of_too_few_chunks_is_an_error),
    };
    rank_group_close(&everybody, cmocka_run_group_tests(tests, NULL, NULL));
    return 0;
}
