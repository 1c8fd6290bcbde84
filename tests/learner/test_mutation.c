// Neighbours of a candidate: one or two steps changed, all within what the steps offer.
#include "learner/methods/mutation.h"
#include "test_unit.h"

enum { STEPS = 6, DRAWS = 5000 };

static void one_or_two_steps_change_within_their_choices(void **state)
{
    (void)state;
    static const int32_t actions[STEPS] = {0, 3, 1, 7, 0, 4};
    static const int32_t choices[STEPS] = {4, 4, 2, 8, 1, 9};
    const struct genome parent = {.steps = STEPS, .actions = actions, .choices = choices};
    int changed[STEPS] = {0}, by_one[STEPS] = {0};
    for (int draw = 0; draw < DRAWS; draw++) {
        struct rng rng = rng_make(5, RNG_TEST, (uint64_t)draw, 0);
        int16_t given[STEPS];
        mutation_draw(&parent, &rng, given);
        int different = 0;
        for (int i = 0; i < STEPS; i++) {
            assert_true(given[i] >= 0 && given[i] < choices[i]);
            const int by = given[i] > actions[i] ? given[i] - actions[i] : actions[i] - given[i];
            different += by > 0;
            changed[i] += by > 0;
            by_one[i] += by == 1;
        }
        assert_true(different <= 2);
    }
    for (int i = 0; i < STEPS; i++) {
        assert_true(choices[i] == 1 ? changed[i] == 0 : changed[i] > DRAWS / 20);
        assert_true(choices[i] == 1 || by_one[i] > 0);
    }
    assert_true(changed[5] > by_one[5] + DRAWS / 20); // far ones too
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_or_two_steps_change_within_their_choices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
