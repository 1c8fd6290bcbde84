// The reward model gives the same bytes: after a checkpoint, and whatever number of threads there
// was. Its loop allocates nothing.
#include "compute/blas.h"
#include "count_allocations.h"
#include "reward_case.h"
#include "test_folder_group.h"
#include "test_unit.h"

enum { SHOWN = 5 };

// One round of a search; what the model then says, for comparing byte by byte.
static void play_round(struct reward_model *model, int round, double *says)
{
    double x[SHOWN * CASE_INPUTS];
    struct rng rng = rng_make(4, RNG_TEST, 7, (uint32_t)round);
    for (int i = 0; i < SHOWN; i++) {
        reward_case_sample(4, round * SHOWN + i, x + i * CASE_INPUTS);
    }
    const int known = reward_model_count(model);
    reward_case_add(model, known, known + 2);
    if (round % 3 != 2) {
        reward_model_fit(model);
        reward_model_pending(model, x, round % 4);
    }
    reward_model_predict(model, x, SHOWN, says, says + SHOWN);
    reward_model_draw(model, x, SHOWN, &rng, says + 2 * SHOWN);
}

static struct reward_model *resume(struct reward_model *model, int most_points, int before)
{
    struct state_list list = {0}, other = {0};
    const char *path = test_folder_path(&folder, "model.h5");
    reward_model_state(model, "model", &list);
    assert_ok(state_list_save(&list, "x", path));
    struct reward_model *fresh = reward_case_open(2, 1, most_points, 0.1);
    reward_case_add(fresh, 0, before); // forgotten
    reward_model_fit(fresh);
    reward_model_state(fresh, "model", &other);
    assert_ok(state_list_load(&other, "x", path));
    assert_ok(reward_model_restore(fresh));
    reward_model_close(model);
    return fresh;
}

// With few points, which are thinned, and with so many that products go by blocks.
static void a_restored_model_gives_the_same_bytes(void **state)
{
    (void)state;
    enum { ROUNDS = 120, BETWEEN = 12 };
    double says[3 * SHOWN], again[3 * SHOWN];
    for (int large = 0; large < 2; large++) {
        const int most_points = large == 1 ? CASE_MOST : 90;
        struct reward_model *unbroken = reward_case_open(2, 1, most_points, 0.1);
        struct reward_model *resumed = reward_case_open(2, 1, most_points, 0.1);
        reward_case_add(unbroken, 0, 160 * large);
        reward_case_add(resumed, 0, 160 * large);
        for (int round = 0; round < ROUNDS; round++) {
            play_round(unbroken, round, says);
            play_round(resumed, round, again);
            assert_memory_equal(says, again, sizeof says);
            if (round % BETWEEN == 5) {
                resumed = resume(resumed, most_points, round % 20);
            }
        }
        reward_model_close(unbroken);
        reward_model_close(resumed);
    }
}

static void damaged_states_are_refused(void **state)
{
    (void)state;
    struct reward_model *model = reward_case_open(2, 1, CASE_MOST, 0.0);
    struct state_list list = {0};
    assert_ok(reward_model_restore(model)); // of nothing
    reward_case_add(model, 0, 20);
    reward_model_fit(model);
    reward_case_add(model, 20, 22);
    reward_model_fit(model);
    reward_model_state(model, "model", &list);
    assert_string_equal(list.items[0].name, "model.counts");
    int64_t *counts = list.items[0].data;
    for (size_t i = 0; i < list.items[0].count; i++) {
        const int64_t kept = counts[i];
        for (int k = 0; k < 2; k++) {
            counts[i] = k == 0 ? -1 : 100000;
            assert_fails(reward_model_restore(model), ERR_INPUT, "damaged");
        }
        counts[i] = kept;
    }
    int refused = 0;
    for (int i = 1; i < list.n; i++) {
        if (list.items[i].type == HDF5_I32) {
            int32_t *values = list.items[i].data;
            const int32_t kept = values[1];
            for (int k = 0; k < 2; k++) {
                values[1] = k == 0 ? -1 : 1000;
                assert_fails(reward_model_restore(model), ERR_INPUT, "damaged");
                refused++;
            }
            values[1] = kept;
        }
    }
    assert_int_equal(refused, 4);
    assert_ok(reward_model_restore(model));
    reward_model_close(model);
}

// Finite numbers with which a covariance is none any more.
static void senseless_numbers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double value;
    } cases[] = {{"model.params", 60.0},  {"model.params", -1e300}, {"model.x", 1e200},
                 {"model.x", 1e60},       {"model.pending", 1e60},  {"model.pending", -1e200},
                 {"model.params", -51.0}, {"model.params", 710.0}};
    struct reward_model *model = reward_case_open(2, 1, CASE_MOST, 0.0);
    struct state_list list = {0};
    double pending[CASE_INPUTS];
    reward_case_add(model, 0, 20);
    reward_model_fit(model);
    reward_case_candidates(1, pending);
    reward_model_pending(model, pending, 1);
    reward_model_state(model, "model", &list);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double *values = NULL;
        for (int k = 0; k < list.n; k++) {
            values = strcmp(list.items[k].name, cases[i].name) == 0 ? list.items[k].data : values;
        }
        assert_non_null(values);
        for (int at = 0; at < CASE_INPUTS; at++) {
            const double kept = values[at];
            values[at] = cases[i].value;
            // Where an input is so far off that it is like no other, that is an answer too.
            const enum status status = reward_model_restore(model);
            assert_true(status == ERR_INPUT ||
                        (status == OK && strstr(cases[i].name, "params") == NULL));
            values[at] = kept;
        }
    }
    assert_ok(reward_model_restore(model));
    reward_model_close(model);
}

// Whatever number of threads linear algebra had before.
static void bytes_do_not_depend_on_threads(void **state)
{
    (void)state;
    enum { CANDIDATES = 150 };
    static double x[CANDIDATES * CASE_INPUTS], says[2][2 * CANDIDATES];
    reward_case_candidates(CANDIDATES, x);
    for (int i = 0; i < 2; i++) {
        blas_set_threads(1 + i);
        struct reward_model *model = reward_case_open(2, 1, CASE_MOST, 0.0);
        reward_case_add(model, 0, CASE_MOST - 3);
        reward_model_fit(model);
        reward_case_add(model, CASE_MOST - 3, CASE_MOST);
        reward_model_fit(model);
        reward_model_predict(model, x, CANDIDATES, says[i], says[i] + CANDIDATES);
        reward_model_close(model);
    }
    assert_memory_equal(says[0], says[1], sizeof says[0]);
}

static void the_loop_allocates_nothing(void **state)
{
    (void)state;
    double says[3 * SHOWN];
    struct reward_model *model = reward_case_open(2, 1, 90, 0.1);
    const long before = allocations_so_far();
    for (int round = 0; round < CASE_MOST / 2; round++) {
        play_round(model, round, says);
    }
    assert_int_equal(allocations_so_far() - before, 0);
    reward_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_model_gives_the_same_bytes),
        cmocka_unit_test(damaged_states_are_refused),
        cmocka_unit_test(senseless_numbers_are_refused),
        cmocka_unit_test(bytes_do_not_depend_on_threads),
        cmocka_unit_test(the_loop_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
