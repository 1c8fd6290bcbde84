// Cutting rows in two: shares of classes, whole groups, and apart from what was trained on.
#include "core/hash.h"
#include "core/rng.h"
#include "data/dataset.h"
#include "test_unit.h"
#include "uneven_labels.h"

#include <math.h>

enum { N = UNEVEN_N, CLASSES = UNEVEN_CLASSES, MOST_GROUPS = 200 };

static void test_split(void **state)
{
    (void)state;
    int32_t labels[N];
    int members[CLASSES], held[CLASSES] = {0}, seen[N] = {0};
    uneven_labels(labels, members);
    const struct dataset dataset = {.name = "d", .n = N, .classes = CLASSES, .labels = labels};
    struct arena arena = {.newest = NULL};
    struct dataset_split a, b, c;
    assert_ok(dataset_split(&dataset, 0.2, 11, &arena, &a));
    assert_ok(dataset_split(&dataset, 0.2, 11, &arena, &b));
    assert_ok(dataset_split(&dataset, 0.2, 12, &arena, &c));
    assert_int_equal(a.n_train + a.n_validation, N);
    for (int i = 0; i < a.n_train; i++) {
        seen[a.train[i]]++;
    }
    for (int i = 0; i < a.n_validation; i++) {
        seen[a.validation[i]]++;
        held[labels[a.validation[i]]]++;
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(seen[i], 1);
    }
    for (int k = 0; k < CLASSES; k++) {
        assert_int_equal(held[k], lround(0.2 * members[k]));
    }
    assert_memory_equal(a.train, b.train, (size_t)a.n_train * sizeof *a.train);
    assert_memory_equal(a.validation, b.validation, (size_t)a.n_validation * sizeof *a.validation);
    // Which rows these are is part of the run format.
    const uint64_t hash = hash_bytes(HASH_BEGIN, a.train, (size_t)a.n_train * sizeof *a.train);
    assert_true(hash_bytes(hash, a.validation, (size_t)a.n_validation * sizeof *a.validation) ==
                UINT64_C(0xa4af143148136335));
    assert_int_equal(a.n_train, c.n_train);
    assert_memory_not_equal(a.validation, c.validation, (size_t)a.n_validation * sizeof *a.train);
    int ascending = 0, same_class = 0;
    for (int i = 1; i < a.n_train; i++) {
        ascending += a.train[i] > a.train[i - 1];
        same_class += labels[a.train[i]] == labels[a.train[i - 1]];
    }
    assert_in_range(ascending, a.n_train * 2 / 5, a.n_train * 3 / 5);
    assert_in_range(same_class, 0, a.n_train / 3); // 0.18 expected
    arena_close(&arena);
}

static void test_split_bounds(void **state)
{
    (void)state;
    int32_t labels[N];
    int members[CLASSES];
    uneven_labels(labels, members);
    const struct dataset dataset = {.name = "d", .n = N, .classes = CLASSES, .labels = labels};
    struct arena arena = {.newest = NULL};
    struct dataset_split split;
    assert_ok(dataset_split(&dataset, 0, 1, &arena, &split));
    assert_int_equal(split.n_train, N);
    assert_int_equal(split.n_validation, 0);
    assert_int_equal(dataset_split(&dataset, 1, 1, &arena, &split), ERR_CONFIG);
    assert_int_equal(dataset_split(&dataset, -0.1, 1, &arena, &split), ERR_CONFIG);
    assert_int_equal(dataset_split(&dataset, (double)NAN, 1, &arena, &split), ERR_CONFIG);
    assert_int_equal(dataset_split(&dataset, 1e-6, 1, &arena, &split), ERR_CONFIG);
    assert_int_equal(dataset_split(&dataset, 0.9999, 1, &arena, &split), ERR_CONFIG);
    arena_close(&arena);
}

// ---- groups
struct drawn {
    int32_t labels[N], groups[N];
    int n_groups, classes;
};

// Groups of 1 to 12 images, most of one class, some of several.
static void draw(uint64_t seed, struct drawn *out)
{
    struct rng rng = rng_make(seed, RNG_TEST, 0, 0);
    int group = 0, left = 0, class = 0;
    *out = (struct drawn){.classes = 2 + (int)rng_below(&rng, CLASSES - 1)};
    for (int i = 0; i < N; i++) {
        if (left == 0) {
            left = 1 + (int)rng_below(&rng, 12);
            class = (int)rng_below(&rng, (uint32_t)out->classes);
            group = out->n_groups++ < MOST_GROUPS - 1 ? out->n_groups - 1 : 0;
            out->n_groups = out->n_groups < MOST_GROUPS ? out->n_groups : MOST_GROUPS;
        }
        left--;
        out->groups[i] = group;
        out->labels[i] =
            rng_below(&rng, 8) == 0 ? (int)rng_below(&rng, (uint32_t)out->classes) : class;
    }
}

static struct dataset dataset_of(struct drawn *drawn)
{
    return (struct dataset){.name = "d",
                            .n = N,
                            .classes = drawn->classes,
                            .labels = drawn->labels,
                            .part_rows = N,
                            .groups = drawn->groups,
                            .n_groups = drawn->n_groups};
}

// Marks the groups of a side; returns how many rows it has of each class.
static void mark(const struct drawn *drawn, const int32_t *rows, int n, bool *groups, int *members)
{
    memset(groups, 0, MOST_GROUPS * sizeof *groups);
    memset(members, 0, CLASSES * sizeof *members);
    for (int i = 0; i < n; i++) {
        groups[drawn->groups[rows[i]]] = true;
        members[drawn->labels[rows[i]]]++;
    }
}

static void test_groups_are_on_one_side(void **state)
{
    (void)state;
    struct drawn drawn;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct arena arena = {.newest = NULL};
        struct dataset_split split, again;
        bool in_train[MOST_GROUPS], in_validation[MOST_GROUPS];
        int train[CLASSES], validation[CLASSES];
        const double share = 0.05 + 0.15 * (double)(seed % 6);
        draw(seed, &drawn);
        const struct dataset dataset = dataset_of(&drawn);
        assert_ok(dataset_split(&dataset, share, seed, &arena, &split));
        assert_ok(dataset_split(&dataset, share, seed, &arena, &again));
        assert_int_equal(split.n_train + split.n_validation, N);
        assert_int_equal(split.n_train, again.n_train);
        assert_memory_equal(split.train, again.train, (size_t)split.n_train * sizeof(int32_t));
        assert_memory_equal(split.validation, again.validation,
                            (size_t)split.n_validation * sizeof(int32_t));
        mark(&drawn, split.train, split.n_train, in_train, train);
        mark(&drawn, split.validation, split.n_validation, in_validation, validation);
        for (int g = 0; g < MOST_GROUPS; g++) {
            assert_false(in_train[g] && in_validation[g]);
        }
        for (int k = 0; k < drawn.classes; k++) {
            const double wanted = share * (train[k] + validation[k]);
            assert_true(fabs(validation[k] - wanted) <= 8);
        }
        arena_close(&arena);
    }
}

static void test_impossible_groups(void **state)
{
    (void)state;
    int32_t labels[N] = {0}, groups[N] = {0};
    struct arena arena = {.newest = NULL};
    struct dataset_split split;
    const struct dataset dataset = {.name = "tracks",
                                    .n = N,
                                    .classes = 1,
                                    .labels = labels,
                                    .part_rows = N,
                                    .groups = groups,
                                    .n_groups = 2};
    assert_fails(dataset_split(&dataset, 0.1, 1, &arena, &split), ERR_CONFIG,
                 "tracks: all 1000 images are of one group");
    assert_ok(dataset_split(&dataset, 0, 1, &arena, &split)); // nothing to cut
    assert_int_equal(split.n_train, N);
    // Two groups are enough, however far from the share they are.
    groups[0] = 1;
    assert_ok(dataset_split(&dataset, 0.5, 1, &arena, &split));
    assert_int_equal(split.n_validation, 1);
    assert_int_equal(split.validation[0], 0);
    for (int i = 1; i < N / 2; i++) {
        groups[i] = 1;
    }
    assert_ok(dataset_split(&dataset, 0.01, 1, &arena, &split));
    assert_int_equal(split.n_validation, N / 2);
    arena_close(&arena);
}

// ---- rows that weights were trained on
static void expect_same(const struct dataset_split *a, const struct dataset_split *b)
{
    assert_int_equal(a->n_train, b->n_train);
    assert_int_equal(a->n_validation, b->n_validation);
    assert_memory_equal(a->train, b->train, (size_t)a->n_train * sizeof *a->train);
    assert_memory_equal(a->validation, b->validation,
                        (size_t)a->n_validation * sizeof *a->validation);
}

// Weights trained by the very split, weights that nothing is known of, and weights trained on
// nothing: the split itself, with and without groups, of a whole part and of every third row.
static void test_own_split_comes_out_again(void **state)
{
    (void)state;
    struct drawn drawn;
    int32_t thirds[N];
    for (int i = 0; i < N; i++) {
        thirds[i] = 3 * i + 1;
    }
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct arena arena = {.newest = NULL};
        struct dataset_split plain, split;
        struct row_set sets[3] = {{0}};
        int32_t part_groups[3 * N + 1] = {0}, rows[N];
        draw(seed, &drawn);
        struct dataset dataset = dataset_of(&drawn);
        if (seed % 2 == 1) {
            dataset.groups = NULL;
        } else if (seed % 4 == 2) {
            for (int i = 0; i < N; i++) {
                part_groups[thirds[i]] = drawn.groups[i];
            }
            dataset.groups = part_groups;
        }
        if (seed % 4 >= 2) {
            dataset.rows = thirds;
            dataset.part_rows = 3 * N + 1;
        }
        assert_ok(dataset_split(&dataset, 0.2, seed, &arena, &plain));
        for (int i = 0; i < plain.n_train; i++) {
            rows[i] = dataset_row(&dataset, plain.train[i]);
        }
        assert_ok(row_set_of_rows(rows, plain.n_train, &sets[1]));
        assert_ok(row_set_of_rows(NULL, 0, &sets[2]));
        for (int i = 0; i < 3; i++) {
            assert_ok(dataset_split_unseen(&dataset, &sets[i], 0.2, seed, &arena, &split));
            expect_same(&plain, &split);
            row_set_close(&sets[i]);
        }
        arena_close(&arena);
    }
}

static void test_only_unseen_rows(void **state)
{
    (void)state;
    int32_t labels[N];
    int members[CLASSES], unseen[CLASSES] = {0}, held[CLASSES] = {0};
    uneven_labels(labels, members);
    struct dataset dataset = {
        .name = "d", .n = N, .classes = CLASSES, .labels = labels, .part_rows = N};
    struct arena arena = {.newest = NULL};
    struct dataset_split split, again;
    struct row_set rows;
    assert_ok(row_set_parse("0-399,500-849", &rows));
    for (int i = 0; i < N; i++) {
        unseen[labels[i]] += !row_set_has(&rows, i);
    }
    assert_ok(dataset_split_unseen(&dataset, &rows, 0.2, 4, &arena, &split));
    assert_ok(dataset_split_unseen(&dataset, &rows, 0.2, 4, &arena, &again));
    expect_same(&split, &again);
    for (int i = 0; i < split.n_validation; i++) {
        assert_false(row_set_has(&rows, split.validation[i]));
        held[labels[split.validation[i]]]++;
    }
    for (int k = 0; k < CLASSES; k++) {
        const int wanted = (int)lround(0.2 * members[k]);
        assert_int_equal(held[k], wanted < unseen[k] ? wanted : unseen[k]);
    }
    assert_int_equal(split.n_train, 750);
    for (int i = 0; i < split.n_train; i++) {
        assert_true(row_set_has(&rows, split.train[i]));
    }
    // More is asked for than there is: all of it.
    assert_ok(dataset_split_unseen(&dataset, &rows, 0.9, 4, &arena, &split));
    assert_int_equal(split.n_validation, 250);
    row_set_close(&rows);
    assert_ok(row_set_of_rows(NULL, N, &rows));
    assert_ok(dataset_split_unseen(&dataset, &rows, 0.2, 4, &arena, &split));
    assert_true(split.n_validation == 0 && split.n_train == N);
    row_set_close(&rows);
    assert_ok(row_set_parse("0-1000", &rows));
    assert_fails(dataset_split_unseen(&dataset, &rows, 0.2, 4, &arena, &split), ERR_INPUT,
                 "row 1000, but the training part of d has 1000");
    row_set_close(&rows);
    arena_close(&arena);
}

// A group of which any image was trained on is no longer unseen, even where that image is not in
// the data set.
static void test_groups_of_seen_rows(void **state)
{
    (void)state;
    struct drawn drawn;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct arena arena = {.newest = NULL};
        struct dataset_split split;
        struct row_set rows;
        int32_t first[N / 2];
        bool seen[MOST_GROUPS] = {false};
        draw(seed, &drawn);
        struct dataset dataset = dataset_of(&drawn);
        assert_ok(row_set_parse("3-9,100-130,480-700", &rows));
        for (int i = 0; i < N; i++) {
            seen[drawn.groups[i]] = seen[drawn.groups[i]] || row_set_has(&rows, i);
        }
        for (int i = 0; i < N / 2; i++) {
            first[i] = i;
        }
        dataset.n = N / 2; // rows from 500 on are left out
        dataset.rows = first;
        assert_ok(dataset_split_unseen(&dataset, &rows, 0.3, seed, &arena, &split));
        assert_true(split.n_validation > 0);
        for (int i = 0; i < split.n_validation; i++) {
            assert_false(seen[drawn.groups[split.validation[i]]]);
        }
        for (int i = 0; i < split.n_train; i++) {
            assert_true(row_set_has(&rows, split.train[i]));
        }
        row_set_close(&rows);
        arena_close(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_bounds),
        cmocka_unit_test(test_groups_are_on_one_side),
        cmocka_unit_test(test_impossible_groups),
        cmocka_unit_test(test_own_split_comes_out_again),
        cmocka_unit_test(test_only_unseen_rows),
        cmocka_unit_test(test_groups_of_seen_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
