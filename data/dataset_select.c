// Choices among rows that keep the balance of the classes: the part of a data set that is taken,
// and its split into training and validation rows.
#include "data/dataset_select.h"

#include "core/rng.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

// Streams of RNG_SPLIT: indexed by class, one step per use. Part of the run format.
enum { STREAM_SPLIT, STREAM_TRAIN_ORDER, STREAM_VALIDATION_ORDER, STREAM_SHARE };

// Rows by class: those of class k are rows[start[k]] .. rows[start[k + 1] - 1], ascending.
struct by_class {
    int32_t *start, *rows;
};

// labels [n], -1 = none.
static enum status group_by_class(const int32_t *labels, int n, int classes, struct arena *arena,
                                  struct by_class *out)
{
    int32_t *next;
    ARENA_NEW(arena, out->start, (size_t)classes + 1);
    ARENA_NEW(arena, out->rows, (size_t)n);
    ARENA_NEW(arena, next, (size_t)classes);
    for (int i = 0; i < n; i++) {
        if (labels[i] >= 0) {
            out->start[labels[i] + 1]++;
        }
    }
    for (int k = 0; k < classes; k++) {
        out->start[k + 1] += out->start[k];
        next[k] = out->start[k];
    }
    for (int i = 0; i < n; i++) {
        if (labels[i] >= 0) {
            out->rows[next[labels[i]]++] = i;
        }
    }
    return OK;
}

// Puts the rows of each class in random order.
static void shuffle_classes(const struct by_class *groups, int classes, uint64_t seed,
                            uint32_t stream)
{
    for (int k = 0; k < classes; k++) {
        struct rng rng = rng_make(seed, RNG_SPLIT, (uint64_t)k, stream);
        rng_shuffle(&rng, groups->rows + groups->start[k],
                    (size_t)(groups->start[k + 1] - groups->start[k]));
    }
}

// new_label[class] for the classes asked for, -1 for the others.
static enum status map_classes(const struct int_list *wanted, int classes,
                               int32_t new_label[DATASET_MAX_CLASSES], int *n_new)
{
    const bool all = wanted == NULL || wanted->n == 0;
    for (int k = 0; k < classes; k++) {
        new_label[k] = all ? k : -1;
    }
    *n_new = all ? classes : wanted->n;
    for (int i = 0; !all && i < wanted->n; i++) {
        const int k = wanted->values[i];
        if (k < 0 || k >= classes) {
            FAIL(ERR_CONFIG, "data.classes[%d] is %d, the data set has the classes 0 to %d", i, k,
                 classes - 1);
        }
        if (new_label[k] >= 0) {
            FAIL(ERR_CONFIG, "data.classes names class %d twice", k);
        }
        new_label[k] = i;
    }
    return OK;
}

// Sets the labels of rows beyond each class's share to -1.
static enum status drop_beyond_share(int32_t *labels, int n, int classes, double share,
                                     uint64_t seed, uint32_t stream, struct arena *arena)
{
    struct by_class groups;
    TRY(group_by_class(labels, n, classes, arena, &groups));
    shuffle_classes(&groups, classes, seed, stream);
    for (int k = 0; k < classes; k++) {
        const int members = groups.start[k + 1] - groups.start[k];
        int kept = (int)lround(share * members);
        kept = kept < 1 && members > 0 ? 1 : kept;
        for (int i = groups.start[k] + kept; i < groups.start[k + 1]; i++) {
            labels[groups.rows[i]] = -1;
        }
    }
    return OK;
}

enum status dataset_select(const struct dataset_options *options, enum dataset_part part,
                           const int32_t *labels, int n, int classes, struct arena *arena,
                           struct selection *out)
{
    CHECK(classes >= 1 && classes <= DATASET_MAX_CLASSES);
    int32_t new_label[DATASET_MAX_CLASSES];
    struct selection made = {.n = 0};
    TRY(map_classes(options->classes, classes, new_label, &made.classes));
    int32_t *all;
    ARENA_NEW(arena, all, (size_t)n);
    for (int i = 0; i < n; i++) {
        all[i] = labels[i] < 0 ? -1 : new_label[labels[i]];
    }
    if (options->share < 1) {
        TRY(drop_beyond_share(all, n, made.classes, options->share, options->seed,
                              STREAM_SHARE + (uint32_t)part, arena));
    }
    ARENA_NEW(arena, made.rows, (size_t)n);
    ARENA_NEW(arena, made.labels, (size_t)n);
    for (int i = 0; i < n; i++) {
        if (all[i] >= 0) {
            made.rows[made.n] = i;
            made.labels[made.n] = all[i];
            made.n++;
        }
    }
    *out = made;
    return OK;
}

// Deals the rows of each class, already in random order, to validation and training.
static void deal(const struct by_class *groups, int classes, double share,
                 struct dataset_split *split)
{
    for (int k = 0; k < classes; k++) {
        const int members = groups->start[k + 1] - groups->start[k];
        const int held = (int)lround(share * members);
        for (int i = 0; i < members; i++) {
            const int32_t row = groups->rows[groups->start[k] + i];
            if (i < held) {
                split->validation[split->n_validation++] = row;
            } else {
                split->train[split->n_train++] = row;
            }
        }
    }
}

enum status dataset_split(const struct dataset *dataset, double validation_share, uint64_t seed,
                          struct arena *arena, struct dataset_split *out)
{
    if (!(validation_share >= 0 && validation_share < 1)) {
        FAIL(ERR_CONFIG, "the validation share is %g, expected at least 0 and less than 1",
             validation_share);
    }
    struct by_class groups;
    TRY(group_by_class(dataset->labels, dataset->n, dataset->classes, arena, &groups));
    shuffle_classes(&groups, dataset->classes, seed, STREAM_SPLIT);
    struct dataset_split split = {.n_train = 0};
    ARENA_NEW(arena, split.train, (size_t)dataset->n);
    ARENA_NEW(arena, split.validation, (size_t)dataset->n);
    deal(&groups, dataset->classes, validation_share, &split);
    if (split.n_train == 0 || (split.n_validation == 0 && validation_share > 0)) {
        FAIL(ERR_CONFIG,
             "%s: a validation share of %g leaves %d images for training and %d for validation; "
             "each needs at least one",
             dataset->name, validation_share, split.n_train, split.n_validation);
    }
    struct rng rng = rng_make(seed, RNG_SPLIT, 0, STREAM_TRAIN_ORDER);
    rng_shuffle(&rng, split.train, (size_t)split.n_train);
    rng = rng_make(seed, RNG_SPLIT, 0, STREAM_VALIDATION_ORDER);
    rng_shuffle(&rng, split.validation, (size_t)split.n_validation);
    *out = split;
    return OK;
}
