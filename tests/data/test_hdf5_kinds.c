// HDF5 as people write it with h5py: all kinds of labels and images, shapes, filters and locks;
// what cannot be read is told by what was found. Needs python3-h5py.
#include "data_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

// FOLDER/I/train.h5 from line i of Python each: x is [12, 5, 6, 3] of 0 .. 250, y the labels of
// three classes; the line writes f['images'] and f['labels'].
static void write_by(const char *folder, const char *const *lines, int n)
{
    char script[4096], command[2 * FILES_PATH + 64];
    int used = snprintf(script, sizeof script,
                        "import h5py, numpy as np, os, sys\n"
                        "x = (np.arange(12*5*6*3).reshape(12, 5, 6, 3) * 7) %% 251\n"
                        "y = np.arange(12) %% 3\n"
                        "def begin(i):\n"
                        "    os.makedirs(sys.argv[1] + '/' + i)\n"
                        "    return h5py.File(sys.argv[1] + '/' + i + '/train.h5', 'w')\n");
    for (int i = 0; i < n; i++) {
        used += snprintf(script + used, sizeof script - (size_t)used,
                         "f = begin('%d'); %s; f.close()\n", i, lines[i]);
        assert_true(used < (int)sizeof script);
    }
    files_write(folder, "write.py", script, (size_t)used);
    snprintf(command, sizeof command, "/usr/bin/python3 %s/write.py %s", folder, folder);
    assert_int_equal(system(command), 0);
}

// Options for what line i wrote.
static struct dataset_options options_of(const char *folder, int i, char path[FILES_PATH])
{
    char name[16];
    snprintf(name, sizeof name, "%d", i);
    return files_options("hdf5", files_path(path, folder, name));
}

static int value_at(int row, int y, int x, int c)
{
    return ((row * 5 + y) * 6 + x) * 3 + c;
}

static double expected_at(int row, int y, int x, int c)
{
    return value_at(row, y, x, c) * 7 % 251;
}

// The rows are those written, in memory and streamed.
static void expect_images(const struct dataset_options *options, const char *what)
{
    for (int streamed = 0; streamed < 2; streamed++) {
        struct dataset d;
        assert_ok(dataset_describe(options, DATASET_TRAIN, &d));
        if (d.n != 12 || d.h != 5 || d.w != 6 || d.c != 3) {
            fail_msg("%s: %d of %d x %d x %d", what, d.n, d.h, d.w, d.c);
        }
        d.most_bytes = streamed ? 1 : d.most_bytes;
        assert_ok(dataset_load(&d));
        static const int32_t rows[] = {11, 4};
        uint8_t bytes[2 * 90];
        float floats[2 * 90];
        assert_ok(dataset_fetch(&d, rows, 2, d.type == SAMPLE_U8 ? (void *)bytes : floats));
        for (int i = 0; i < 2 * 90; i++) {
            const double got = d.type == SAMPLE_U8 ? bytes[i] : (double)floats[i];
            if (got != expected_at(rows[i / 90], i % 90 / 18, i % 18 / 3, i % 3)) {
                fail_msg("%s: value %d is %g", what, i, got);
            }
        }
        for (int i = 0; i < 12; i++) {
            assert_int_equal(d.labels[i], i % 3);
        }
        dataset_close(&d);
    }
}

static void test_read(void **state)
{
    static const struct {
        const char *lines;
        enum dataset_channels channels;
    } cases[] = {
        {"f['images'] = x.astype('u1'); f['labels'] = y.astype('u1')", CHANNELS_AUTO},
        {"f['images'] = x.astype('u1'); f['labels'] = y.astype('i1')[:, None]", CHANNELS_AUTO},
        {"f['images'] = x.astype('i2'); f['labels'] = y.astype('u2')", CHANNELS_AUTO},
        {"f['images'] = x.astype('>i2'); f['labels'] = y.astype('i2')", CHANNELS_AUTO},
        {"f['images'] = x.astype('u2'); f['labels'] = y.astype('u4')", CHANNELS_AUTO},
        {"f['images'] = x.astype('f4'); f['labels'] = y.astype('i4')", CHANNELS_AUTO},
        {"f['images'] = x.astype('f8'); f['labels'] = y.astype('u8')", CHANNELS_AUTO},
        {"f['images'] = x.astype('f2'); f['labels'] = y.astype('>i8')", CHANNELS_AUTO},
        {"f['images'] = x.astype('u1').transpose(0, 3, 1, 2); f['labels'] = y", CHANNELS_AUTO},
        {"f['images'] = x.astype('f4').transpose(0, 3, 1, 2); f['labels'] = y", CHANNELS_FIRST},
        {"f.create_dataset('images', data=x.astype('u1'), compression='gzip', chunks=(5, 5, 6, 3));"
         " f['labels'] = y[:, None]",
         CHANNELS_LAST},
        {"f.create_dataset('images', data=x.astype('i8'), chunks=(1, 5, 6, 3), shuffle=True, "
         "fletcher32=True); f['labels'] = y",
         CHANNELS_AUTO},
    };
    enum { CASES = sizeof cases / sizeof cases[0] };
    const char *lines[CASES];
    for (int i = 0; i < CASES; i++) {
        lines[i] = cases[i].lines;
    }
    write_by(*state, lines, CASES);
    for (int i = 0; i < CASES; i++) {
        char path[FILES_PATH];
        struct dataset_options options = options_of(*state, i, path);
        options.channels = cases[i].channels;
        expect_images(&options, cases[i].lines);
    }
}

static void test_bool_and_first_label(void **state)
{
    static const char *const lines[] = {"f['images'] = x.astype('u1'); f['labels'] = y == 1",
                                        "f['images'] = x.astype('u1'); f['labels'] = y + 1"};
    char path[FILES_PATH];
    struct dataset_options options;
    struct dataset d;
    write_by(*state, lines, 2);
    options = options_of(*state, 0, path);
    assert_ok(dataset_describe(&options, DATASET_TRAIN, &d));
    assert_true(d.classes == 2 && d.labels[0] == 0 && d.labels[1] == 1);
    dataset_close(&d);
    options = options_of(*state, 1, path);
    assert_ok(dataset_describe(&options, DATASET_TRAIN, &d));
    assert_int_equal(d.classes, 4); // class 0 is empty, with a warning
    dataset_close(&d);
    options.first_label = 1;
    expect_images(&options, "labels from 1");
}

static void test_refused(void **state)
{
    static const struct {
        const char *lines, *words[3];
    } cases[] = {
        {"f['images'] = x.astype('u1'); f['labels'] = np.eye(3, dtype='u1')[y]",
         {"labels", "uint8 [12, 3]", "argmax"}},
        {"f['images'] = x.astype('u1'); f['labels'] = y.astype('f4')",
         {"labels", "expected integers", "float32 [12]"}},
        {"f['images'] = x.astype('u1'); f['labels'] = [str(i).encode() for i in y]",
         {"labels", "expected integers", "string"}},
        {"f['images'] = x.astype('c8'); f['labels'] = y", {"images", "compound", "[12, 5, 6, 3]"}},
        {"f['images'] = x.astype('u1').reshape(12, 3, 2, 15)[:, :, :, :3]; f['labels'] = y",
         {"[3, 2, 3]", "data.channels", "first"}},
        {"f.create_dataset('images', data=x.astype('u1'), compression='lzf'); f['labels'] = y",
         {"images", "lzf", "gzip"}},
        {"f['images'] = x.astype('u1'); f['labels'] = y;"
         " f.create_dataset('groups', data=y, compression='lzf')",
         {"groups", "lzf", "gzip"}},
        {"f['images'] = x.astype('u1'); f['labels'] = y[:5]", {"labels", "expected 12", "got 5"}},
        {"f['pictures'] = x.astype('u1'); f['labels'] = y", {"images", "pictures", "labels"}},
    };
    enum { CASES = sizeof cases / sizeof cases[0] };
    const char *lines[CASES];
    for (int i = 0; i < CASES; i++) {
        lines[i] = cases[i].lines;
    }
    write_by(*state, lines, CASES);
    for (int i = 0; i < CASES; i++) {
        char path[FILES_PATH];
        const struct dataset_options options = options_of(*state, i, path);
        const enum status code =
            strstr(cases[i].words[1], "data.") != NULL ? ERR_CONFIG : ERR_INPUT;
        files_expect_failure(&options, DATASET_TRAIN, code, "train.h5", cases[i].words[0],
                             cases[i].words[1], cases[i].words[2], NULL);
    }
}

// A notebook that has the file open for writing holds a lock on it.
static void test_locked(void **state)
{
    static const char *const lines[] = {"f['images'] = x.astype('u1'); f['labels'] = y"};
    char path[FILES_PATH], file[FILES_PATH];
    write_by(*state, lines, 1);
    const struct dataset_options options = options_of(*state, 0, path);
    const int fd = open(files_path(file, path, "train.h5"), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    files_expect_failure(&options, DATASET_TRAIN, ERR_INPUT, "train.h5", "locked", "close it",
                         NULL);
    close(fd);
    expect_images(&options, "after the lock");
}

int main(void)
{
    if (system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) {
        printf("skipped: no python3-h5py here\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_bool_and_first_label, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_refused, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_locked, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
