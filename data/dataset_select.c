// The part of a data set that is taken: classes, and a share of each.
#include "data/dataset_select.h"

#include "core/rng.h"
#include "data/group_choice.h"

#include <math.h>
#include <string.h>

// start of each class, and its rows in ascending order.
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

enum status shuffle_by_class(const int32_t *labels, int n, int classes, uint64_t seed,
                             uint32_t stream, struct arena *arena, struct by_class *out)
{
    TRY(group_by_class(labels, n, classes, arena, out));
    for (int k = 0; k < classes; k++) {
        struct rng rng = rng_make(seed, RNG_SPLIT, (uint64_t)k, stream);
        rng_shuffle(&rng, out->rows + out->start[k], (size_t)(out->start[k + 1] - out->start[k]));
    }
    return OK;
}

// new_label [classes] for the classes asked for, -1 for the others.
static enum status map_classes(const struct int_list *wanted, int classes, int32_t *new_label,
                               int *n_new)
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
    struct by_class by_class;
    TRY(shuffle_by_class(labels, n, classes, seed, stream, arena, &by_class));
    for (int k = 0; k < classes; k++) {
        const int members = by_class.start[k + 1] - by_class.start[k];
        int kept = (int)lround(share * members);
        kept = kept < 1 && members > 0 ? 1 : kept;
        for (int i = by_class.start[k] + kept; i < by_class.start[k + 1]; i++) {
            labels[by_class.rows[i]] = -1;
        }
    }
    return OK;
}

// The same with whole groups.
static enum status drop_groups_beyond_share(struct reading *reading, int32_t *labels, int classes,
                                            const struct dataset_options *options,
                                            enum dataset_part part)
{
    int *wanted; // [classes]
    bool *chosen;
    ARENA_NEW(&reading->arena, wanted, (size_t)classes);
    for (int i = 0; i < reading->n; i++) {
        if (labels[i] >= 0) {
            wanted[labels[i]]++;
        }
    }
    for (int k = 0; k < classes; k++) {
        wanted[k] = (int)lround(options->share * wanted[k]);
    }
    const struct group_choice choice = {
        .labels = labels,
        .groups = reading->groups,
        .n = reading->n,
        .n_groups = reading->n_groups,
        .classes = classes,
        .wanted = wanted,
        .seed = options->seed,
        .stream = STREAM_GROUPS_SHARE + (uint32_t)part,
    };
    ARENA_NEW(&reading->arena, chosen, (size_t)reading->n_groups);
    TRY(group_choice_make(&choice, &reading->arena, chosen));
    for (int i = 0; i < reading->n; i++) {
        labels[i] = chosen[reading->groups[i]] ? labels[i] : -1;
    }
    return OK;
}

static enum status drop(const struct dataset_options *options, enum dataset_part part,
                        struct reading *reading, int32_t *labels, int classes)
{
    if (options->share >= 1) {
        return OK;
    }
    return reading->groups != NULL
               ? drop_groups_beyond_share(reading, labels, classes, options, part)
               : drop_beyond_share(labels, reading->n, classes, options->share, options->seed,
                                   STREAM_SHARE + (uint32_t)part, &reading->arena);
}

enum status dataset_select(const struct dataset_options *options, enum dataset_part part,
                           struct reading *reading, struct selection *out)
{
    const int n = reading->n;
    CHECK(reading->classes >= 1 && reading->classes <= DATASET_MAX_CLASSES);
    int32_t *new_label;
    ARENA_NEW(&reading->arena, new_label, (size_t)reading->classes);
    struct selection made = {.n = 0};
    TRY(map_classes(options->classes, reading->classes, new_label, &made.classes));
    int32_t *all;
    ARENA_NEW(&reading->arena, all, (size_t)n);
    for (int i = 0; i < n; i++) {
        all[i] = reading->labels[i] < 0 ? -1 : new_label[reading->labels[i]];
    }
    TRY(drop(options, part, reading, all, made.classes));
    ARENA_NEW(&reading->arena, made.rows, (size_t)n);
    ARENA_NEW(&reading->arena, made.labels, (size_t)n);
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
