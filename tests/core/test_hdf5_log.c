// Growing tables: rows come back, are taken over, and files that are damaged or have other columns
// are refused.
#include "core/clock.h"
#include "core/file.h"
#include "core/rng.h"
#include "log_case.h"
#include "test_folder_group.h"
#include "test_unit.h"

static void append_and_read(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "run.h5");
    struct hdf5_log *log;
    assert_ok(log_open(path, NULL, &log));
    log_check(path, 0, 0);
    assert_ok(log_append(log, 700)); // more than a chunk
    assert_int_equal(hdf5_log_rows(log, 0), 700);
    assert_int_equal(hdf5_log_rows(log, 1), 1400);
    log_check(path, 700, 1400); // the writer itself sees it without a flush
    assert_ok(hdf5_log_append(log, 0, NULL, 0));
    assert_ok(hdf5_log_close(log));
    assert_ok(hdf5_log_close(NULL));
    log_check(path, 700, 1400);
    struct big_row rows[3], expected = log_big_row(450, 0);
    assert_ok(hdf5_log_read(path, &log_tables[0], 449, 3, rows));
    assert_true(log_same_row(&rows[1], &expected));
    assert_fails(hdf5_log_read(path, &log_tables[0], 698, 3, rows), ERR_INPUT,
                 "'big' has 700 rows, expected at least 701");
    assert_fails(hdf5_log_read(path, &log_tables[0], 702, 1, rows), ERR_INPUT, "has 700 rows");
    assert_ok(hdf5_log_read(path, &log_tables[0], 700, 0, NULL));
    assert_ok(log_open(path, NULL, &log)); // anew
    assert_ok(hdf5_log_close(log));
    int64_t count;
    assert_ok(hdf5_log_count(path, &log_tables[0], &count));
    assert_int_equal(count, 0);
}

// A row larger than the buffers that rows are moved through, and more of them at once.
static void rows_may_be_large(void **state)
{
    (void)state;
    enum { NUMBERS = 20000, ROWS = 3 };
    struct wide_row {
        uint8_t before; // with a gap behind it
        double numbers[NUMBERS];
    };
    static const struct hdf5_column columns[] = {
        {"before", HDF5_U8, 1, false, offsetof(struct wide_row, before)},
        {"numbers", HDF5_F64, NUMBERS, false, offsetof(struct wide_row, numbers)}};
    static const struct hdf5_table wide = {
        .name = "wide", .columns = columns, .n_columns = 2, .row_bytes = sizeof(struct wide_row)};
    static struct wide_row rows[ROWS], back[ROWS];
    const char *path = test_folder_path(&folder, "wide.h5");
    struct hdf5_log *log;
    for (int i = 0; i < ROWS; i++) {
        rows[i].before = (uint8_t)(i + 1);
        for (int k = 0; k < NUMBERS; k++) {
            rows[i].numbers[k] = i * NUMBERS + k;
        }
    }
    assert_ok(hdf5_log_open(path, &wide, 1, NULL, 0, NULL, &log));
    assert_ok(hdf5_log_append(log, 0, rows, 1));
    assert_ok(hdf5_log_append(log, 0, rows + 1, ROWS - 1));
    assert_ok(hdf5_log_close(log));
    assert_ok(hdf5_log_read(path, &wide, 0, ROWS, back));
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(back[i].before, rows[i].before);
        assert_memory_equal(back[i].numbers, rows[i].numbers, sizeof rows[i].numbers);
    }
}

static void read_all(const char *path, struct arena *arena, char **bytes, size_t *length)
{
    assert_ok(file_read(path, 64 << 20, arena, bytes, length));
}

// The same calls make the same bytes: no times, and nothing of the gaps of a struct.
static void same_rows_make_the_same_file(void **state)
{
    (void)state;
    const char *paths[2] = {test_folder_path(&folder, "a.h5"), test_folder_path(&folder, "b.h5")};
    struct arena arena = {0};
    char *bytes[2];
    size_t length[2];
    for (int i = 0; i < 2; i++) {
        struct hdf5_log *log;
        assert_ok(log_open(paths[i], NULL, &log));
        for (int64_t k = 0; k < 300; k++) {
            const struct big_row row = log_big_row(k, i == 0 ? 0x11 : 0xee);
            assert_ok(hdf5_log_append(log, 0, &row, 1));
        }
        assert_ok(hdf5_log_close(log));
        read_all(paths[i], &arena, &bytes[i], &length[i]);
        clock_sleep(1.1); // times in HDF5 files are in seconds
    }
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(bytes[0], bytes[1], length[0]);
    arena_close(&arena);
}

static void keeping_rows(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "run.h5");
    struct hdf5_log *log;
    assert_ok(log_open(path, NULL, &log));
    assert_ok(log_append(log, 20000)); // more than is taken over at once
    assert_ok(hdf5_log_close(log));
    assert_ok(log_open(path, (const int64_t[]){19000, 7}, &log));
    assert_int_equal(hdf5_log_rows(log, 0), 19000);
    assert_int_equal(hdf5_log_rows(log, 1), 7);
    assert_ok(log_append(log, 3));
    assert_ok(hdf5_log_close(log));
    log_check(path, 19003, 13);
    assert_fails(log_open(path, (const int64_t[]){19004, 7}, &log), ERR_INPUT,
                 "'big' has 19003 rows, expected at least 19004");
    assert_fails(log_open(path, (const int64_t[]){1, 14}, &log), ERR_INPUT, "'small' has 13 rows");
    log_check(path, 19003, 13);
    assert_fails(log_open(test_folder_path(&folder, "none.h5"), (const int64_t[]){0, 0}, &log),
                 ERR_INPUT, "there is no such file");
    assert_false(file_exists(test_folder_path(&folder, "none.h5")));
    assert_ok(log_open(path, (const int64_t[]){0, 0}, &log));
    assert_ok(hdf5_log_close(log));
    int64_t count;
    assert_ok(hdf5_log_count(path, &log_tables[1], &count));
    assert_int_equal(count, 0);
}

static void other_columns(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "run.h5");
    struct hdf5_log *log;
    assert_ok(log_open(path, NULL, &log));
    assert_ok(log_append(log, 5));
    for (int own = 1; own >= 0; own--) { // by the writer itself, and from the file
        struct hdf5_column columns[6];
        memcpy(columns, log_big_columns, sizeof columns);
        const struct hdf5_table changed = {"big", columns, 6, sizeof(struct big_row)};
        int64_t count = -1;
        columns[2].name = "valu";
        assert_fails(hdf5_log_count(path, &changed, &count), ERR_INPUT,
                     "column 2 of 'big' is 'value', expected 'valu'");
        columns[2] = log_big_columns[2];
        columns[2].type = HDF5_I64;
        assert_fails(hdf5_log_count(path, &changed, &count), ERR_INPUT, "its type differs");
        columns[2] = log_big_columns[2];
        columns[4].count = 39;
        assert_fails(hdf5_log_count(path, &changed, &count), ERR_INPUT, "column 4 of 'big'");
        columns[4] = log_big_columns[4];
        columns[3].text = false;
        assert_fails(hdf5_log_count(path, &changed, &count), ERR_INPUT, "column 3 of 'big'");
        const struct hdf5_table fewer = {"big", log_big_columns, 5, sizeof(struct big_row)};
        assert_fails(hdf5_log_count(path, &fewer, &count), ERR_INPUT, "other columns");
        const struct hdf5_table absent = {"large", log_big_columns, 6, sizeof(struct big_row)};
        assert_fails(hdf5_log_count(path, &absent, &count), ERR_INPUT, "has no table 'large'");
        assert_int_equal(count, -1);
        if (own == 1) {
            assert_ok(hdf5_log_close(log));
        }
    }
}

// Random bytes anywhere, and the end cut off: rows come back, or it is refused and stays.
static void damaged_files(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "run.h5");
    struct hdf5_log *log;
    assert_ok(log_open(path, NULL, &log));
    assert_ok(log_append(log, 40));
    assert_ok(hdf5_log_close(log));
    struct arena arena = {0};
    char *bytes, *now;
    size_t length, length_now;
    read_all(path, &arena, &bytes, &length);
    char *changed = arena_alloc(&arena, length, 1);
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    const int rounds = 60;
    int refused = 0;
    for (int i = 0; i < rounds; i++) {
        memcpy(changed, bytes, length);
        const size_t cut = i % 2 == 0 ? length : rng_below(&rng, (uint32_t)length);
        for (int k = 0; k < 200 && i % 2 == 0; k++) { // the rows are most of the file
            changed[rng_below(&rng, (uint32_t)length)] = (char)rng_u32(&rng);
        }
        test_folder_write(path, changed, cut);
        const enum status status = log_open(path, (const int64_t[]){40, 80}, &log);
        assert_true(status == OK || status == ERR_INPUT);
        if (status == OK) {
            assert_ok(hdf5_log_close(log));
        } else {
            refused++;
            read_all(path, &arena, &now, &length_now);
            assert_int_equal(length_now, cut);
            assert_memory_equal(now, changed, cut);
        }
    }
    assert_true(refused > 10);
    test_folder_write(path, "no HDF5", 7);
    assert_fails(log_open(path, (const int64_t[]){0, 0}, &log), ERR_INPUT, "not a readable file");
    arena_close(&arena);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(append_and_read),
        IN_FOLDER(rows_may_be_large),
        IN_FOLDER(same_rows_make_the_same_file),
        IN_FOLDER(keeping_rows),
        IN_FOLDER(other_columns),
        IN_FOLDER(damaged_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
