// Real weights on the real CIFAR-10: accuracies, reference logits, and a uniform cut. Needs
// DIKDIK_DATA.
#include "nn/safetensors.h"
#include "run_program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_accuracy(struct program *p, const char *name, double expected)
{
    const struct json *scored =
        program_json(p, "eval %s/weights/cifar10_%s.safetensors --data cifar10 --batch 64",
                     getenv("DIKDIK_DATA"), name);
    const double accuracy = 100 * program_number(scored, "accuracy");
    assert_true(program_number(scored, "images") == 10000);
    if (fabs(accuracy - expected) > 0.02 + 1e-9) {
        fail_msg("%s: accuracy %.2f%%, expected %.2f%%", name, accuracy, expected);
    }
}

static void accuracies_are_the_published_ones(void **state)
{
    struct program *p = *state;
    check_accuracy(p, "resnet20", 91.73);
    check_accuracy(p, "resnet56", 93.39);
}

static void check_logits(struct program *p, const char *name)
{
    char ours[PROGRAM_PATH_CHARS];
    char theirs[PROGRAM_PATH_CHARS];
    const char *root = getenv("DIKDIK_DATA");
    program_run(p, "eval %s/weights/cifar10_%s.safetensors --logits logits.st", root, name);
    ASSERT_RUN(p, 0, "");
    snprintf(theirs, sizeof theirs, "%s/weights/cifar10_%s.ref100.safetensors", root, name);
    struct safetensors_file a;
    struct safetensors_file b;
    assert_int_equal(safetensors_open(program_path(p, "logits.st", ours), &a), OK);
    assert_int_equal(safetensors_open(theirs, &b), OK);
    const struct safetensor *x = safetensors_find(&a, "logits");
    const struct safetensor *y = safetensors_find(&b, "logits");
    assert_non_null(x);
    assert_non_null(y);
    assert_int_equal(x->bytes, 100000 * sizeof(float));
    assert_int_equal(y->bytes, 1000 * sizeof(float)); // of the first 100 images
    for (size_t i = 0; i < 1000; i++) {
        float u;
        float v;
        memcpy(&u, (const char *)x->data + i * sizeof u, sizeof u);
        memcpy(&v, (const char *)y->data + i * sizeof v, sizeof v);
        if (!(fabs((double)u - (double)v) <= 1e-3)) {
            fail_msg("%s: logit %zu is %g, expected %g", name, i, (double)u, (double)v);
        }
    }
    safetensors_close(&a);
    safetensors_close(&b);
}

static void logits_equal_the_reference(void **state)
{
    struct program *p = *state;
    check_logits(p, "resnet20");
    check_logits(p, "resnet56");
}

// Every inner width halved by the l2 norms of what makes and what reads a channel, BatchNorm
// recomputed on 1024 training images. An independent program that masked the same channels found
// 55.64% and 82.35%.
static void check_cut(struct program *p, const char *name, double expected)
{
    program_run(p,
                "slim %s/weights/cifar10_%s.safetensors -o half.safetensors --share 0.5 "
                "--data cifar10 --recalibrate 1024 --refit=false --round-to 1",
                getenv("DIKDIK_DATA"), name);
    ASSERT_RUN(p, 0, "");
    const struct json *scored = program_json(p, "eval half.safetensors --data cifar10");
    const double accuracy = 100 * program_number(scored, "accuracy");
    if (fabs(accuracy - expected) > 2.5) {
        fail_msg("%s at half its inner widths: %.2f%%, expected about %.1f%%", name, accuracy,
                 expected);
    }
}

static void uniform_cuts_score_as_expected(void **state)
{
    struct program *p = *state;
    check_cut(p, "resnet20", 55.6);
    check_cut(p, "resnet56", 82.4);
}

// One shot at half the multiply-adds, nothing fine-tuned: far above the 85.2% that the widths of
// one ranking by norms keep.
static void global_cuts_keep_accuracy(void **state)
{
    struct program *p = *state;
    program_run(p,
                "slim %s/weights/cifar10_resnet56.safetensors -o half.safetensors --macs 0.5 "
                "--global --round-to 1 --data cifar10",
                getenv("DIKDIK_DATA"));
    ASSERT_RUN(p, 0, "");
    const struct json *scored =
        program_json(p, "eval half.safetensors --data cifar10 --limit 2000");
    if (program_number(scored, "accuracy") < 0.87) {
        fail_msg("resnet56 at half its MACs: %g", program_number(scored, "accuracy"));
    }
}

static void int8_keeps_the_accuracy(void **state)
{
    struct program *p = *state;
    const struct json *facts = program_json(p, "doctor");
    if (strcmp(program_string(facts, "vnni"), "yes") != 0) {
        skip();
    }
    static const struct {
        const char *name;
        double least;
    } networks[] = {{"resnet20", 0.912}, {"resnet56", 0.929}};
    for (int i = 0; i < 2; i++) {
        const struct json *scored =
            program_json(p, "eval %s/weights/cifar10_%s.safetensors --data cifar10 --int8",
                         getenv("DIKDIK_DATA"), networks[i].name);
        if (program_number(scored, "accuracy") < networks[i].least) {
            fail_msg("%s in int8: %g", networks[i].name, program_number(scored, "accuracy"));
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    if (getenv("DIKDIK_DATA") == NULL) {
        printf("skipped: DIKDIK_DATA does not say where the weights and CIFAR-10 are\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        TEST(accuracies_are_the_published_ones), TEST(logits_equal_the_reference),
        TEST(uniform_cuts_score_as_expected),    TEST(global_cuts_keep_accuracy),
        TEST(int8_keeps_the_accuracy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
