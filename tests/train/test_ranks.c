// Data-parallel training with synchronised BatchNorm gives the losses of one rank at the same total
// batch, and every rank ends with the same bytes. Runs alone and under mpirun.
#include "core/log.h"
#include "train_case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS 3

static struct collective everybody;

static void run(struct train_case *c, const struct collective *collective)
{
    const struct train_job job = {
        .backend = c->backend,
        .collective = collective,
        .dataset = &c->data,
        .recipe = &c->recipe,
    };
    train_case_restart(c);
    assert_ok(train_network(&job, &c->network, &c->arena, &c->report));
}

static void ranks_give_the_loss_curve_of_one(void **state)
{
    (void)state;
    const struct collective alone = {.ranks = 1, .local_ranks = 1};
    struct train_case together;
    struct train_case single;
    train_case_open(&together, 320);
    train_case_open(&single, 320);
    together.recipe.sync_batchnorm = true;
    together.recipe.learning_rate = 0.02;
    together.recipe.validation_share = 0.1;
    single.recipe = together.recipe;
    run(&together, &everybody);
    run(&single, &alone);
    for (int i = 0; i < EPOCHS; i++) {
        const double a = single.report.losses[i];
        const double b = together.report.losses[i];
        if (fabs(a - b) > 1e-5 * a) {
            fail_msg("epoch %d: loss %.9g alone, %.9g on %d ranks", i, a, b, everybody.ranks);
        }
    }
    // Sums are by halves, so a power of two of ranks adds up to the very same bytes.
    if ((everybody.ranks & (everybody.ranks - 1)) == 0) {
        assert_memory_equal(single.network.params, together.network.params,
                            single.network.graph.n_floats * sizeof(float));
    }
    assert_true(fabs(single.report.validation_accuracy - together.report.validation_accuracy) <
                0.05);
    train_case_close(&together);
    train_case_close(&single);
}

static void every_rank_ends_with_the_same_bytes(void **state)
{
    (void)state;
    struct train_case c;
    train_case_open(&c, 320);
    run(&c, &everybody);
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

static void a_batch_that_ranks_cannot_share_is_an_error(void **state)
{
    (void)state;
    struct train_case c;
    train_case_open(&c, 320);
    if (everybody.ranks > 1) {
        const struct train_job job = {
            .backend = c.backend,
            .collective = &everybody,
            .dataset = &c.data,
            .recipe = &c.recipe,
        };
        c.recipe.batch = everybody.ranks * 8 + 1;
        assert_fails(train_network(&job, &c.network, &c.arena, &c.report), ERR_CONFIG, "multiple");
    }
    train_case_close(&c);
}

int main(void)
{
    if (collective_open(&everybody) != OK) {
        fprintf(stderr, "%s\n", status_message());
        return 2;
    }
    const char *expected = getenv("TEST_RANKS");
    if (expected != NULL && everybody.ranks != strtol(expected, NULL, 10)) {
        fprintf(stderr, "%d ranks instead of %s\n", everybody.ranks, expected);
        collective_abort(&everybody, 2);
    }
    log_set_rank(everybody.rank);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_give_the_loss_curve_of_one),
        cmocka_unit_test(every_rank_ends_with_the_same_bytes),
        cmocka_unit_test(a_batch_that_ranks_cannot_share_is_an_error),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed != 0) {
        collective_abort(&everybody, 1); // the others may be waiting for this rank
    }
    collective_close(&everybody);
    return 0;
}
