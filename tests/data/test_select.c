// Choosing rows: classes and shares, and the mean and std of what is left.
#include "data/dataset_select.h"
#include "data_files.h"
#include "uneven_labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = UNEVEN_N, CLASSES = UNEVEN_CLASSES };

static void test_share(void **state)
{
    (void)state;
    int32_t labels[N];
    int members[CLASSES], kept[CLASSES] = {0};
    uneven_labels(labels, members);
    struct dataset_options options = files_options("d", "");
    options.share = 0.3;
    options.seed = 2;
    struct reading reading = {.n = N, .classes = CLASSES, .labels = labels};
    struct selection a, b, c, test;
    assert_ok(dataset_select(&options, DATASET_TRAIN, &reading, &a));
    assert_ok(dataset_select(&options, DATASET_TRAIN, &reading, &b));
    assert_ok(dataset_select(&options, DATASET_TEST, &reading, &test));
    options.seed = 3;
    assert_ok(dataset_select(&options, DATASET_TRAIN, &reading, &c));
    for (int i = 0; i < a.n; i++) {
        kept[a.labels[i]]++;
        assert_int_equal(a.labels[i], labels[a.rows[i]]);
        assert_true(i == 0 || a.rows[i] > a.rows[i - 1]);
    }
    for (int k = 0; k < CLASSES; k++) {
        assert_int_equal(kept[k], lround(0.3 * members[k]));
    }
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.rows, b.rows, (size_t)a.n * sizeof *a.rows);
    assert_memory_not_equal(a.rows, c.rows, (size_t)a.n * sizeof *a.rows);
    assert_memory_not_equal(a.rows, test.rows, (size_t)a.n * sizeof *a.rows);
    options.share = 1e-6; // one of each class is the least
    assert_ok(dataset_select(&options, DATASET_TRAIN, &reading, &a));
    assert_int_equal(a.n, CLASSES);
    arena_close(&reading.arena);
}

// With groups, a share takes whole ones, some of every class.
static void test_share_of_groups(void **state)
{
    (void)state;
    enum { GROUPS = 120 };
    int32_t labels[N], groups[N];
    int members[CLASSES], kept[CLASSES] = {0}, taken[GROUPS] = {0}, all[GROUPS] = {0};
    uneven_labels(labels, members);
    for (int i = 0; i < N; i++) {
        groups[i] = i / 20 * 2 + (labels[i] > 4); // a run of images of several classes
        all[groups[i]]++;
    }
    struct dataset_options options = files_options("d", "");
    options.share = 0.3;
    struct reading reading = {
        .n = N, .classes = CLASSES, .labels = labels, .groups = groups, .n_groups = GROUPS};
    struct selection a, b;
    assert_ok(dataset_select(&options, DATASET_TRAIN, &reading, &a));
    assert_ok(dataset_select(&options, DATASET_TRAIN, &reading, &b));
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.rows, b.rows, (size_t)a.n * sizeof *a.rows);
    for (int i = 0; i < a.n; i++) {
        taken[groups[a.rows[i]]]++;
        kept[a.labels[i]]++;
    }
    for (int g = 0; g < GROUPS; g++) {
        assert_true(taken[g] == 0 || taken[g] == all[g]);
    }
    for (int k = 0; k < CLASSES; k++) {
        assert_true(kept[k] > 0 && abs(kept[k] - (int)lround(0.3 * members[k])) <= 5);
    }
    options.share = 1e-6; // every class still has some
    assert_ok(dataset_select(&options, DATASET_TRAIN, &reading, &a));
    memset(kept, 0, sizeof kept);
    for (int i = 0; i < a.n; i++) {
        kept[a.labels[i]]++;
    }
    for (int k = 0; k < CLASSES; k++) {
        assert_true(kept[k] > 0);
    }
    assert_true(a.n < N / 10);
    arena_close(&reading.arena);
}

static void test_classes(void **state)
{
    (void)state;
    int32_t labels[N];
    int members[CLASSES];
    uneven_labels(labels, members);
    labels[0] = -1; // left out by the reader
    struct dataset_options options = files_options("d", "");
    int wanted[] = {5, 1, 6};
    const struct int_list list = {.n = 3, .values = wanted};
    options.classes = &list;
    struct reading reading = {.n = N, .classes = CLASSES, .labels = labels};
    struct selection a;
    assert_ok(dataset_select(&options, DATASET_TRAIN, &reading, &a));
    assert_int_equal(a.classes, 3);
    assert_int_equal(a.n, members[5] + members[1] + members[6]);
    for (int i = 0; i < a.n; i++) {
        assert_int_equal(wanted[a.labels[i]], labels[a.rows[i]]);
    }
    wanted[2] = 5;
    assert_int_equal(dataset_select(&options, DATASET_TRAIN, &reading, &a), ERR_CONFIG);
    assert_non_null(strstr(status_message(), "class 5 twice"));
    wanted[2] = CLASSES;
    assert_int_equal(dataset_select(&options, DATASET_TRAIN, &reading, &a), ERR_CONFIG);
    assert_non_null(strstr(status_message(), "data.classes[2] is 7"));
    arena_close(&reading.arena);
}

// Mean and std against the plain two-pass formula, over the chosen rows only.
static void test_mean_and_std(void **state)
{
    (void)state;
    struct dataset_options options = files_options("shapes", "");
    options.count = 2500; // 80,000 image rows: more than one block of exact sums
    const int wanted[] = {3, 4};
    const struct int_list list = {.n = 2, .values = wanted};
    for (int subset = 0; subset < 2; subset++) {
        struct dataset d;
        const struct int_list none = {.n = 0};
        options.classes = subset ? &list : &none;
        assert_ok(dataset_open(&options, DATASET_TRAIN, &d));
        const size_t count = (size_t)d.n * (size_t)(d.h * d.w);
        for (int c = 0; c < d.c; c++) {
            double mean = 0, variance = 0;
            for (size_t i = 0; i < count; i++) {
                mean += d.images[i * 3 + (size_t)c] / 255.0 / (double)count;
            }
            for (size_t i = 0; i < count; i++) {
                const double away = d.images[i * 3 + (size_t)c] / 255.0 - mean;
                variance += away * away / (double)count;
            }
            assert_true(fabs((double)d.mean[c] - mean) < 1e-6);
            assert_true(fabs((double)d.std[c] - sqrt(variance)) < 1e-6);
        }
        dataset_close(&d);
    }
}

// However rows are chosen, each knows where it comes from.
static void test_rows_are_of_the_whole_part(void **state)
{
    (void)state;
    const int wanted[] = {4, 1};
    const struct int_list list = {.n = 2, .values = wanted};
    struct dataset_options options = files_options("shapes", "");
    struct dataset all, some;
    options.count = 600;
    options.size = 12;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &all));
    options.classes = &list;
    options.share = 0.4;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &some));
    assert_true(all.rows == NULL && all.part_rows == 600 && some.part_rows == 600);
    assert_int_equal(dataset_row(&all, 599), 599);
    assert_int_equal(some.n, 48);
    const size_t bytes = 12 * 12 * 3;
    for (int i = 0; i < some.n; i++) {
        const int row = dataset_row(&some, i);
        assert_int_equal(wanted[some.labels[i]], all.labels[row]);
        assert_memory_equal(some.images + (size_t)i * bytes, all.images + (size_t)row * bytes,
                            bytes);
    }
    dataset_close(&all);
    dataset_close(&some);
}

static void test_constant_channel(void **state)
{
    uint8_t bytes[8 + 8] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    files_write(*state, "train-labels-idx1-ubyte", bytes, 10);
    uint8_t images[16 + 2 * 4] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2};
    memset(images + 16, 51, 8);
    files_write(*state, "train-images-idx3-ubyte", images, sizeof images);
    const struct dataset_options options = files_options("idx", *state);
    struct dataset d;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &d));
    assert_true(fabsf(d.mean[0] - 0.2f) < 1e-6f);
    assert_true(d.std[0] == 1.0f);
    dataset_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share_of_groups),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_rows_are_of_the_whole_part),
        cmocka_unit_test(test_mean_and_std),
        cmocka_unit_test_setup_teardown(test_constant_channel, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
