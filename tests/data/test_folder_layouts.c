// Folders as they are found: which layouts are read, which files are passed over, and what is said
// of folders that are no data set.
#include "core/log.h"
#include "data_files.h"

#include <stdio.h>
#include <unistd.h>

enum { SIDE = 8, MOST_FILES = 12 };

static struct dataset_options folder_options(const char *folder)
{
    struct dataset_options options = files_options("folder", folder);
    options.size = SIDE;
    return options;
}

// Files named in a line of text; a picture is grey, of its place in the line.
static void write_files(const char *folder, const char *line)
{
    char name[128];
    int used = 0;
    for (uint8_t i = 1; sscanf(line, "%127s%n", name, &used) == 1; i++, line += used) {
        const char picture[] = {'P', '5', ' ', '1', ' ', '1', ' ', '9', '9', '\n', (char)i};
        const bool is_text = strstr(name, ".txt") != NULL;
        files_write(folder, name, is_text ? "text" : picture, is_text ? 4 : sizeof picture);
    }
}

// The images of a part are those of these places, with these labels.
static void expect_part(const char *folder, enum dataset_part part, int n, const int *places,
                        const int *labels)
{
    const struct dataset_options options = folder_options(folder);
    struct dataset dataset;
    assert_ok(dataset_open(&options, part, &dataset));
    assert_int_equal(dataset.n, n);
    for (int i = 0; i < n; i++) {
        assert_int_equal(dataset.images[i * SIDE * SIDE * 3], (places[i] * 255 + 49) / 99);
        assert_int_equal(dataset.labels[i], labels[i]);
    }
    dataset_close(&dataset);
}

static const char tiny_train[] = "train/n1/images/n1_0.pgm train/n1/images/n1_1.pgm "
                                 "train/n1/n1_boxes.txt train/n2/images/n2_0.pgm "
                                 "train/n2/n2_boxes.txt wnids.txt ";

static void test_layouts(void **state)
{
    static const struct {
        const char *files;
        enum dataset_part part;
        int n, places[MOST_FILES], labels[MOST_FILES];
    } cases[] = {
        // In byte order of paths, at any depth; what is no picture is passed over.
        {"train/b/2.pgm train/b/10.pgm train/a/z/deep/er/1.pgm train/a/b.pgm train/a/labels.txt "
         "train/list.txt",
         DATASET_TRAIN,
         4,
         {4, 3, 2, 1},
         {0, 0, 1, 1}},
        {"train/a/Thumbs.db train/a/.DS_Store train/a/1.pgm train/__MACOSX/a/._1.pgm "
         "train/a/__MACOSX/._1.pgm train/.cache/x.pgm",
         DATASET_TRAIN,
         1,
         {3},
         {0}},
        {"train/a/1.pgm train/b/1.pgm test/b/1.pgm test/a/1.pgm val/a/1.pgm",
         DATASET_TEST,
         2,
         {4, 3},
         {0, 1}},
        {"train/a/1.pgm train/b/1.pgm val/b/1.pgm val/a/1.pgm", DATASET_TEST, 2, {4, 3}, {0, 1}},
        {"train/a/1.pgm valid/a/1.pgm", DATASET_TEST, 1, {2}, {0}},
        {"train/a/1.pgm test/1.txt val/a/1.pgm", DATASET_TEST, 1, {3}, {0}},
        {"train/a/1.pgm train/b/1.pgm train/c/1.pgm test/c/x/1.pgm", DATASET_TEST, 1, {4}, {2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[16], folder[FILES_PATH];
        snprintf(name, sizeof name, "%zu", i);
        write_files(files_path(folder, *state, name), cases[i].files);
        expect_part(folder, cases[i].part, cases[i].n, cases[i].places, cases[i].labels);
    }
}

static void test_tiny_imagenet(void **state)
{
    static const char notes[] = "val_1.pgm\tn2\t0\t32\t44\t62\r\nval_0.pgm\tn1\t1\t2\t3\t4\n";
    char line[512];
    snprintf(line, sizeof line,
             "%stest/images/test_0.pgm val/images/val_0.pgm val/images/val_1.pgm", tiny_train);
    write_files(*state, line);
    files_write(*state, "val/val_annotations.txt", notes, sizeof notes - 1);
    expect_part(*state, DATASET_TRAIN, 3, (const int[]){1, 2, 4}, (const int[]){0, 0, 1});
    expect_part(*state, DATASET_TEST, 2, (const int[]){8, 9}, (const int[]){0, 1});
    static const struct {
        const char *notes, *words[2];
    } wrong[] = {{"val_0.pgm\tn3\n", {"line 1", "'n3'"}},
                 {"val_0.pgm\tn1\nval_1.pgm\n", {"line 2", "'val_1.pgm'"}},
                 {"../val_0.pgm\tn1\n", {"line 1", "'../val_0.pgm'"}},
                 {"val_0.pgm\tn1\nval_0.pgm\tn1\n", {"val_0.pgm", "twice"}},
                 {"val_7.pgm\tn1\n", {"1 of 1", "images/val_7.pgm (cannot be opened"}},
                 {"", {"found", "in test folders: 1 (images)"}}};
    const struct dataset_options options = folder_options(*state);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        files_write(*state, "val/val_annotations.txt", wrong[i].notes, strlen(wrong[i].notes));
        files_expect_failure(&options, DATASET_TEST, ERR_INPUT, wrong[i].words[0],
                             wrong[i].words[1], NULL);
    }
}

// One message says what was looked for and what is there.
static void test_folders_without_a_data_set(void **state)
{
    static const struct {
        const char *files;
        enum dataset_part part;
        const char *words[4];
    } cases[] = {
        {"train/1.pgm train/2.pgm train/3.pgm train/4.pgm",
         DATASET_TRAIN,
         {"a folder of images for each class", "4 (1.pgm, 2.pgm, 3.pgm ...)"}},
        {"train/a/1.pgm train/b/1.txt train/c/d/2.txt",
         DATASET_TRAIN,
         {"of 3 classes", "2 (b, c)", "2 (1.txt, 2.txt)", ".ppm"}},
        {"train/a/1.pgm train/b/1.pgm test/c/1.pgm test/a/1.pgm",
         DATASET_TEST,
         {"/test", "2 folders", "1 (c)"}},
        {"train/a/1.pgm train/b/1.pgm test/c/1.pgm val/d/1.pgm val/x.txt",
         DATASET_TEST,
         {"in test folders: 1 (c)", "in val folders: 1 (d) and files: 1 (x.txt)", "no valid",
          "2 (a, b)"}},
        {"train/a/1.pgm test/a/1.txt", DATASET_TEST, {"in test folders: 1 (a)", "no val"}},
        {"a/1.pgm b/1.pgm c/1.pgm", DATASET_TRAIN, {"train/CLASS", "3 (a, b, c)"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[16], folder[FILES_PATH];
        snprintf(name, sizeof name, "%zu", i);
        write_files(files_path(folder, *state, name), cases[i].files);
        const struct dataset_options options = folder_options(folder);
        for (int w = 0; w < 4 && cases[i].words[w] != NULL; w++) {
            files_expect_failure(&options, cases[i].part, ERR_INPUT, folder, cases[i].words[w],
                                 NULL);
        }
    }
}

// Links to files and folders are followed; one that leads back is not.
static void test_links(void **state)
{
    char folder[FILES_PATH], path[FILES_PATH], target[FILES_PATH];
    write_files(files_path(folder, *state, "links"), "train/a/1.pgm pool/2.pgm pool/in/3.pgm");
    files_path(target, folder, "pool");
    assert_int_equal(symlink(target, files_path(path, folder, "train/b")), 0);
    assert_int_equal(symlink("../../pool/2.pgm", files_path(path, folder, "train/a/0.pgm")), 0);
    assert_int_equal(symlink("..", files_path(path, folder, "pool/in/back")), 0);
    assert_int_equal(symlink(".", files_path(path, folder, "pool/self")), 0);
    expect_part(folder, DATASET_TRAIN, 4, (const int[]){2, 1, 2, 3}, (const int[]){0, 0, 1, 1});
    assert_int_equal(symlink("nowhere", files_path(path, folder, "train/a/2.pgm")), 0);
    assert_int_equal(symlink("3.pgm", files_path(path, folder, "train/a/3.pgm")), 0);
    const struct dataset_options options = folder_options(folder);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "2 of 6", "a/2.pgm (cannot be opened",
                         "a/3.pgm (cannot be opened", NULL);
}

// Height and width of one's own: the greatest centred part of that shape, resized.
static void test_other_shapes_than_squares(void **state)
{
    enum { H = 12, W = 20 };
    static const struct {
        int h, w, first_y, first_x, of_h, of_w; // the part of the picture
    } cases[] = {{12, 20, 0, 0, 12, 20}, {12, 10, 0, 5, 12, 10}, {6, 20, 3, 0, 6, 20},
                 {6, 10, 0, 0, 12, 20},  {24, 40, 0, 0, 12, 20}, {0, 24, 2, 0, 7, 20}};
    uint8_t file[16 + H * W] = "P5 20 12 255\n";
    for (int i = 0; i < H * W; i++) {
        file[13 + i] = (uint8_t)(20 + 8 * (i % W) + 4 * (i / W));
    }
    files_write(*state, "train/a/1.pgm", file, 13 + H * W);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct dataset_options options = folder_options(*state);
        struct dataset dataset;
        options.height = cases[k].h;
        options.width = cases[k].w;
        assert_ok(dataset_open(&options, DATASET_TRAIN, &dataset));
        assert_int_equal(dataset.h, cases[k].h > 0 ? cases[k].h : SIDE);
        assert_int_equal(dataset.w, cases[k].w);
        for (int i = 0; i < dataset.h * dataset.w; i++) {
            const int y = i / dataset.w, x = i % dataset.w;
            if (y == 0 || x == 0 || y == dataset.h - 1 || x == dataset.w - 1) {
                continue; // edges are those of the slope, repeated
            }
            const double at_y = (y + 0.5) * cases[k].of_h / dataset.h - 0.5 + cases[k].first_y;
            const double at_x = (x + 0.5) * cases[k].of_w / dataset.w - 0.5 + cases[k].first_x;
            const double expected = 20 + 8 * at_x + 4 * at_y;
            assert_true(abs(dataset.images[3 * i] - (int)(expected + 0.5)) <= 1);
        }
        dataset_close(&dataset);
    }
}

// What decides on the images decides whether two tasks share them.
static void test_same_images(void **state)
{
    const struct dataset_options options = folder_options(*state);
    struct dataset_options other = options;
    assert_true(dataset_options_same(&options, &other));
    other.height = 9;
    assert_false(dataset_options_same(&options, &other));
    other = options;
    other.width = 9;
    assert_false(dataset_options_same(&options, &other));
    other = options;
    other.background = "black";
    assert_false(dataset_options_same(&options, &other));
    other = options;
    other.skip_bad = true;
    assert_false(dataset_options_same(&options, &other));
    write_files(*state, "train/a/1.pgm");
    other = options;
    other.background = "blue";
    files_expect_failure(&other, DATASET_TRAIN, ERR_CONFIG, "data.background", "'blue'", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_layouts, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_tiny_imagenet, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_folders_without_a_data_set, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(test_links, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_other_shapes_than_squares, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(test_same_images, files_setup, files_teardown),
    };
    log_set_level(LOG_QUIET);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
