// The data sets themselves: counts, labels, means. Needs DIKDIK_DATA.
#include "core/clock.h"
#include "data_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// Opens a part under DIKDIK_DATA; false, with the reason printed, when this machine lacks the set.
static bool open_part(struct dataset_options *options, enum dataset_part part, struct dataset *out)
{
    char place[FILES_PATH];
    if (!dataset_find(options, place, sizeof place)) {
        print_message("left out: %s\n", status_message());
        return false;
    }
    assert_ok(dataset_open(options, part, out));
    return true;
}

// The same number of images of each class.
static void expect_balance(const struct dataset *dataset, int classes, int each)
{
    int members[DATASET_MAX_CLASSES] = {0};
    assert_int_equal(dataset->classes, classes);
    assert_int_equal(dataset->n, classes * each);
    for (int i = 0; i < dataset->n; i++) {
        members[dataset->labels[i]]++;
    }
    for (int k = 0; k < classes; k++) {
        assert_int_equal(members[k], each);
    }
}

static void expect_shape(const struct dataset *dataset, int n, int h, int w, int c)
{
    assert_int_equal(dataset->n, n);
    assert_int_equal(dataset->h, h);
    assert_int_equal(dataset->w, w);
    assert_int_equal(dataset->c, c);
}

static void expect_near(float got, double expected, double tolerance)
{
    if (fabs((double)got - expected) > tolerance) {
        fail_msg("expected %.4f, got %.4f", expected, (double)got);
    }
}

static void test_cifar10(void **state)
{
    (void)state;
    static const double mean[] = {0.4914, 0.4822, 0.4465}, std[] = {0.2470, 0.2435, 0.2616};
    struct dataset_options options = files_options("cifar10", "");
    struct dataset d;
    const double start = clock_seconds();
    if (!open_part(&options, DATASET_TRAIN, &d)) {
        return;
    }
    print_message("cifar10: %.2f s\n", clock_seconds() - start);
    expect_shape(&d, 50000, 32, 32, 3);
    expect_balance(&d, 10, 5000);
    for (int c = 0; c < 3; c++) {
        expect_near(d.mean[c], mean[c], 2e-4);
        expect_near(d.std[c], std[c], 2e-4);
    }
    dataset_close(&d);
    assert_true(open_part(&options, DATASET_TEST, &d));
    expect_shape(&d, 10000, 32, 32, 3);
    expect_balance(&d, 10, 1000);
    assert_int_equal(d.labels[0], 3); // a cat, two ships, an aeroplane
    assert_int_equal(d.labels[1], 8);
    assert_int_equal(d.labels[2], 8);
    assert_int_equal(d.labels[3], 0);
    dataset_close(&d);
}

static void test_cifar100(void **state)
{
    (void)state;
    struct dataset_options options = files_options("cifar100", "");
    struct dataset d;
    if (!open_part(&options, DATASET_TRAIN, &d)) {
        return;
    }
    const int each = d.n / 100;
    expect_balance(&d, 100, each);
    expect_near(d.mean[0], 0.507, 5e-3);
    expect_near(d.mean[1], 0.487, 5e-3);
    expect_near(d.mean[2], 0.441, 5e-3);
    dataset_close(&d);
    options.labels = LABELS_COARSE;
    assert_true(open_part(&options, DATASET_TRAIN, &d));
    expect_balance(&d, 20, 5 * each);
    dataset_close(&d);
    options.labels = LABELS_FINE;
    for (options.superclass = 0; options.superclass < 20; options.superclass += 6) {
        assert_true(open_part(&options, DATASET_TRAIN, &d));
        expect_balance(&d, 5, each);
        dataset_close(&d);
        assert_true(open_part(&options, DATASET_TEST, &d));
        expect_balance(&d, 5, d.n / 5);
        dataset_close(&d);
    }
}

static void test_mnist_family(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int train, test, side;
        double mean; // of the training part; 0 = not known
    } sets[] = {
        {"mnist", 60000, 10000, 28, 0.1307},
        {"fashion-mnist", 60000, 10000, 28, 0.2860},
        {"fsdd", 2700, 300, 32, 0},
    };
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct dataset_options options = files_options(sets[i].name, "");
        struct dataset d;
        if (!open_part(&options, DATASET_TRAIN, &d)) {
            continue;
        }
        expect_shape(&d, sets[i].train, sets[i].side, sets[i].side, 1);
        assert_int_equal(d.classes, 10);
        if (sets[i].mean > 0) {
            expect_near(d.mean[0], sets[i].mean, 2e-4);
        }
        dataset_close(&d);
        assert_true(open_part(&options, DATASET_TEST, &d));
        expect_shape(&d, sets[i].test, sets[i].side, sets[i].side, 1);
        dataset_close(&d);
    }
}

static void test_parts_of_a_set(void **state)
{
    (void)state;
    struct dataset_options options = files_options("cifar10", "");
    const int animals[] = {2, 3, 4, 5, 6, 7};
    const struct int_list list = {.n = 6, .values = animals};
    struct dataset d;
    options.classes = &list;
    options.share = 0.1;
    if (!open_part(&options, DATASET_TRAIN, &d)) {
        return;
    }
    expect_balance(&d, 6, 500);
    struct arena arena = {.newest = NULL};
    struct dataset_split split;
    assert_ok(dataset_split(&d, 0.2, 1, &arena, &split));
    assert_int_equal(split.n_validation, 600);
    arena_close(&arena);
    dataset_close(&d);
}

int main(void)
{
    if (getenv("DIKDIK_DATA") == NULL) {
        printf("skipped: DIKDIK_DATA does not say where the data sets are\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cifar10),
        cmocka_unit_test(test_cifar100),
        cmocka_unit_test(test_mnist_family),
        cmocka_unit_test(test_parts_of_a_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
