// Where data sets are looked for, and what is said when there is none.
#include "data/dataset_list.h"
#include "data_files.h"

#include <stdlib.h>
#include <string.h>

// An IDX training set of one image, whose pixel tells which it is.
static void write_set(const char *folder, uint8_t mark)
{
    const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 1, 0};
    const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, mark};
    files_write(folder, "train-labels-idx1-ubyte", labels, sizeof labels);
    files_write(folder, "train-images-idx3-ubyte", images, sizeof images);
}

static void expect_mark(const struct dataset_options *options, uint8_t mark)
{
    struct dataset dataset;
    assert_ok(dataset_open(options, DATASET_TRAIN, &dataset));
    assert_int_equal(dataset.images[0], mark);
    dataset_close(&dataset);
}

static void test_search_order(void **state)
{
    char root[FILES_PATH], home[FILES_PATH], own[FILES_PATH], folder[FILES_PATH];
    files_path(root, *state, "root");
    files_path(home, *state, "home");
    files_path(own, *state, "own");
    assert_int_equal(setenv("DIKDIK_DATA", home, 1), 0);
    struct dataset_options options = files_options("mnist", "");
    options.data_root = root;
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "'mnist'", root, home,
                         "/usr/share/datasets/mnist", "train-images-idx3-ubyte", NULL);
    char found[FILES_PATH];
    assert_false(dataset_find(&options, found, sizeof found));
    write_set(files_path(folder, home, "mnist"), 2);
    expect_mark(&options, 2);
    files_write(root, "mnist/readme", "nothing here", 12); // a folder without the files
    expect_mark(&options, 2);
    write_set(files_path(folder, root, "mnist"), 1);
    expect_mark(&options, 1);
    assert_true(dataset_find(&options, found, sizeof found));
    assert_string_equal(found, folder);
    assert_false(dataset_find(&options, found, 5)); // does not fit
    write_set(own, 3);
    options.path = own;
    expect_mark(&options, 3);
    options.path = *state; // nothing there: no other place is tried
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "mnist", *state, NULL);
    assert_null(strstr(status_message(), "/usr/share"));
}

static void test_names_of_ones_own(void **state)
{
    char folder[FILES_PATH];
    struct dataset_options options = files_options("letters", "");
    options.data_root = *state;
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "'letters'", "fashion-mnist",
                         "data.path", NULL);
    write_set(files_path(folder, *state, "letters"), 9);
    expect_mark(&options, 9);
    options = files_options("", folder);
    expect_mark(&options, 9);
}

static void test_advice_and_bad_names(void **state)
{
    assert_int_equal(setenv("DIKDIK_DATA", *state, 1), 0);
    struct dataset_options options = files_options("fashion-mnist", *state);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT,
                         "apt-get install dataset-fashion-mnist", NULL);
    options = files_options("cifar10", "");
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "cifar-10-binary.tar.gz",
                         "cifar-10-batches-bin", NULL);
    options = files_options("idx", "");
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "data.path", NULL);
    options = files_options("", "");
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "data.name", NULL);
    options = files_options("../etc", "");
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "data.name", NULL);
    char name[100];
    memset(name, 'x', sizeof name);
    name[99] = '\0';
    options = files_options(name, "");
    files_expect_failure(&options, DATASET_TRAIN, ERR_CONFIG, "data.name", NULL);
    char *path = malloc(10000);
    assert_non_null(path);
    memset(path, 'y', 10000);
    path[9999] = '\0';
    options = files_options("mnist", path);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "mnist", NULL);
    free(path);
}

static void test_every_name_is_known(void **state)
{
    struct dataset_options options = files_options("", *state);
    char found[FILES_PATH];
    static const char *const formats[] = {
#define X(name) #name,
        FORMAT_LIST(X)
#undef X
            NULL};
    for (int i = 0; dataset_names[i] != NULL; i++) {
        options.name = dataset_names[i];
        const bool drawn = strcmp(dataset_names[i], "shapes") == 0;
        assert_int_equal(dataset_find(&options, found, sizeof found), drawn);
        if (!drawn) { // a name of one's own would be called unknown
            assert_null(strstr(status_message(), "known names"));
        }
    }
    for (int i = 0; formats[i] != NULL; i++) {
        options.name = formats[i];
        assert_false(dataset_find(&options, found, sizeof found));
        assert_null(strstr(status_message(), "known names"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_search_order, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_names_of_ones_own, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_advice_and_bad_names, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_every_name_is_known, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
