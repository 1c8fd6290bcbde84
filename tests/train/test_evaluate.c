// Scoring and calibration on drawn images.
#include "train/calibrate.h"
#include "train/evaluate.h"
#include "train_case.h"

#include <math.h>
#include <string.h>

#define CLASSES TRAIN_CASE_CLASSES

static void logits_give_accuracy_and_loss(void **state)
{
    (void)state;
    struct train_case c;
    float logits[60 * CLASSES];
    struct evaluation evaluation;
    train_case_open(&c, 100);
    const struct evaluate_options options = {.batch = 16, .logits = logits};
    assert_ok(evaluate_network(c.backend, &c.network, &c.data, NULL, 60, &options, &evaluation));
    double loss = 0;
    int right = 0;
    for (int i = 0; i < 60; i++) {
        const float *row = logits + (size_t)i * CLASSES;
        double sum = 0;
        int best = 0;
        for (int k = 0; k < CLASSES; k++) {
            sum += exp((double)row[k]);
            best = row[k] > row[best] ? k : best;
        }
        loss += log(sum) - (double)row[c.data.labels[i]];
        right += best == c.data.labels[i];
    }
    assert_int_equal(evaluation.images, 60);
    assert_true(fabs(evaluation.accuracy - right / 60.0) < 1e-12);
    assert_true(fabs(evaluation.loss - loss / 60) < 1e-9);
    assert_true(evaluation.images_per_second > 0);
    train_case_close(&c);
}

static void rows_are_those_asked_for(void **state)
{
    (void)state;
    struct train_case c;
    float all[100 * CLASSES];
    float some[3 * CLASSES];
    static const int32_t rows[] = {99, 3, 50};
    struct evaluation evaluation;
    train_case_open(&c, 100);
    const struct evaluate_options options_all = {.batch = 100, .logits = all};
    const struct evaluate_options options_some = {.batch = 2, .logits = some};
    assert_ok(
        evaluate_network(c.backend, &c.network, &c.data, NULL, 100, &options_all, &evaluation));
    assert_ok(
        evaluate_network(c.backend, &c.network, &c.data, rows, 3, &options_some, &evaluation));
    assert_int_equal(evaluation.images, 3);
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < CLASSES; k++) {
            const double a = (double)all[rows[i] * CLASSES + k];
            assert_true(fabs(a - (double)some[i * CLASSES + k]) < 1e-4);
        }
    }
    train_case_close(&c);
}

static void misfits_are_named(void **state)
{
    (void)state;
    struct train_case c;
    struct evaluation evaluation;
    const struct evaluate_options options = {.batch = 16};
    train_case_open(&c, 100);
    c.data.classes = 5;
    assert_fails(evaluate_network(c.backend, &c.network, &c.data, NULL, 10, &options, &evaluation),
                 ERR_INPUT, "2 classes apart");
    c.data.classes = CLASSES;
    c.network.info.w = 13;
    assert_fails(evaluate_network(c.backend, &c.network, &c.data, NULL, 10, &options, &evaluation),
                 ERR_INPUT, "12 x 13 x 3");
    c.network.info.w = 12;
    assert_fails(evaluate_network(c.backend, &c.network, &c.data, NULL, 0, &options, &evaluation),
                 ERR_INPUT, "no image");
    train_case_close(&c);
}

// Recalibration heals running statistics that were spoiled, and touches nothing else.
static void calibration_restores_statistics(void **state)
{
    (void)state;
    struct train_case c;
    struct evaluation before;
    struct evaluation spoiled;
    struct evaluation healed;
    const struct evaluate_options options = {.batch = 50};
    train_case_open(&c, 1000);
    c.recipe.epochs = 8;
    assert_ok(train_case_run(&c, NULL, NULL));
    assert_ok(evaluate_network(c.backend, &c.network, &c.data, NULL, 1000, &options, &before));
    const size_t trainable = c.network.graph.n_trainable;
    for (size_t i = trainable; i < c.network.graph.n_floats; i++) {
        c.network.params[i] = 5;
    }
    assert_ok(evaluate_network(c.backend, &c.network, &c.data, NULL, 1000, &options, &spoiled));
    assert_true(spoiled.accuracy < before.accuracy - 0.1);
    float weights[64];
    memcpy(weights, c.network.params, sizeof weights);
    assert_ok(
        calibrate_network(c.backend, &c.network, &c.data, NULL, c.data.n, 600, 3, true, NULL));
    assert_ok(evaluate_network(c.backend, &c.network, &c.data, NULL, 1000, &options, &healed));
    assert_true(healed.accuracy > before.accuracy - 0.05);
    assert_memory_equal(weights, c.network.params, sizeof weights);
    train_case_close(&c);
}

static void int8_scores_like_float32(void **state)
{
    (void)state;
    struct train_case c;
    struct evaluation in_float;
    struct evaluation in_int8;
    float ranges[64];
    train_case_open(&c, 1000);
    if (!c.backend->int8) {
        train_case_close(&c);
        skip();
    }
    c.recipe.epochs = 8;
    assert_ok(train_case_run(&c, NULL, NULL));
    assert_true(c.network.graph.n_nodes <= 64);
    assert_ok(
        calibrate_network(c.backend, &c.network, &c.data, NULL, c.data.n, 512, 0, false, ranges));
    const struct evaluate_options options = {.batch = 50};
    const struct evaluate_options options8 = {.batch = 50, .int8 = true, .ranges = ranges};
    assert_ok(evaluate_network(c.backend, &c.network, &c.data, NULL, 1000, &options, &in_float));
    assert_ok(evaluate_network(c.backend, &c.network, &c.data, NULL, 1000, &options8, &in_int8));
    assert_true(in_float.accuracy > 0.7);
    assert_true(fabs(in_float.accuracy - in_int8.accuracy) < 0.04);
    train_case_close(&c);
}

static void samples_are_keyed_by_seed(void **state)
{
    (void)state;
    struct train_case c;
    uint8_t *a, *b, *other, *longer;
    train_case_open(&c, 200);
    const size_t bytes = 20 * (size_t)c.data.h * (size_t)c.data.w * (size_t)c.data.c;
    assert_ok(dataset_sample(&c.data, NULL, 200, 20, 1, &c.arena, &a));
    assert_ok(dataset_sample(&c.data, NULL, 200, 20, 1, &c.arena, &b));
    assert_ok(dataset_sample(&c.data, NULL, 200, 20, 2, &c.arena, &other));
    assert_ok(dataset_sample(&c.data, NULL, 200, 40, 1, &c.arena, &longer));
    assert_memory_equal(a, b, bytes);
    assert_memory_equal(a, longer, bytes); // the first of one order
    assert_memory_not_equal(a, other, bytes);
    train_case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_give_accuracy_and_loss),
        cmocka_unit_test(rows_are_those_asked_for),
        cmocka_unit_test(misfits_are_named),
        cmocka_unit_test(calibration_restores_statistics),
        cmocka_unit_test(int8_scores_like_float32),
        cmocka_unit_test(samples_are_keyed_by_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
