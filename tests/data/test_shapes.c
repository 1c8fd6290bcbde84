// The drawn data set: sizes, repeatability, balance, and that the shape can be seen.
#include "data/draw_shape.h"
#include "data_files.h"

#include <stdlib.h>
#include <string.h>

static struct dataset_options shapes_options(void)
{
    struct dataset_options options = files_options("shapes", "");
    options.count = 200;
    options.size = 24;
    options.seed = 5;
    return options;
}

static void test_parts(void **state)
{
    (void)state;
    const struct dataset_options options = shapes_options();
    struct dataset train, test, again;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &train));
    assert_ok(dataset_open(&options, DATASET_TEST, &test));
    assert_ok(dataset_open(&options, DATASET_TRAIN, &again));
    assert_int_equal(train.n, 200);
    assert_int_equal(test.n, 40);
    assert_int_equal(train.h, 24);
    assert_int_equal(train.c, 3);
    assert_int_equal(train.classes, 10);
    const size_t bytes = 24 * 24 * 3;
    assert_memory_equal(train.images, again.images, 200 * bytes);
    int members[10] = {0};
    for (int i = 0; i < train.n; i++) {
        members[train.labels[i]]++;
    }
    for (int k = 0; k < 10; k++) {
        assert_int_equal(members[k], 20);
    }
    for (int i = 0; i < 200; i++) { // no two pictures are the same, in either part
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(train.images + (size_t)i * bytes,
                                    train.images + (size_t)j * bytes, bytes);
        }
        for (int j = 0; j < 40; j++) {
            assert_memory_not_equal(train.images + (size_t)i * bytes,
                                    test.images + (size_t)j * bytes, bytes);
        }
    }
    dataset_close(&again);
    dataset_close(&test);
    dataset_close(&train);
}

// A picture depends on its own index alone: a class subset or a smaller count has the same ones.
static void test_pictures_by_index(void **state)
{
    (void)state;
    struct dataset_options options = shapes_options();
    struct dataset all, some;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &all));
    const int wanted[] = {7, 2};
    const struct int_list list = {.n = 2, .values = wanted};
    options.classes = &list;
    options.count = 60;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &some));
    assert_int_equal(some.n, 12);
    assert_int_equal(some.classes, 2);
    const size_t bytes = 24 * 24 * 3;
    int next = 0;
    for (int i = 0; i < 60; i++) {
        if (i % 10 == 7 || i % 10 == 2) {
            assert_memory_equal(some.images + (size_t)next * bytes, all.images + (size_t)i * bytes,
                                bytes);
            assert_int_equal(some.labels[next], i % 10 == 2);
            next++;
        }
    }
    dataset_close(&some);
    options = shapes_options();
    options.seed = 6;
    assert_ok(dataset_open(&options, DATASET_TRAIN, &some));
    assert_memory_not_equal(some.images, all.images, bytes);
    dataset_close(&some);
    dataset_close(&all);
}

// Two drawings that differ in the shape alone have everything else in common, noise included, so
// they differ exactly where one shape covers what the other does not.
static void test_shapes_differ(void **state)
{
    (void)state;
    enum { SIZE = 32, BYTES = SIZE * SIZE * 3 };
    uint8_t a[BYTES], b[BYTES];
    for (int64_t index = 0; index < 20; index++) {
        for (int i = 0; i < SHAPE_CLASSES; i++) {
            for (int j = 0; j < i; j++) {
                shape_draw(i, 1, 0, index, SIZE, a);
                shape_draw(j, 1, 0, index, SIZE, b);
                int different = 0;
                for (int p = 0; p < BYTES; p += 3) {
                    different +=
                        abs(a[p] - b[p]) + abs(a[p + 1] - b[p + 1]) + abs(a[p + 2] - b[p + 2]) > 60;
                }
                if (different < 5 || different > SIZE * SIZE * 3 / 4) {
                    fail_msg("%s and %s, picture %d: %d pixels differ", shape_name(i),
                             shape_name(j), (int)index, different);
                }
            }
        }
    }
}

static void test_wrong_options(void **state)
{
    (void)state;
    struct dataset_options options = shapes_options();
    options.count = 4; // no test image
    files_expect_failure(&options, DATASET_TEST, ERR_INPUT, "shapes", NULL);
    options = shapes_options();
    options.size = 0;
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "pixels", NULL);
    options = shapes_options();
    options.share = 0;
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "share", NULL);
    options = shapes_options();
    options.count = INT64_MAX;
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "images", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_pictures_by_index),
        cmocka_unit_test(test_shapes_differ),
        cmocka_unit_test(test_wrong_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
