#include "envs/nas/nas_suggest.h"

#include <math.h>
#include <string.h>

// A rule for ranks: decisions of `role` are at an end, the others at a share. role NAS_ROLE_COUNT:
// no decision is of it.
struct rule {
    enum nas_role role;
    bool greatest;
};
static const struct rule uniform = {.role = NAS_ROLE_COUNT};

static int rank_at(const struct nas_study *study, const struct rule *rule, int d, double share)
{
    const int last = study->n_choices[d] - 1;
    if (study->space->decisions[d].role == rule->role) {
        return rule->greatest ? last : 0;
    }
    return (int)lround(share * last);
}

static void take_ranks(const struct nas_study *study, const int *ranks, int first, int16_t *choice)
{
    for (int d = first; d < study->space->n_decisions; d++) {
        choice[d] = study->by_cost[d][ranks[d]];
    }
}

static bool holds(const struct nas_study *study, const struct nas_cost *limits,
                  const int16_t *choice)
{
    struct nas_cost cost;
    nas_study_cost(study, choice, &cost);
    return nas_cost_within(&cost, limits);
}

static bool share_holds(const struct nas_study *study, const struct nas_cost *limits,
                        const struct rule *rule, int first, double share, int16_t *choice)
{
    int ranks[NAS_MOST_DECISIONS];
    for (int d = first; d < study->space->n_decisions; d++) {
        ranks[d] = rank_at(study, rule, d, share);
    }
    take_ranks(study, ranks, first, choice);
    return holds(study, limits, choice);
}

// -1: not even 0 holds.
static double greatest_share(const struct nas_study *study, const struct nas_cost *limits,
                             const struct rule *rule, int first, int16_t *choice)
{
    enum { HALVINGS = 8 };
    double low = 0, high = 1;
    if (share_holds(study, limits, rule, first, high, choice)) {
        return high;
    }
    if (!share_holds(study, limits, rule, first, low, choice)) {
        return -1;
    }
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2;
        if (share_holds(study, limits, rule, first, middle, choice)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

double nas_uniform_share(const struct nas_study *study, const struct nas_cost *limits,
                         const int16_t *choice, int first)
{
    int16_t scratch[NAS_MOST_DECISIONS];
    memcpy(scratch, choice, (size_t)first * sizeof *choice);
    return fmax(greatest_share(study, limits, &uniform, first, scratch), 0);
}

// Raises the decision with the smallest share whose next choice fits (the first of equals); false
// when none fits.
static bool raise_one(const struct nas_study *study, const struct nas_cost *limits, int *ranks)
{
    int16_t choice[NAS_MOST_DECISIONS];
    int best = -1;
    take_ranks(study, ranks, 0, choice);
    for (int d = 0; d < study->space->n_decisions; d++) {
        const int last = study->n_choices[d] - 1;
        if (ranks[d] == last ||
            (best >= 0 && ranks[d] * (study->n_choices[best] - 1) >= ranks[best] * last)) {
            continue;
        }
        const int16_t before = choice[d];
        choice[d] = study->by_cost[d][ranks[d] + 1];
        if (holds(study, limits, choice)) {
            best = d;
        }
        choice[d] = before;
    }
    if (best >= 0) {
        ranks[best]++;
    }
    return best >= 0;
}

// The task's limits, and what its objective wants no more of where that can be had.
static struct nas_cost wanted(const struct nas_walk *walk)
{
    struct nas_cost limits = walk->own;
    for (int k = 0; k < COST_KINDS; k++) {
        const double target = walk->objective.target[k];
        if (walk->objective.weight[k] > 0 && target < (double)limits.of[k]) {
            limits.of[k] = (int64_t)fmax(target, (double)walk->study->least.of[k]);
        }
    }
    return limits;
}

static bool follow(const struct nas_walk *walk, const struct rule *rule, int16_t *choice)
{
    const struct nas_study *study = walk->study;
    const struct nas_cost limits = wanted(walk);
    int ranks[NAS_MOST_DECISIONS];
    const double share = greatest_share(study, &limits, rule, 0, choice);
    if (share < 0) {
        return false;
    }
    for (int d = 0; d < study->space->n_decisions; d++) {
        ranks[d] = rank_at(study, rule, d, share);
    }
    while (raise_one(study, &limits, ranks)) {
    }
    take_ranks(study, ranks, 0, choice);
    nas_space_canonical(study->space, choice);
    return true;
}

static struct rule rule_of(int number)
{
    return number == 0 ? uniform
                       : (struct rule){.role = (enum nas_role)((number - 1) / 2),
                                       .greatest = (number - 1) % 2 == 0};
}

// Rules that come to the same are one suggestion.
bool nas_suggest(const struct nas_walk *walk, int number, int16_t *choice)
{
    enum { RULES = 1 + 2 * NAS_ROLE_COUNT };
    const size_t bytes = (size_t)walk->study->space->n_decisions * sizeof *choice;
    int16_t found[RULES][NAS_MOST_DECISIONS];
    int n = 0;
    for (int i = 0; i < RULES && n <= number; i++) {
        const struct rule rule = rule_of(i);
        bool fresh = follow(walk, &rule, found[n]);
        for (int j = 0; j < n && fresh; j++) {
            fresh = memcmp(found[j], found[n], bytes) != 0;
        }
        n += fresh;
    }
    if (number < 0 || number >= n) {
        return false;
    }
    memcpy(choice, found[number], bytes);
    return true;
}
