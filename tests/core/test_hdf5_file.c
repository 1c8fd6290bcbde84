// HDF5: round trips, conversions, and files that are cut, changed or lie about their size.
#include "core/clock.h"
#include "core/file.h"
#include "core/hdf5_file.h"
#include "core/rng.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint8_t images[2][3][5] = {{{1, 2, 3, 4, 5}, {255}}, {{0}, {9, 8, 7}}};
static const int32_t labels[7] = {0, -1, 2147483647, -2147483647 - 1, 300, 5, 6};
static const int64_t large[2] = {INT64_MAX, INT64_MIN};
static const float floats[3] = {1.5f, -2.25f, 1e30f};
static const double doubles[2] = {1.0 / 3.0, 1e300};

static enum status write_all(const char *path)
{
    const struct hdf5_item items[] = {
        {"images", {HDF5_U8, 3, {2, 3, 5}, 30}, images},
        {"group/labels", {HDF5_I32, 1, {7}, 7}, labels},
        {"large", {HDF5_I64, 1, {2}, 2}, large},
        {"floats", {HDF5_F32, 2, {3, 1}, 3}, floats},
        {"doubles", {HDF5_F64, 1, {2}, 2}, doubles},
        {"empty", {HDF5_F32, 2, {0, 4}, 0}, NULL},
        {"scalar", {HDF5_F64, 0, {0}, 1}, doubles},
    };
    return hdf5_write(path, items, sizeof items / sizeof *items);
}

static void round_trip(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    assert_ok(write_all(path));
    assert_ok(write_all(path)); // over an existing file
    struct hdf5_file *file;
    struct hdf5_array array;
    assert_ok(hdf5_open(path, &file));
    assert_ok(hdf5_describe(file, "images", &array));
    assert_int_equal(array.type, HDF5_U8);
    assert_int_equal(array.n_dims, 3);
    assert_int_equal(array.dims[2], 5);
    assert_int_equal(array.count, 30);
    uint8_t read_images[30];
    assert_ok(hdf5_read(file, "images", HDF5_U8, 30, read_images));
    assert_memory_equal(read_images, images, sizeof images);
    assert_ok(hdf5_describe(file, "group/labels", &array));
    assert_int_equal(array.type, HDF5_I32);
    int32_t read_labels[7];
    assert_ok(hdf5_read(file, "/group/labels", HDF5_I32, 7, read_labels));
    assert_memory_equal(read_labels, labels, sizeof labels);
    int64_t read_large[2];
    assert_ok(hdf5_read(file, "large", HDF5_I64, 2, read_large));
    assert_memory_equal(read_large, large, sizeof large);
    float read_floats[3];
    assert_ok(hdf5_read(file, "floats", HDF5_F32, 3, read_floats));
    assert_memory_equal(read_floats, floats, sizeof floats);
    double read_doubles[2];
    assert_ok(hdf5_read(file, "doubles", HDF5_F64, 2, read_doubles));
    assert_memory_equal(read_doubles, doubles, sizeof doubles);
    assert_ok(hdf5_describe(file, "empty", &array));
    assert_int_equal(array.count, 0);
    assert_int_equal(array.dims[1], 4);
    assert_ok(hdf5_read(file, "empty", HDF5_F32, 0, NULL));
    assert_ok(hdf5_describe(file, "scalar", &array));
    assert_int_equal(array.n_dims, 0);
    assert_int_equal(array.count, 1);
    assert_ok(hdf5_read(file, "scalar", HDF5_F64, 1, read_doubles));
    assert_true(read_doubles[0] == 1.0 / 3.0);
    assert_fails(hdf5_read(file, "floats", HDF5_F32, 2, read_floats), ERR_INPUT,
                 "'floats' holds 3 elements of type f32, expected 2 of type f32");
    hdf5_close(file);
    hdf5_close(NULL);
}

// No times in it, and nothing of the memory that it was composed in.
static void same_arrays_make_the_same_file(void **state)
{
    (void)state;
    const char *paths[2] = {test_folder_path(&folder, "a.h5"), test_folder_path(&folder, "b.h5")};
    struct arena arena = {0};
    char *bytes[2];
    size_t length[2];
    for (int i = 0; i < 2; i++) {
        assert_ok(write_all(paths[i]));
        assert_ok(file_read(paths[i], 1 << 20, &arena, &bytes[i], &length[i]));
        clock_sleep(1.1); // times in HDF5 files are in seconds
    }
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(bytes[0], bytes[1], length[0]);
    arena_close(&arena);
}

static void conversions(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    assert_ok(write_all(path));
    struct hdf5_file *file;
    assert_ok(hdf5_open(path, &file));
    int64_t wide[30];
    assert_ok(hdf5_read(file, "images", HDF5_I64, 30, wide));
    assert_int_equal(wide[5], 255);
    double real[30];
    assert_ok(hdf5_read(file, "group/labels", HDF5_F64, 7, real));
    assert_true(real[3] == -2147483648.0);
    assert_ok(hdf5_read(file, "floats", HDF5_F64, 3, real));
    assert_true(real[1] == -2.25);
    uint8_t bytes[30];
    assert_fails(hdf5_read(file, "group/labels", HDF5_U8, 7, bytes), ERR_INPUT,
                 "'group/labels' cannot be read: a number is outside the range");
    int32_t narrow[30];
    assert_fails(hdf5_read(file, "large", HDF5_I32, 2, narrow), ERR_INPUT, "outside the range");
    float single[2];
    assert_fails(hdf5_read(file, "doubles", HDF5_F32, 2, single), ERR_INPUT, "outside the range");
    assert_fails(hdf5_read(file, "floats", HDF5_U8, 3, bytes), ERR_INPUT,
                 "'floats' holds floating-point numbers, expected integers");
    hdf5_close(file);
}

// One child reads them all; what one of them lacks leaves all as they were.
static void several_at_once(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    assert_ok(write_all(path));
    struct hdf5_file *file;
    assert_ok(hdf5_open(path, &file));
    uint8_t bytes[30] = {0};
    int32_t numbers[7] = {0};
    double real[3] = {0};
    struct hdf5_wanted wanted[] = {{"images", HDF5_U8, true, 30, bytes},
                                   {"empty", HDF5_F32, true, 0, NULL},
                                   {"group/labels", HDF5_I32, true, 7, numbers},
                                   {"floats", HDF5_F64, false, 3, real}};
    wanted[3].exact = true;
    assert_fails(hdf5_read_all(file, wanted, 4), ERR_INPUT,
                 "'floats' holds 3 elements of type f32, expected 3 of type f64");
    assert_int_equal(bytes[5], 0);
    wanted[3].exact = false;
    assert_ok(hdf5_read_all(file, wanted, 4));
    assert_memory_equal(bytes, images, sizeof images);
    assert_memory_equal(numbers, labels, sizeof labels);
    assert_true(real[1] == -2.25);
    assert_ok(hdf5_read_all(file, wanted, 0));
    hdf5_close(file);
}

static void absent_things(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    struct hdf5_file *file = NULL;
    struct hdf5_array array;
    assert_fails(hdf5_open(path, &file), ERR_INPUT, "a.h5: there is no such file");
    assert_fails(hdf5_open(folder.path, &file), ERR_INPUT, "expected an HDF5 file");
    test_folder_write(path, "no HDF5 at all", 14);
    assert_fails(hdf5_open(path, &file), ERR_INPUT, "a.h5: not a readable HDF5 file");
    test_folder_write(path, "", 0);
    assert_fails(hdf5_open(path, &file), ERR_INPUT, "not a readable HDF5 file");
    assert_null(file);
    assert_ok(write_all(path));
    assert_ok(hdf5_open(path, &file));
    const char *const absent[] = {"image", "group/none", "none/labels", "images/x", ""};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        assert_fails(hdf5_describe(file, absent[i], &array), ERR_INPUT, "has no data set");
        assert_non_null(strstr(status_message(), "'images'"));
        assert_non_null(strstr(status_message(), "'group/labels'"));
    }
    double unused;
    assert_fails(hdf5_read(file, "absent", HDF5_F64, 1, &unused), ERR_INPUT, "has no data set");
    assert_fails(hdf5_describe(file, "group", &array), ERR_INPUT, "'group' cannot be opened");
    hdf5_close(file);
}

// Opens, describes and reads into exactly the memory that the description asks for.
static enum status read_everything(const char *path)
{
    static const char *const names[] = {"images", "group/labels", "large", "floats", "doubles"};
    struct hdf5_file *file;
    TRY(hdf5_open(path, &file));
    enum status status = OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && status == OK; i++) {
        struct hdf5_array array;
        status = hdf5_describe(file, names[i], &array);
        if (status == OK) {
            assert_true(array.count <= 1000000);
            double *values = malloc(array.count * sizeof *values + 1);
            assert_non_null(values);
            status = hdf5_read(file, names[i], HDF5_F64, array.count, values);
            free(values);
        }
    }
    hdf5_close(file);
    return status;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    assert_ok(write_all(path));
    assert_ok(read_everything(path));
    struct arena arena = {0};
    char *bytes;
    size_t length;
    assert_ok(file_read(path, 1 << 20, &arena, &bytes, &length));
    int refused = 0, tried = 0;
    for (size_t cut = 0; cut<length; cut += length> 4000 ? 7 : 1, tried++) {
        test_folder_write(path, bytes, cut);
        refused += read_everything(path) == ERR_INPUT;
    }
    assert_int_equal(refused, tried);
    arena_close(&arena);
}

// Replaces the only place where `from` stands in the file by `to`.
static void patch(const char *path, const void *from, const void *to, size_t n)
{
    struct arena arena = {0};
    char *bytes;
    size_t length;
    assert_ok(file_read(path, 1 << 20, &arena, &bytes, &length));
    char *place = memmem(bytes, length, from, n);
    assert_non_null(place);
    memcpy(place, to, n);
    test_folder_write(path, bytes, length);
    arena_close(&arena);
}

static void write_one(const char *path, const void *data)
{
    const struct hdf5_item item = {"x", {HDF5_I32, 2, {11, 13}, 143}, data};
    assert_ok(hdf5_write(path, &item, 1));
}

// The shape in the file says more than the file can hold.
static void claims_of_size(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    static const int32_t data[143];
    const uint64_t shape[2] = {11, 13};
    const uint64_t claims[][2] = {{12, 13},
                                  {11, 14},
                                  {(uint64_t)1 << 30, (uint64_t)1 << 30},
                                  {(uint64_t)1 << 60, 13},
                                  {11, UINT64_MAX / 11},
                                  {UINT64_MAX, UINT64_MAX},
                                  {(uint64_t)1 << 63, 2}};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        write_one(path, data);
        patch(path, shape, claims[i], sizeof shape);
        struct hdf5_file *file;
        struct hdf5_array array = {.n_dims = -1};
        assert_ok(hdf5_open(path, &file));
        assert_int_equal(hdf5_describe(file, "x", &array), ERR_INPUT);
        assert_int_equal(array.n_dims, -1);
        int32_t unused;
        assert_int_equal(hdf5_read(file, "x", HDF5_I32, 143, &unused), ERR_INPUT);
        hdf5_close(file);
    }
}

// The list of free pieces in the root group's heap of names comes back to its first: the library
// goes round and takes more memory each time.
static void circular_lists_end(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    static const int32_t data[143];
    write_one(path, data);
    struct arena arena = {0};
    char *bytes;
    size_t length;
    assert_ok(file_read(path, 1 << 20, &arena, &bytes, &length));
    const char *heap = memmem(bytes, length, "HEAP", 4);
    assert_non_null(heap);
    uint64_t first, names; // where in the names the free pieces begin; where in the file those are
    memcpy(&first, heap + 16, sizeof first);
    memcpy(&names, heap + 24, sizeof names);
    assert_true(names + first + sizeof first <= length);
    static const uint64_t last = 1; // no next piece
    assert_memory_equal(bytes + names + first, &last, sizeof last);
    memcpy(bytes + names + first, &first, sizeof first);
    test_folder_write(path, bytes, length);
    struct hdf5_file *file;
    struct hdf5_array array;
    const double start = clock_seconds();
    assert_ok(hdf5_open(path, &file));
    assert_fails(hdf5_describe(file, "x", &array), ERR_INPUT, "a.h5: damaged");
    assert_true(clock_seconds() - start < 15.0); // it ended before the time limit
    hdf5_close(file);
    arena_close(&arena);
}

// Random bytes anywhere: read, or refused; never a crash here, whatever the library does.
static void changed_bytes(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    static const int32_t data[143];
    struct arena arena = {0};
    char *bytes;
    size_t length;
    write_one(path, data);
    assert_ok(file_read(path, 1 << 20, &arena, &bytes, &length));
    char *changed = arena_alloc(&arena, length, 1);
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    int refused = 0;
    const int rounds = 80;
    for (int i = 0; i < rounds; i++) {
        memcpy(changed, bytes, length);
        for (uint32_t k = 1 + rng_below(&rng, 8); k > 0; k--) {
            changed[rng_below(&rng, (uint32_t)length)] = (char)rng_u32(&rng);
        }
        test_folder_write(path, changed, length);
        struct hdf5_file *file;
        enum status status = hdf5_open(path, &file);
        if (status == OK) {
            struct hdf5_array array;
            status = hdf5_describe(file, "x", &array);
            if (status == OK) {
                assert_true(array.count <= length);
                int32_t *back = malloc(array.count * sizeof *back + 1);
                status = hdf5_read(file, "x", HDF5_I32, 143, back);
                free(back);
            }
            hdf5_close(file);
        }
        assert_true(status == OK || status == ERR_INPUT);
        refused += status != OK;
    }
    assert_true(refused > 10 && refused < rounds);
    arena_close(&arena);
}

static void other_types(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    static int32_t data[143], back[143];
    for (int i = 0; i < 143; i++) {
        data[i] = i;
    }
    // Version 1, fixed point; little-endian, signed; 4 bytes; bits 0 to 31.
    static const uint8_t signed_int[12] = {0x10, 8, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0};
    static const uint8_t unsigned_int[12] = {0x10, 0, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0};
    static const uint8_t big_endian[12] = {0x10, 9, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0};
    static const uint8_t text[12] = {0x13, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0};
    struct hdf5_file *file;
    struct hdf5_array array;

    write_one(path, data);
    patch(path, signed_int, unsigned_int, sizeof signed_int);
    assert_ok(hdf5_open(path, &file));
    assert_ok(hdf5_describe(file, "x", &array));
    assert_int_equal(array.type, HDF5_OTHER);
    assert_ok(hdf5_read(file, "x", HDF5_I32, 143, back)); // any integers that fit
    assert_memory_equal(back, data, sizeof data);
    hdf5_close(file);

    write_one(path, data);
    patch(path, signed_int, big_endian, sizeof signed_int);
    assert_ok(hdf5_open(path, &file));
    assert_ok(hdf5_read(file, "x", HDF5_I32, 143, back));
    assert_int_equal(back[1], 1 << 24);
    assert_int_equal(back[100], 100 << 24);
    hdf5_close(file);

    data[0] = -1; // 4294967295 when it is taken as unsigned
    write_one(path, data);
    patch(path, signed_int, unsigned_int, sizeof signed_int);
    assert_ok(hdf5_open(path, &file));
    assert_fails(hdf5_read(file, "x", HDF5_I32, 143, back), ERR_INPUT, "outside the range");
    hdf5_close(file);

    write_one(path, data);
    patch(path, signed_int, text, sizeof signed_int);
    assert_ok(hdf5_open(path, &file));
    assert_ok(hdf5_describe(file, "x", &array));
    assert_int_equal(array.type, HDF5_OTHER);
    assert_fails(hdf5_read(file, "x", HDF5_I32, 143, back), ERR_INPUT,
                 "'x' holds no plain numbers, expected integers");
    assert_fails(hdf5_read(file, "x", HDF5_F32, 143, back), ERR_INPUT, "expected numbers");
    hdf5_close(file);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "a.h5");
    assert_ok(write_all(path));
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){65536, 65536});
        static float zeros[100000];
        const struct hdf5_item item = {"zeros", {HDF5_F32, 1, {100000}, 100000}, zeros};
        _exit(hdf5_write(path, &item, 1) == ERR_IO ? 0 : 1);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 0);
    assert_ok(read_everything(path));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(round_trip),
        IN_FOLDER(same_arrays_make_the_same_file),
        IN_FOLDER(conversions),
        IN_FOLDER(several_at_once),
        IN_FOLDER(absent_things),
        IN_FOLDER(every_truncation_is_refused),
        IN_FOLDER(claims_of_size),
        IN_FOLDER(circular_lists_end),
        IN_FOLDER(changed_bytes),
        IN_FOLDER(other_types),
        IN_FOLDER(a_full_disk_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
