#include "envs/prune/prune_suggest.h"

#include "search_space/importance.h"

#include <string.h>

// How the channels of a walk at its beginning are ranked: widths [groups] follow.
struct way {
    bool (*widths)(struct prune_walk *walk, const struct way *way, int *widths); // false: cannot
    enum criterion_kind criterion;
    struct importance_options importance;
};

static bool by_share(struct prune_walk *walk, const struct way *way, int *widths)
{
    (void)way;
    return wall_uniform(walk->wall, widths) == OK;
}

static bool by_error(struct prune_walk *walk, const struct way *way, int *widths)
{
    (void)way;
    const struct prune_study *study = walk->study;
    memcpy(widths, walk->hint.widths, (size_t)study->network->groups.n * sizeof *widths);
    prune_hint_fill(&walk->hint, study, walk->wall, walk->limits, widths);
    return true;
}

// One shot: the least important channels of the whole network go.
static bool by_importance(struct prune_walk *walk, const struct way *way, int *widths)
{
    const struct host_network *network = walk->study->network;
    const struct criterion_input input = {
        .graph = &network->graph, .groups = &network->groups, .params = network->params};
    struct arena arena = {0};
    float **scores;
    const bool known = importance_score(criteria[way->criterion], &input, &way->importance, &arena,
                                        &scores) == OK &&
                       wall_global(walk->wall, scores, widths) == OK;
    arena_close(&arena);
    return known;
}

// The order is that of what they were found to be worth on ResNets.
static const struct way ways[PRUNE_MOST_SUGGESTIONS] = {
    {.widths = by_share},
    {.widths = by_error},
    {by_importance, CRITERION_L2, {NORMALISE_MAX, REDUCE_SUM}},
    {by_importance, CRITERION_L1, {NORMALISE_MEAN, REDUCE_SUM}},
    {by_importance, CRITERION_L1, {NORMALISE_MAX, REDUCE_SUM}},
    {by_importance, CRITERION_L2, {NORMALISE_MEAN, REDUCE_SUM}},
    {by_importance, CRITERION_BN_GAMMA, {NORMALISE_MAX, REDUCE_SUM}},
};

// The choices that widths [groups] stand for.
static void choices_of(const struct prune_walk *walk, const int *widths, int16_t *choices)
{
    for (int s = 0; s < walk->study->n_steps; s++) {
        const int group = walk->study->steps[s];
        const int *offered, n = wall_choices(walk->wall, group, &offered);
        int at = 0;
        while (at < n && offered[at] != widths[group]) {
            at++;
        }
        CHECK(at < n);
        choices[s] = (int16_t)at;
    }
}

static void make_all(struct prune_walk *walk)
{
    const size_t n = (size_t)walk->study->n_steps;
    for (int i = 0; i < PRUNE_MOST_SUGGESTIONS; i++) {
        int16_t *choices = walk->suggested + (size_t)walk->n_suggested * n;
        prune_walk_reset(walk, 0);
        if (!ways[i].widths(walk, &ways[i], walk->scratch)) {
            continue;
        }
        choices_of(walk, walk->scratch, choices);
        bool known = false;
        for (int j = 0; j < walk->n_suggested; j++) {
            known =
                known || memcmp(walk->suggested + (size_t)j * n, choices, n * sizeof *choices) == 0;
        }
        walk->n_suggested += !known;
    }
}

bool prune_suggest(struct prune_walk *walk, int number, int16_t *choices)
{
    const size_t n = (size_t)walk->study->n_steps;
    if (walk->n_suggested == 0) {
        make_all(walk);
    }
    if (number < 0 || number >= walk->n_suggested) {
        return false;
    }
    memcpy(choices, walk->suggested + (size_t)number * n, n * sizeof *choices);
    return true;
}
