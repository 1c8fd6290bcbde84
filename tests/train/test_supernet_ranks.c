// A supernet's training ends with the same bytes on any number of ranks and threads, whatever the
// recipe. Runs alone and under mpirun.
#include "rank_group.h"
#include "supernet_job_case.h"

#include <stdio.h>

static struct collective everybody;
static const struct collective alone = {.ranks = 1, .local_ranks = 1};

static void set_recipe(struct supernet_job_case *c, enum supernet_sampling sampling)
{
    c->recipe.sampling = sampling;
    c->recipe.full_share = 0.2;
    c->recipe.kernel_transform = sampling == SUPERNET_SANDWICH;
    c->recipe.norm_per_width = sampling == SUPERNET_FAIR;
    c->recipe.train.validation_share = 0.1;
    supernet_job_restart(c);
}

static void any_ranks_and_threads_give_the_same_bytes(void **state)
{
    (void)state;
    for (int sampling = SUPERNET_SINGLE; sampling <= SUPERNET_GRADUAL; sampling++) {
        struct supernet_job_case single;
        supernet_job_open(&single, "cpu", 2, 200);
        set_recipe(&single, (enum supernet_sampling)sampling);
        assert_ok(supernet_job_run(&single, &alone, NULL));
        for (int threads = 1; threads <= 2; threads++) {
            struct supernet_job_case together;
            supernet_job_open(&together, "cpu", threads, 200);
            set_recipe(&together, (enum supernet_sampling)sampling);
            assert_ok(supernet_job_run(&together, &everybody, NULL));
            if (memcmp(single.supernet.params, together.supernet.params,
                       single.supernet.n_floats * sizeof(float)) != 0) {
                fail_msg("recipe %d: %d ranks of %d threads give other bytes", sampling,
                         everybody.ranks, threads);
            }
            assert_memory_equal(single.report.losses, together.report.losses, 2 * sizeof(double));
            assert_true(single.report.validation_accuracy == together.report.validation_accuracy);
            supernet_job_close(&together);
        }
        supernet_job_close(&single);
    }
}

// Memory that the host may not touch.
static void a_backend_with_memory_of_its_own_trains_to_the_same_bytes(void **state)
{
    (void)state;
    static const struct backend_options check = {.check = true};
    struct supernet_job_case single, together;
    supernet_job_open(&single, "ref", 1, 40);
    supernet_job_open(&together, "ref", 1, 40);
    backend_close(together.backend);
    assert_ok(backend_open("ref", &check, &together.backend));
    single.recipe.train.epochs = together.recipe.train.epochs = 1;
    single.recipe.train.clip = together.recipe.train.clip = 0.5;
    single.recipe.decay = together.recipe.decay = SUPERNET_DECAY_ALL;
    single.recipe.kernel_transform = together.recipe.kernel_transform = true;
    supernet_job_restart(&single);
    supernet_job_restart(&together);
    // One chunk a rank without cutting: other sums than alone.
    assert_ok(supernet_job_run(&single, &everybody, NULL));
    assert_ok(supernet_job_run(&together, &everybody, NULL));
    assert_memory_equal(single.supernet.params, together.supernet.params,
                        single.supernet.n_floats * sizeof(float));
    supernet_job_close(&single);
    supernet_job_close(&together);
}

int main(void)
{
    if (rank_group_open(&everybody) != OK) {
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_ranks_and_threads_give_the_same_bytes),
        cmocka_unit_test(a_backend_with_memory_of_its_own_trains_to_the_same_bytes),
    };
    rank_group_close(&everybody, cmocka_run_group_tests(tests, NULL, NULL));
    return 0;
}
