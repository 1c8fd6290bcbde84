#include "envs/prune/host_prior.h"

#include "search_space/error_curve.h"
#include "search_space/importance.h"

#include <stdlib.h>
#include <string.h>

static int greatest_first(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

// values [channels] in, the curve out. False: they are all 0, which says nothing.
static bool make_curve(float *values, int channels)
{
    double total = 0, kept = 0;
    qsort(values, (size_t)channels, sizeof *values, greatest_first);
    for (int i = 0; i < channels; i++) {
        total += (double)values[i];
    }
    for (int i = 0; i < channels && total > 0; i++) {
        kept += (double)values[i];
        values[i] = (float)(kept / total);
    }
    return total > 0;
}

// By importance; a criterion that says nothing of some group leaves all of them at 0.
static enum status score_channels(const struct criterion_input *input,
                                  enum criterion_kind criterion, struct arena *arena, float *all)
{
    const struct groups *groups = input->groups;
    float **scores;
    const enum status code =
        importance_score(criteria[criterion], input, &importance_defaults, arena, &scores);
    if (code != OK) {
        return code == ERR_CONFIG ? OK : code;
    }
    for (int g = 0; g < groups->n; all += groups->groups[g++].channels) {
        memcpy(all, scores[g], (size_t)groups->groups[g].channels * sizeof *all);
    }
    return OK;
}

// spare NULL: channels that are all 0 count alike.
static enum status kept_shares(const struct criterion_input *input, enum criterion_kind criterion,
                               const float *spare, struct arena *arena, float **out)
{
    const struct groups *groups = input->groups;
    float *all;
    ARENA_NEW(arena, all, (size_t)ranking_count(groups));
    TRY(score_channels(input, criterion, arena, all));
    for (int g = 0, at = 0; g < groups->n; at += groups->groups[g++].channels) {
        const int channels = groups->groups[g].channels;
        if (make_curve(all + at, channels)) {
            continue;
        }
        for (int i = 0; i < channels; i++) {
            all[at + i] = spare != NULL ? spare[at + i] : (float)(i + 1) / (float)channels;
        }
    }
    *out = all;
    return OK;
}

enum status host_prior_make(const struct criterion_input *input, const struct ranking *ranking,
                            const struct refit *refit, struct arena *arena, struct host_prior *out)
{
    const struct error_input errors = {.graph = input->graph,
                                       .groups = input->groups,
                                       .params = input->params,
                                       .ranking = ranking,
                                       .refit = refit};
    float *norm, *gamma, *error;
    int *readers;
    TRY(kept_shares(input, CRITERION_L1, NULL, arena, &norm));
    TRY(kept_shares(input, CRITERION_BN_GAMMA, norm, arena, &gamma));
    ARENA_NEW(arena, error, (size_t)ranking_count(input->groups));
    ARENA_NEW(arena, readers, (size_t)input->groups->n);
    TRY(error_curves(&errors, error, readers));
    *out = (struct host_prior){.norm = norm, .gamma = gamma, .error = error, .readers = readers};
    return OK;
}

enum status host_prior_flat(const struct groups *groups, struct arena *arena,
                            struct host_prior *out)
{
    float *kept, *error;
    int *readers;
    ARENA_NEW(arena, kept, (size_t)ranking_count(groups));
    ARENA_NEW(arena, error, (size_t)ranking_count(groups));
    ARENA_NEW(arena, readers, (size_t)groups->n);
    for (int g = 0, at = 0; g < groups->n; at += groups->groups[g++].channels) {
        const int channels = groups->groups[g].channels;
        for (int i = 0; i < channels; i++) {
            kept[at + i] = (float)(i + 1) / (float)channels;
            error[at + i] = 1 - kept[at + i];
        }
        readers[g] = 1;
    }
    *out = (struct host_prior){.norm = kept, .gamma = kept, .error = error, .readers = readers};
    return OK;
}
