// The training loop: it learns, it is deterministic, it says what is wrong.
#include "train/evaluate.h"
#include "train_case.h"

#include <math.h>
#include <string.h>

static void loss_falls_and_accuracy_beats_chance(void **state)
{
    (void)state;
    struct train_case c;
    train_case_open(&c, 800);
    c.recipe.epochs = 10;
    c.recipe.crop_pad = 0;
    c.recipe.validation_share = 0.2;
    assert_ok(train_case_run(&c, NULL, NULL));
    assert_int_equal(c.report.epochs, 10);
    assert_false(c.report.resumed);
    assert_true(c.report.losses[0] < 1.3 * log(TRAIN_CASE_CLASSES)); // about a guess's
    assert_true(c.report.final_loss < 0.6 * c.report.losses[0]);
    assert_true(c.report.final_loss == c.report.losses[9]);
    assert_true(c.report.validation_accuracy > 0.7); // chance: 0.5
    assert_true(c.report.images_per_second > 0);
    // The network handed back is the trained one.
    const struct evaluate_options options = {.batch = 50};
    struct evaluation evaluation;
    assert_ok(evaluate_network(c.backend, &c.network, &c.data, NULL, 500, &options, &evaluation));
    assert_true(evaluation.accuracy > 0.75);
    train_case_close(&c);
}

static void same_seed_same_weights(void **state)
{
    (void)state;
    struct train_case a;
    struct train_case b;
    train_case_open(&a, 320);
    train_case_open(&b, 320);
    assert_ok(train_case_run(&a, NULL, NULL));
    assert_ok(train_case_run(&b, NULL, NULL));
    assert_memory_equal(a.network.params, b.network.params,
                        a.network.graph.n_floats * sizeof(float));
    assert_memory_equal(a.report.losses, b.report.losses, 3 * sizeof(double));
    train_case_restart(&b);
    b.recipe.seed++;
    assert_ok(train_case_run(&b, NULL, NULL));
    assert_memory_not_equal(a.network.params, b.network.params,
                            a.network.graph.n_floats * sizeof(float));
    train_case_close(&a);
    train_case_close(&b);
}

static void every_optimizer_and_schedule_learns(void **state)
{
    (void)state;
    static const struct {
        enum optimizer_kind optimizer;
        enum rate_schedule schedule;
        double rate;
    } recipes[] = {{OPTIMIZER_SGD, RATE_CONSTANT, 0.05},
                   {OPTIMIZER_RMSPROP, RATE_COSINE, 2e-3},
                   {OPTIMIZER_ADAM, RATE_STEP, 5e-3}};
    struct train_case c;
    train_case_open(&c, 640);
    c.recipe.epochs = 6;
    for (int i = 0; i < 3; i++) {
        train_case_restart(&c);
        c.recipe.optimizer = recipes[i].optimizer;
        c.recipe.schedule = recipes[i].schedule;
        c.recipe.learning_rate = recipes[i].rate;
        c.recipe.clip = 5;
        assert_ok(train_case_run(&c, NULL, NULL));
        if (!(c.report.final_loss < 0.9 * c.report.losses[0])) {
            fail_msg("optimizer %d: loss %g after %g", (int)recipes[i].optimizer,
                     c.report.final_loss, c.report.losses[0]);
        }
    }
    train_case_close(&c);
}

static void divergence_is_an_error(void **state)
{
    (void)state;
    struct train_case c;
    train_case_open(&c, 320);
    c.recipe.learning_rate = 1e30;
    c.recipe.weight_decay = 0;
    c.recipe.schedule = RATE_CONSTANT;
    c.recipe.epochs = 20;
    assert_fails(train_case_run(&c, NULL, NULL), ERR_CONFIG, "train.learning_rate");
    train_case_close(&c);
}

static void recipes_that_do_not_fit_are_errors(void **state)
{
    (void)state;
    struct train_case c;
    train_case_open(&c, 100);
    c.recipe.batch = 101;
    assert_fails(train_case_run(&c, NULL, NULL), ERR_CONFIG, "train.batch = 101");
    c.recipe.batch = 100;
    c.recipe.validation_share = 0.1;
    assert_fails(train_case_run(&c, NULL, NULL), ERR_CONFIG, "the 90 training images");
    c.network.info.classes = 9;
    assert_fails(train_case_run(&c, NULL, NULL), ERR_INPUT, "9 classes");
    train_case_close(&c);
}

// The network says which rows of the data set's files it has seen, also by a second training.
static void rows_trained_on_are_said(void **state)
{
    (void)state;
    struct train_case c;
    struct dataset_split first, second;
    train_case_open(&c, 200); // every fifth row or so of the files is one of these
    c.recipe.epochs = 1;
    c.recipe.validation_share = 0.3;
    assert_true(c.data.rows != NULL && c.data.part_rows == 1000);
    assert_ok(train_case_run(&c, NULL, NULL));
    assert_string_equal(c.network.info.dataset, "shapes");
    assert_ok(dataset_split(&c.data, 0.3, c.recipe.seed, &c.arena, &first));
    assert_int_equal(row_set_count(&c.network.train_rows), 140);
    for (int i = 0; i < first.n_train; i++) {
        assert_true(row_set_has(&c.network.train_rows, dataset_row(&c.data, first.train[i])));
    }
    c.recipe.seed++;
    assert_ok(train_case_run(&c, NULL, NULL));
    assert_ok(dataset_split(&c.data, 0.3, c.recipe.seed, &c.arena, &second));
    bool held[2][200] = {{false}};
    for (int i = 0; i < 60; i++) {
        held[0][first.validation[i]] = held[1][second.validation[i]] = true;
    }
    for (int i = 0; i < 200; i++) {
        assert_int_equal(row_set_has(&c.network.train_rows, dataset_row(&c.data, i)),
                         !(held[0][i] && held[1][i]));
    }
    c.recipe.all_rows = true;
    assert_ok(train_case_run(&c, NULL, NULL));
    assert_int_equal(row_set_count(&c.network.train_rows), 200);
    // Weights that nothing is known of are no better known afterwards, nor those of other data.
    row_set_close(&c.network.train_rows);
    assert_ok(train_case_run(&c, NULL, NULL));
    assert_false(c.network.train_rows.known);
    train_case_restart(&c);
    strcpy(c.network.info.dataset, "other");
    assert_ok(train_case_run(&c, NULL, NULL));
    assert_false(c.network.train_rows.known);
    assert_string_equal(c.network.info.dataset, "shapes");
    train_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_falls_and_accuracy_beats_chance),
        cmocka_unit_test(same_seed_same_weights),
        cmocka_unit_test(every_optimizer_and_schedule_learns),
        cmocka_unit_test(divergence_is_an_error),
        cmocka_unit_test(recipes_that_do_not_fit_are_errors),
        cmocka_unit_test(rows_trained_on_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
