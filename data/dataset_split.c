// Training and validation rows: by seed, class by class, whole groups together, and apart from what
// weights have been trained on.
#include "core/rng.h"
#include "data/dataset_select.h"
#include "data/group_choice.h"

#include <math.h>

struct splitter {
    const struct dataset *dataset;
    const struct row_set *train_rows; // may not be known
    uint64_t seed;
    struct arena *arena;
    struct by_class by_class;
    int *wanted; // [classes] validation images of each, arena
    bool *held;  // [dataset->n] for validation
};

int32_t dataset_row(const struct dataset *dataset, int i)
{
    return dataset->rows != NULL ? dataset->rows[i] : i;
}

static bool was_trained_on(const struct splitter *s, int i)
{
    return s->train_rows->known && row_set_has(s->train_rows, dataset_row(s->dataset, i));
}

static enum status check_rows(const struct dataset *dataset, const struct row_set *rows)
{
    if (rows->n > 0 && rows->ranges[rows->n - 1].last >= dataset->part_rows) {
        FAIL(ERR_INPUT,
             "train_rows go up to row %d, but the training part of %s has %d rows; they are those "
             "of another data set",
             rows->ranges[rows->n - 1].last, dataset->name, dataset->part_rows);
    }
    return OK;
}

static void hold_rows(struct splitter *s)
{
    for (int k = 0; k < s->dataset->classes; k++) {
        int missing = s->wanted[k];
        for (int i = s->by_class.start[k]; i < s->by_class.start[k + 1] && missing > 0; i++) {
            const int32_t row = s->by_class.rows[i];
            s->held[row] = !was_trained_on(s, row);
            missing -= s->held[row] ? 1 : 0;
        }
    }
}

// Groups that the weights have seen an image of, in the data set or left out of it.
static enum status find_seen_groups(const struct splitter *s, bool **out)
{
    const struct row_set *rows = s->train_rows;
    ARENA_NEW(s->arena, *out, (size_t)s->dataset->n_groups);
    for (int r = 0; r < rows->n; r++) {
        for (int32_t row = rows->ranges[r].first; row <= rows->ranges[r].last; row++) {
            (*out)[s->dataset->groups[row]] = true;
        }
    }
    return OK;
}

static bool have_common(const bool *a, const bool *b, int n)
{
    for (int i = 0; i < n; i++) {
        if (a[i] && b[i]) {
            return true;
        }
    }
    return false;
}

static enum status hold_groups(struct splitter *s)
{
    const struct dataset *dataset = s->dataset;
    int32_t *groups; // [n]
    bool *chosen, *seen, several = false;
    ARENA_NEW(s->arena, groups, (size_t)dataset->n);
    ARENA_NEW(s->arena, chosen, (size_t)dataset->n_groups);
    for (int i = 0; i < dataset->n; i++) {
        groups[i] = dataset->groups[dataset_row(dataset, i)];
        several = several || groups[i] != groups[0];
    }
    if (!several) {
        FAIL(ERR_CONFIG,
             "%s: all %d images are of one group, which cannot be on both sides of a split into "
             "training and validation images",
             dataset->name, dataset->n);
    }
    struct group_choice choice = {
        .labels = dataset->labels,
        .groups = groups,
        .n = dataset->n,
        .n_groups = dataset->n_groups,
        .classes = dataset->classes,
        .wanted = s->wanted,
        .seed = s->seed,
        .stream = STREAM_GROUPS,
        .two_sides = true,
    };
    TRY(find_seen_groups(s, &seen));
    TRY(group_choice_make(&choice, s->arena, chosen));
    // What training left out by this very split is chosen as it was then.
    if (have_common(chosen, seen, dataset->n_groups)) {
        choice.barred = seen;
        TRY(group_choice_make(&choice, s->arena, chosen));
    }
    for (int i = 0; i < dataset->n; i++) {
        s->held[i] = chosen[groups[i]];
    }
    return OK;
}

// Deals the rows of each class, in random order, to validation and training.
static void deal(const struct splitter *s, struct dataset_split *split)
{
    const int n = s->dataset->n;
    bool only_seen = false; // training has nothing but rows that were trained on
    for (int i = 0; i < n && !only_seen; i++) {
        only_seen = was_trained_on(s, i);
    }
    for (int i = 0; i < n; i++) {
        const int32_t row = s->by_class.rows[i];
        if (s->held[row]) {
            split->validation[split->n_validation++] = row;
        } else if (!only_seen || was_trained_on(s, row)) {
            split->train[split->n_train++] = row;
        }
    }
}

static enum status check_sides(const struct splitter *s, double share,
                               const struct dataset_split *split)
{
    const bool lacks_validation = split->n_validation == 0 && share > 0 && !s->train_rows->known;
    if (split->n_train == 0 || lacks_validation) {
        FAIL(ERR_CONFIG,
             "%s: a validation share of %g leaves %d images for training and %d for validation; "
             "each needs at least one",
             s->dataset->name, share, split->n_train, split->n_validation);
    }
    return OK;
}

enum status dataset_split_unseen(const struct dataset *dataset, const struct row_set *train_rows,
                                 double validation_share, uint64_t seed, struct arena *arena,
                                 struct dataset_split *out)
{
    struct splitter s = {
        .dataset = dataset, .train_rows = train_rows, .seed = seed, .arena = arena};
    struct dataset_split split = {.n_train = 0};
    if (!(validation_share >= 0 && validation_share < 1)) {
        FAIL(ERR_CONFIG, "the validation share is %g, expected at least 0 and less than 1",
             validation_share);
    }
    TRY(check_rows(dataset, train_rows));
    TRY(shuffle_by_class(dataset->labels, dataset->n, dataset->classes, seed, STREAM_SPLIT, arena,
                         &s.by_class));
    ARENA_NEW(arena, s.wanted, (size_t)dataset->classes);
    for (int k = 0; k < dataset->classes; k++) {
        const int members = s.by_class.start[k + 1] - s.by_class.start[k];
        s.wanted[k] = (int)lround(validation_share * members);
    }
    ARENA_NEW(arena, s.held, (size_t)dataset->n);
    ARENA_NEW(arena, split.train, (size_t)dataset->n);
    ARENA_NEW(arena, split.validation, (size_t)dataset->n);
    if (dataset->groups == NULL) {
        hold_rows(&s);
    } else if (validation_share > 0) {
        TRY(hold_groups(&s));
    }
    deal(&s, &split);
    TRY(check_sides(&s, validation_share, &split));
    struct rng rng = rng_make(seed, RNG_SPLIT, 0, STREAM_TRAIN_ORDER);
    rng_shuffle(&rng, split.train, (size_t)split.n_train);
    rng = rng_make(seed, RNG_SPLIT, 0, STREAM_VALIDATION_ORDER);
    rng_shuffle(&rng, split.validation, (size_t)split.n_validation);
    *out = split;
    return OK;
}

enum status dataset_split(const struct dataset *dataset, double validation_share, uint64_t seed,
                          struct arena *arena, struct dataset_split *out)
{
    const struct row_set unknown = {0};
    return dataset_split_unseen(dataset, &unknown, validation_share, seed, arena, out);
}
