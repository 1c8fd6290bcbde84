// Which images a network is scored on, and which it is fitted to.
#include "envs/scoring/scoring.h"

#include <math.h>

// Fewer tell candidates apart only by luck.
#define LEAST_IMAGES 100

// How many search-validation images scoring.validation_share stands for.
static enum status count_wanted(const struct dataset *dataset, double share, struct arena *arena,
                                int *out)
{
    int *members, wanted = 0;
    ARENA_NEW(arena, members, (size_t)dataset->classes);
    for (int i = 0; i < dataset->n; i++) {
        members[dataset->labels[i]]++;
    }
    for (int k = 0; k < dataset->classes; k++) {
        wanted += (int)lround(share * members[k]);
    }
    *out = wanted;
    return OK;
}

enum status scoring_split(const struct scoring_options *scoring, const struct dataset *dataset,
                          const struct row_set *train_rows, uint64_t seed, struct arena *arena,
                          struct dataset_split *out)
{
    struct dataset_split split;
    TRY(dataset_split_unseen(dataset, train_rows, scoring->validation_share, seed, arena, &split));
    int wanted;
    TRY(count_wanted(dataset, scoring->validation_share, arena, &wanted));
    int least = wanted < LEAST_IMAGES ? wanted : LEAST_IMAGES;
    least = dataset->groups != NULL ? least / 2 : least; // whole groups only come near to the share
    least = least > 1 ? least : 1;
    if (train_rows->known && split.n_validation < least) {
        FAIL(ERR_INPUT,
             "%d of the %d training images of %s are left to score on, those that the weights have "
             "not been trained on; expected at least %d; use weights that more images were kept "
             "from, or none (they are then trained first), or have images scored that were trained "
             "on: train_rows \"unknown\"",
             split.n_validation, dataset->n, dataset->name, least);
    }
    *out = split;
    return OK;
}

enum status scoring_check_images(const struct scoring_options *scoring, uint64_t seed,
                                 const struct dataset *dataset, const struct row_set *train_rows)
{
    struct arena arena = {0};
    struct dataset_split split;
    const enum status code = scoring_split(scoring, dataset, train_rows, seed, &arena, &split);
    arena_close(&arena);
    return code;
}
