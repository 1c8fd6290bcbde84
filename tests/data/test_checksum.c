// What tells data sets apart, and what does not.
#include "data/dataset_checksum.h"
#include "test_unit.h"

enum { N = 6, SIDE = 3, CHANNELS = 2, BYTES = N * SIDE * SIDE * CHANNELS };

struct sample {
    struct dataset dataset;
    uint8_t images[BYTES];
    int32_t labels[N], groups[N + 2], rows[N];
};

static uint64_t checksum(const struct sample *sample)
{
    uint64_t hash;
    assert_ok(dataset_checksum(&sample->dataset, &hash));
    return hash;
}

static void fill(struct sample *s)
{
    *s = (struct sample){.dataset = {.name = "one",
                                     .n = N,
                                     .h = SIDE,
                                     .w = SIDE,
                                     .c = CHANNELS,
                                     .classes = 3,
                                     .part_rows = N,
                                     .threads = 1}};
    s->dataset.images = s->images;
    s->dataset.labels = s->labels;
    for (int i = 0; i < BYTES; i++) {
        s->images[i] = (uint8_t)(7 * i + 1);
    }
    for (int i = 0; i < N; i++) {
        s->labels[i] = i % 3;
        s->rows[i] = i + (i > 2 ? 2 : 0);
    }
}

static void every_value_counts(void **state)
{
    (void)state;
    struct sample a, b;
    fill(&a);
    fill(&b);
    assert_true(checksum(&a) == checksum(&b));
    for (int i = 0; i < BYTES; i++) {
        b.images[i] ^= 1;
        assert_true(checksum(&a) != checksum(&b));
        b.images[i] ^= 1;
    }
    for (int i = 0; i < N; i++) {
        b.labels[i]++;
        assert_true(checksum(&a) != checksum(&b));
        b.labels[i]--;
    }
    const uint8_t first = b.images[0];
    b.images[0] = b.images[8];
    b.images[8] = first; // the same values in another order
    assert_true(checksum(&a) != checksum(&b));
}

static void shapes_and_groups_count_and_names_do_not(void **state)
{
    (void)state;
    struct sample a, b;
    fill(&a);
    fill(&b);
    memcpy(b.dataset.name, "two", 4);
    assert_true(checksum(&a) == checksum(&b));
    b.dataset.classes = 4;
    assert_true(checksum(&a) != checksum(&b));
    fill(&b);
    b.dataset.h = SIDE * CHANNELS;
    b.dataset.c = 1;
    assert_true(checksum(&a) != checksum(&b));
    fill(&b);
    b.dataset.groups = b.groups;
    assert_true(checksum(&a) != checksum(&b));
    // Groups are the part's, of which the rows are some.
    a.dataset.groups = a.groups;
    a.dataset.rows = a.rows;
    b.dataset.rows = b.rows;
    a.dataset.part_rows = b.dataset.part_rows = N + 2;
    b.groups[3] = 9; // of a row that was not taken
    assert_true(checksum(&a) == checksum(&b));
    b.groups[5] = 9;
    assert_true(checksum(&a) != checksum(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_counts),
        cmocka_unit_test(shapes_and_groups_count_and_names_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
