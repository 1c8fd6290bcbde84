// Many candidates at once, as the pruning environment asks for them, against prune_score_widths.
#include "compute/cuda/cuda_backend.h"
#include "envs/prune/prune_candidates.h"
#include "prune_case.h"

#include <math.h>

enum { CANDIDATES = 3 };

struct shelf {
    struct prune_case c;
    struct backend *cpu, *device;
    struct arena arena;
    struct host_data host;
};

static void open_shelf(struct shelf *s, enum scoring_refit refit, enum backend_precision precision)
{
    const struct backend_options one = {.threads = 1};
    const struct backend_options device = {.threads = 1, .precision = precision};
    memset(s, 0, sizeof *s);
    prune_case_open(&s->c);
    s->c.config.scoring.refit = refit;
    s->c.config.scoring.images = 40;
    s->c.config.scoring.reward = REWARD_DISTILLATION;
    assert_ok(backend_open("cpu", &one, &s->cpu));
    assert_ok(cuda_host_backend_ops.open(&device, &s->device));
    assert_ok(host_data_open(&s->c.config, PRUNE_CASE_SEED, s->cpu, -1, &s->arena, &s->host));
}

static void close_shelf(struct shelf *s)
{
    host_data_close(&s->host);
    backend_close(s->device);
    backend_close(s->cpu);
    arena_close(&s->arena);
    prune_case_close(&s->c);
}

// Scores of random candidates of one network in both ways.
static void check(struct shelf *s, int number, int n, double tolerance)
{
    const struct host_network *network = &s->host.networks[number];
    const struct scorer one = {.backend = s->cpu, .scoring = &s->c.config.scoring};
    const struct scorer many = {.backend = s->device, .scoring = &s->c.config.scoring};
    const struct prune_candidates_options options = {.most = CANDIDATES,
                                                     .memory_bytes = (size_t)1 << 30};
    struct rng rng = rng_make(8, RNG_TEST, (uint64_t)number, 0);
    struct prune_study study;
    struct prune_candidates *candidates;
    struct cached_score got[CANDIDATES], expected[CANDIDATES];
    const int *widths[CANDIDATES];
    double seconds = 0;
    assert_ok(prune_study_open(network, &s->c.config.space, &s->arena, &study));
    for (int k = 0; k < n; k++) {
        int *chosen = arena_alloc(&s->arena, (size_t)network->groups.n, sizeof *chosen);
        assert_non_null(chosen);
        for (int g = 0; g < network->groups.n; g++) {
            const struct channel_group *group = &network->groups.groups[g];
            chosen[g] = 1 + (int)rng_below(&rng, (uint32_t)group->channels);
            chosen[g] = group->equal_parts > 1 ? group->channels : chosen[g];
        }
        widths[k] = chosen;
        assert_ok(prune_score_widths(&one, &study, chosen, &expected[k], &seconds));
    }
    assert_ok(prune_candidates_open(&many, &study, &options, &candidates));
    assert_ok(prune_candidates_score(candidates, widths, n, got, &seconds));
    for (int k = 0; k < n; k++) {
        assert_false(got[k].diverged || expected[k].diverged);
        if (!(fabs(got[k].loss - expected[k].loss) <= tolerance * expected[k].loss)) {
            fail_msg("candidate %d: loss %g at once, %g by itself", k, got[k].loss,
                     expected[k].loss);
        }
        assert_true(expected[k].distance > 0 && fabs(got[k].distance - expected[k].distance) <=
                                                    10 * tolerance * expected[k].distance);
        for (int j = 0; j < n; j++) { // in the same order
            const double apart = expected[k].loss - expected[j].loss;
            assert_true(fabs(apart) <= 2 * tolerance * expected[k].loss ||
                        (got[k].loss > got[j].loss) == (apart > 0));
        }
    }
    prune_candidates_close(candidates);
    prune_study_close(&study);
}

static void test_as_one_by_one(void **state)
{
    (void)state;
    struct shelf s;
    open_shelf(&s, REFIT_OFF, PRECISION_FLOAT32);
    check(&s, 0, CANDIDATES, 1e-4);
    close_shelf(&s);
    open_shelf(&s, REFIT_OFF, PRECISION_BF16);
    check(&s, 1, 1, 3e-2);
    close_shelf(&s);
}

static void test_refitted(void **state)
{
    (void)state;
    struct shelf s;
    open_shelf(&s, REFIT_ON, PRECISION_FLOAT32);
    check(&s, 0, CANDIDATES, 1e-3);
    close_shelf(&s);
}

static void test_other_backends(void **state)
{
    (void)state;
    struct shelf s;
    struct prune_study study;
    struct prune_candidates *candidates;
    const struct prune_candidates_options options = {.most = 1};
    open_shelf(&s, REFIT_OFF, PRECISION_FLOAT32);
    const struct host_network *network = &s.host.networks[0];
    const struct scorer scorer = {.backend = s.cpu, .scoring = &s.c.config.scoring};
    assert_ok(prune_study_open(network, &s.c.config.space, &s.arena, &study));
    assert_fails(prune_candidates_open(&scorer, &study, &options, &candidates), ERR_UNSUPPORTED,
                 "one by one");
    prune_study_close(&study);
    close_shelf(&s);
}

// The environment gives the backend what is pending: the same scores for any number of slots, and
// those of the processor within the precision.
static void test_environment(void **state)
{
    (void)state;
    struct shelf s;
    double scores[2][CANDIDATES];
    open_shelf(&s, REFIT_OFF, PRECISION_FLOAT32);
    backend_offer(&cuda_host_backend_ops);
    for (int together = 0; together < 2; together++) {
        const struct env_job job = {.config = &s.c.config,
                                    .seed = PRUNE_CASE_SEED,
                                    .slots = together ? CANDIDATES : 1,
                                    .backend = "cuda_host",
                                    .threads = 1,
                                    .shared_fd = -1};
        struct env_case env;
        env_case_open_job(&env, &env_prune, &job);
        for (int k = 0; k < CANDIDATES; k++) {
            scores[together][k] = (double)prune_case_play(&env, 0, k).reward;
        }
        env_case_close(&env);
    }
    assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
    assert_true(scores[0][0] != scores[0][1] || scores[0][1] != scores[0][2]);
    close_shelf(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_one_by_one),
        cmocka_unit_test(test_refitted),
        cmocka_unit_test(test_other_backends),
        cmocka_unit_test(test_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
