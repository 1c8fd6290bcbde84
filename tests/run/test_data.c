// Data sets that stay open keep within this process's share of data.memory.
#include "run/run_data.h"
#include "test_unit.h"

// Images of 24 x 24 pixels, 1.65 MiB of them: a set of its own for each seed.
static struct dataset_options options_of(uint64_t seed, int memory_mib)
{
    return (struct dataset_options){.name = "shapes",
                                    .path = "",
                                    .data_root = "",
                                    .background = "white",
                                    .group_pattern = "",
                                    .superclass = -1,
                                    .share = 1,
                                    .size = 24,
                                    .count = 1000,
                                    .seed = seed,
                                    .memory = memory_mib,
                                    .threads = 2};
}

static const struct dataset *open_set(struct run_data *data, uint64_t seed, int memory_mib)
{
    const struct dataset_options options = options_of(seed, memory_mib);
    const struct dataset *set = NULL;
    assert_ok(run_data_open(data, &options, DATASET_TRAIN, &set));
    assert_true(set->streamed == (set->images == NULL));
    return set;
}

static void as_many_stay_open_as_fit(void **state)
{
    (void)state;
    struct run_data data = {.n = 0};
    for (uint64_t seed = 0; seed < 4; seed++) {
        assert_false(open_set(&data, seed, 4)->streamed);
        assert_int_equal(data.n, seed == 0 ? 1 : 2);
    }
    const uint8_t *images = data.sets[0].dataset.images; // of seed 2
    assert_ptr_equal(open_set(&data, 2, 4)->images, images);
    assert_int_equal(data.n, 2);
    open_set(&data, 5, 4); // now 3 is the one unused for longest
    assert_ptr_equal(open_set(&data, 2, 4)->images, images);
    run_data_close(&data);
    assert_int_equal(data.n, 0);
}

static void processes_divide_the_memory(void **state)
{
    (void)state;
    struct run_data data = {.n = 0};
    run_data_share(&data, 2);
    assert_false(open_set(&data, 0, 4)->streamed); // 2 MiB each
    assert_false(open_set(&data, 1, 4)->streamed);
    assert_int_equal(data.n, 1);
    run_data_share(&data, 3);
    assert_int_equal(data.n, 0);
    assert_true(open_set(&data, 1, 4)->streamed);
    run_data_share(&data, 1); // nobody else: what is open stays
    assert_true(open_set(&data, 1, 4)->streamed);
    assert_false(open_set(&data, 2, 4)->streamed);
    run_data_close(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_many_stay_open_as_fit),
                                       cmocka_unit_test(processes_divide_the_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
