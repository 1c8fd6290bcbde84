#include "envs/prune/prune_suggest.h"

#include <string.h>

static void by_share(struct prune_walk *walk, int *widths)
{
    CHECK(wall_uniform(walk->wall, widths) == OK);
}

static void by_error(struct prune_walk *walk, int *widths)
{
    const struct prune_study *study = walk->study;
    memcpy(widths, walk->hint.widths, (size_t)study->network->groups.n * sizeof *widths);
    prune_hint_fill(&walk->hint, study, walk->wall, walk->limits, widths);
}

// Each gives widths [groups] for a walk at its beginning.
static void (*const ways[PRUNE_MOST_SUGGESTIONS])(struct prune_walk *walk,
                                                  int *widths) = {by_share, by_error};

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
        ways[i](walk, walk->scratch);
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
