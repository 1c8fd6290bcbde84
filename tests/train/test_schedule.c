// Learning rates against their formulas.
#include "train/train.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define STEPS 50 // per epoch
#define BATCH 7
#define ROWS (STEPS * BATCH)

static const struct int_list no_steps = {0};

static struct train_recipe recipe_of(enum rate_schedule schedule)
{
    return (struct train_recipe){.epochs = 8,
                                 .batch = BATCH,
                                 .learning_rate = 0.4,
                                 .schedule = schedule,
                                 .steps = &no_steps,
                                 .gamma = 0.1};
}

static void check(const struct train_recipe *recipe, int64_t step, double expected)
{
    assert_true(fabs(train_learning_rate(recipe, step, ROWS) - expected) <= 1e-12);
}

static void constant_stays(void **state)
{
    (void)state;
    const struct train_recipe recipe = recipe_of(RATE_CONSTANT);
    check(&recipe, 0, 0.4);
    check(&recipe, 8 * STEPS - 1, 0.4);
}

static void cosine_falls_to_zero(void **state)
{
    (void)state;
    const struct train_recipe recipe = recipe_of(RATE_COSINE);
    check(&recipe, 0, 0.4);
    check(&recipe, 2 * STEPS, 0.4 * 0.5 * (1 + sqrt(0.5))); // cos(pi / 4)
    check(&recipe, 4 * STEPS, 0.2);
    check(&recipe, 6 * STEPS, 0.4 * 0.5 * (1 - sqrt(0.5)));
    assert_true(train_learning_rate(&recipe, 8 * STEPS - 1, ROWS) > 0);
    assert_true(train_learning_rate(&recipe, 8 * STEPS - 1, ROWS) < 1e-4);
    for (int64_t step = 1; step < 8 * STEPS; step++) {
        assert_true(train_learning_rate(&recipe, step, ROWS) <
                    train_learning_rate(&recipe, step - 1, ROWS));
    }
}

static void warm_up_rises_linearly(void **state)
{
    (void)state;
    struct train_recipe recipe = recipe_of(RATE_COSINE);
    recipe.warmup_epochs = 2;
    check(&recipe, 0, 0.4 / (2 * STEPS));
    check(&recipe, STEPS - 1, 0.2);
    check(&recipe, 2 * STEPS - 1, 0.4);
    check(&recipe, 2 * STEPS, 0.4); // the cosine begins
    check(&recipe, 5 * STEPS, 0.2);
    recipe.warmup_epochs = 0.01; // half an update
    check(&recipe, 0, 0.4);
    recipe.schedule = RATE_CONSTANT;
    recipe.warmup_epochs = 0.5;
    check(&recipe, 4, 0.4 * 5 / 25);
    check(&recipe, 25, 0.4);
}

static void steps_multiply(void **state)
{
    (void)state;
    static const int epochs[] = {3, 6};
    const struct int_list steps = {.n = 2, .values = epochs};
    struct train_recipe recipe = recipe_of(RATE_STEP);
    recipe.steps = &steps;
    check(&recipe, 3 * STEPS - 1, 0.4);
    check(&recipe, 3 * STEPS, 0.04);
    check(&recipe, 6 * STEPS - 1, 0.04);
    check(&recipe, 6 * STEPS, 0.004);
    recipe.steps = &no_steps;
    check(&recipe, 7 * STEPS, 0.4);
}

// The rate follows the images seen where an epoch is no whole number of updates.
static void epochs_of_broken_batches(void **state)
{
    (void)state;
    static const int epochs[] = {3};
    const struct int_list steps = {.n = 1, .values = epochs};
    struct train_recipe recipe = recipe_of(RATE_STEP);
    recipe.steps = &steps;
    // 3 epochs of 10 images: updates 0 to 4 begin before image 30, of 7 each.
    assert_true(train_learning_rate(&recipe, 4, 10) == 0.4);
    assert_true(fabs(train_learning_rate(&recipe, 5, 10) - 0.04) <= 1e-12);
    recipe.schedule = RATE_COSINE;
    const double pi = 3.14159265358979323846;
    assert_true(fabs(train_learning_rate(&recipe, 5, 10) - 0.2 * (1 + cos(pi * 35 / 80))) <= 1e-12);
    assert_true(train_learning_rate(&recipe, 11, 10) > 0); // the last
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_stays),           cmocka_unit_test(cosine_falls_to_zero),
        cmocka_unit_test(warm_up_rises_linearly),   cmocka_unit_test(steps_multiply),
        cmocka_unit_test(epochs_of_broken_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
