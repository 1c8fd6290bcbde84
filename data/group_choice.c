// Whole groups, chosen greedily: no group is ever cut in two, so the number of rows can only come
// near to what is wanted.
#include "data/group_choice.h"

#include "core/rng.h"

#include <stdlib.h>
#include <string.h>

struct chooser {
    const struct group_choice *choice;
    int32_t *start, *rows; // rows of group g: rows[start[g]] .. rows[start[g + 1] - 1]
    int32_t *order;        // [n_groups] random
    int *have;             // [classes] rows chosen
    int *count;            // [classes] zeros between calls
    bool *chosen;
};

static enum status open_chooser(const struct group_choice *choice, struct arena *arena,
                                struct chooser *out)
{
    const size_t groups = (size_t)choice->n_groups, classes = (size_t)choice->classes;
    int32_t *next;
    out->choice = choice;
    ARENA_NEW(arena, out->start, groups + 1);
    ARENA_NEW(arena, out->rows, (size_t)choice->n);
    ARENA_NEW(arena, out->order, groups);
    ARENA_NEW(arena, next, groups);
    ARENA_NEW(arena, out->have, classes);
    ARENA_NEW(arena, out->count, classes);
    for (int i = 0; i < choice->n; i++) {
        out->start[choice->groups[i] + 1] += choice->labels[i] >= 0 ? 1 : 0;
    }
    for (size_t g = 0; g < groups; g++) {
        out->start[g + 1] += out->start[g];
        next[g] = out->start[g];
        out->order[g] = (int32_t)g;
    }
    for (int i = 0; i < choice->n; i++) {
        if (choice->labels[i] >= 0) {
            out->rows[next[choice->groups[i]]++] = i;
        }
    }
    struct rng rng = rng_make(choice->seed, RNG_SPLIT, 0, choice->stream);
    rng_shuffle(&rng, out->order, groups);
    return OK;
}

static bool is_empty(const struct chooser *c, int group)
{
    return c->start[group + 1] == c->start[group];
}

static bool may_change(const struct chooser *c, int group)
{
    return !is_empty(c, group) && (c->choice->barred == NULL || !c->choice->barred[group]);
}

// By how much the classes are further from what is wanted when the group changes sides.
static int cost_of_change(const struct chooser *c, int group)
{
    const int sign = c->chosen[group] ? -1 : 1;
    int cost = 0;
    for (int i = c->start[group]; i < c->start[group + 1]; i++) {
        c->count[c->choice->labels[c->rows[i]]]++;
    }
    for (int i = c->start[group]; i < c->start[group + 1]; i++) {
        const int k = c->choice->labels[c->rows[i]];
        const int missing = c->choice->wanted[k] - c->have[k];
        cost += c->count[k] > 0 ? abs(missing - sign * c->count[k]) - abs(missing) : 0;
        c->count[k] = 0;
    }
    return cost;
}

static void change(const struct chooser *c, int group)
{
    const int sign = c->chosen[group] ? -1 : 1;
    for (int i = c->start[group]; i < c->start[group + 1]; i++) {
        c->have[c->choice->labels[c->rows[i]]] += sign;
    }
    c->chosen[group] = !c->chosen[group];
}

// Ends: the distance is a whole number that every change makes smaller.
static void approach(const struct chooser *c)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (int i = 0; i < c->choice->n_groups; i++) {
            const int group = c->order[i];
            if (may_change(c, group) && cost_of_change(c, group) < 0) {
                change(c, group);
                moved = true;
            }
        }
    }
}

static bool has_class(const struct chooser *c, int group, int k)
{
    for (int i = c->start[group]; i < c->start[group + 1]; i++) {
        if (c->choice->labels[c->rows[i]] == k) {
            return true;
        }
    }
    return false;
}

// Moves the group that costs least over to the chosen (or the others), of those with rows of class
// k (-1: any). Nothing where there is none.
static void move_cheapest(const struct chooser *c, bool to_chosen, int k)
{
    int best = -1, least = 0;
    for (int i = 0; i < c->choice->n_groups; i++) {
        const int group = c->order[i];
        if (c->chosen[group] == to_chosen || !may_change(c, group) ||
            (k >= 0 && !has_class(c, group, k))) {
            continue;
        }
        const int cost = cost_of_change(c, group);
        if (best < 0 || cost < least) {
            best = group;
            least = cost;
        }
    }
    if (best >= 0) {
        change(c, best);
    }
}

static void fill_sides(const struct chooser *c)
{
    bool any[2] = {false, false};
    for (int g = 0; g < c->choice->n_groups; g++) {
        any[c->chosen[g]] = any[c->chosen[g]] || !is_empty(c, g);
    }
    if (!any[true]) {
        move_cheapest(c, true, -1);
    } else if (!any[false]) {
        move_cheapest(c, false, -1);
    }
}

enum status group_choice_make(const struct group_choice *choice, struct arena *arena, bool *chosen)
{
    struct chooser chooser;
    TRY(open_chooser(choice, arena, &chooser));
    chooser.chosen = chosen;
    memset(chosen, 0, (size_t)choice->n_groups * sizeof *chosen);
    approach(&chooser);
    if (choice->two_sides) {
        fill_sides(&chooser);
        return OK;
    }
    for (int k = 0; k < choice->classes; k++) {
        if (chooser.have[k] == 0) {
            move_cheapest(&chooser, true, k);
        }
    }
    return OK;
}
