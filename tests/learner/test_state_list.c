// A state as a file: whole or refused.
#include "core/file.h"
#include "core/rng.h"
#include "learner/state_list.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <unistd.h>

struct sample {
    uint8_t bytes[7];
    int32_t small[3];
    int64_t large[2];
    float floats[100];
    double doubles[4];
};

static void fill(struct sample *sample)
{
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    memset(sample, 0, sizeof *sample);
    for (int i = 0; i < 7; i++) {
        sample->bytes[i] = (uint8_t)rng_u32(&rng);
    }
    for (int i = 0; i < 100; i++) {
        sample->floats[i] = rng_normal(&rng);
    }
    sample->small[1] = -5;
    sample->large[0] = INT64_MIN;
    sample->doubles[2] = 1.0 / 3.0;
}

static void list_sample(struct sample *sample, struct state_list *list)
{
    list->n = 0;
    state_list_add(list, "bytes", HDF5_U8, 7, sample->bytes);
    state_list_add(list, "some.small", HDF5_I32, 3, sample->small);
    state_list_add(list, "large", HDF5_I64, 2, sample->large);
    state_list_add(list, "floats", HDF5_F32, 100, sample->floats);
    state_list_add(list, "doubles", HDF5_F64, 4, sample->doubles);
    state_list_add(list, "nothing", HDF5_F32, 0, NULL);
}

static void round_trip(void **state)
{
    (void)state;
    struct sample written, read;
    struct state_list list = {0}, other = {0};
    struct arena arena = {0};
    char *first, *second;
    size_t n_first, n_second;
    fill(&written);
    memset(&read, 0, sizeof read);
    list_sample(&written, &list);
    list_sample(&read, &other);
    const char *path = test_folder_path(&folder, "a.h5");
    assert_ok(state_list_save(&list, "this run", path));
    assert_ok(state_list_load(&other, "this run", path));
    assert_memory_equal(&written, &read, sizeof read);

    // The same state gives the same bytes, also a second later.
    sleep(1);
    const char *again = test_folder_path(&folder, "b.h5");
    assert_ok(state_list_save(&other, "this run", again));
    assert_ok(file_read(path, 1 << 20, &arena, &first, &n_first));
    assert_ok(file_read(again, 1 << 20, &arena, &second, &n_second));
    assert_int_equal(n_first, n_second);
    assert_memory_equal(first, second, n_first);
    arena_close(&arena);
}

static void refuses_others(void **state)
{
    (void)state;
    struct sample sample;
    struct state_list list = {0};
    fill(&sample);
    list_sample(&sample, &list);
    const char *path = test_folder_path(&folder, "c.h5");
    assert_ok(state_list_save(&list, "this run", path));
    assert_fails(state_list_load(&list, "that run", path), ERR_CONFIG, "another config");
    assert_fails(state_list_load(&list, "", path), ERR_CONFIG, "another config");
    list.items[3].count = 99;
    assert_fails(state_list_load(&list, "this run", path), ERR_INPUT,
                 "'floats' holds 100 elements of type f32, expected 99");
    list.items[3].count = 100;
    list.items[3].type = HDF5_I32;
    assert_fails(state_list_load(&list, "this run", path), ERR_INPUT, "'floats'");
    list_sample(&sample, &list);
    state_list_add(&list, "more", HDF5_U8, 1, sample.bytes);
    assert_fails(state_list_load(&list, "this run", path), ERR_INPUT, "more");
    assert_fails(state_list_load(&list, "this run", test_folder_path(&folder, "none.h5")),
                 ERR_INPUT, "no such file");
}

// Whatever byte is changed or missing: an error, or exactly what was saved.
static void notices_damage(void **state)
{
    (void)state;
    struct sample written, read;
    struct state_list list = {0}, other = {0};
    struct arena arena = {0};
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    char *bytes;
    size_t n;
    fill(&written);
    list_sample(&written, &list);
    const char *path = test_folder_path(&folder, "d.h5"), *bad = test_folder_path(&folder, "e.h5");
    assert_ok(state_list_save(&list, "this run", path));
    assert_ok(file_read(path, 1 << 20, &arena, &bytes, &n));
    int refused = 0;
    for (int i = 0; i < 28; i++) {
        const size_t at = rng_below(&rng, (uint32_t)n);
        const char kept = bytes[at];
        bytes[at] ^= (char)(1U << rng_below(&rng, 8));
        test_folder_write(bad, bytes, i % 4 == 0 ? at : n);
        bytes[at] = kept;
        memset(&read, 0, sizeof read);
        list_sample(&read, &other);
        if (state_list_load(&other, "this run", bad) == OK) {
            assert_memory_equal(&written, &read, sizeof read);
        } else {
            refused++;
        }
    }
    assert_true(refused >= 7); // at least every shortened one
    arena_close(&arena);
}

// Two parts of three values and of five: `grown` is of a run that may have more evaluations.
static void parts_grow(void **state)
{
    (void)state;
    int16_t shorts[2][3] = {{1, 2, 3}, {4, 5, 6}}, more_shorts[2][5];
    double doubles[6] = {1, 2, 3, 4, 5, 6}, more_doubles[10];
    static struct state_list list, grown, fixed;
    const char *path = test_folder_path(&folder, "grow.h5");
    memset(more_shorts, 0x77, sizeof more_shorts);
    memset(more_doubles, 0x77, sizeof more_doubles);
    state_list_add(&list, "shorts", HDF5_U8, sizeof shorts, shorts);
    state_list_grow(&list, 0, 2);
    state_list_add(&list, "doubles", HDF5_F64, 6, doubles);
    state_list_grow(&list, 1, 1);
    state_list_add(&grown, "shorts", HDF5_U8, sizeof more_shorts, more_shorts);
    state_list_grow(&grown, 0, 2);
    state_list_add(&grown, "doubles", HDF5_F64, 10, more_doubles);
    state_list_grow(&grown, 1, 1);
    assert_ok(state_list_save(&list, "this run", path));
    assert_ok(state_list_load(&grown, "this run", path));
    const int16_t shorts_expected[2][5] = {{1, 2, 3, 0, 0}, {4, 5, 6, 0, 0}};
    const double doubles_expected[10] = {1, 2, 3, 4, 5, 6};
    assert_memory_equal(more_shorts, shorts_expected, sizeof shorts_expected);
    assert_memory_equal(more_doubles, doubles_expected, sizeof doubles_expected);
    // Not the other way round, and only what was said to grow.
    assert_ok(state_list_save(&grown, "this run", path));
    assert_fails(state_list_load(&list, "this run", path), ERR_INPUT, "'shorts' holds 20 elements");
    assert_ok(state_list_save(&list, "this run", path));
    state_list_add(&fixed, "doubles", HDF5_F64, 10, more_doubles);
    assert_fails(state_list_load(&fixed, "this run", path), ERR_INPUT,
                 "'doubles' holds 6 elements");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(refuses_others),
        cmocka_unit_test(notices_damage),
        cmocka_unit_test(parts_grow),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
