// Proposals: candidates near the best of all tasks, filled up to the budget, random ones and
// wishes; refined on the model; then the one with the greatest expected improvement (Mockus et al.
// 1978), with what is under way taken as if it had come out at its mean.
#include "core/clock.h"
#include "learner/candidates.h"
#include "learner/model/acquisition.h"
#include "learner/model/advisor_internal.h"

#include <math.h>
#include <string.h>

enum {
    PARENTS = 8,
    CHILDREN = 20,
    PARENTS_ABOVE = 4, // of the best that are a little above the budget
    CHILDREN_ABOVE = 10,
    RANDOM = 40,
    FAR = 32,     // random ones that are looked at closely whatever their means
    REFINED = 16, // best by mean, changed in each round
    CHANGES = 6,
    FIRST_TRIES = 64, // for a candidate that is not known
    LEAST_RESULTS = 8 // before a model of categorical steps is asked: until then it just takes what
                      // is near the first ones
};
static const double most_above = 1.25; // times the budget
static const double jitter = 0.25;     // of the logarithm of a step's share

struct proposing {
    struct advisor *advisor;
    const struct candidate_space *space;
    struct advisor_pool *pool;
    struct advisor_sheet *sheet;
    int task;
    int first_random, end_random; // cells of random candidates
    struct rng rng;
};

static int16_t *cell(const struct advisor_sheet *sheet, int i)
{
    return sheet->choices + (size_t)i * (size_t)sheet->steps;
}

// Room for one more; the last one again when the sheet is full.
static int16_t *next_cell(struct advisor_sheet *sheet)
{
    sheet->n += sheet->n < ADVISOR_CANDIDATES ? 1 : 0;
    return cell(sheet, sheet->n - 1);
}

static void add_filled(struct proposing *p)
{
    const int16_t *from = cell(p->sheet, p->sheet->n - 1);
    int16_t *to = next_cell(p->sheet);
    memmove(to, from, (size_t)p->sheet->steps * sizeof *to);
    candidate_fill(p->space, p->task, &p->rng, to);
}

// Children of one candidate, every second of them also filled up.
static void add_children(struct proposing *p, const int16_t *parent, int n)
{
    for (int i = 0; i < n; i++) {
        candidate_mutate(p->space, p->task, &p->rng, parent, next_cell(p->sheet));
        if (i % 2 == 1) {
            add_filled(p);
        }
    }
}

static void add_near_best(struct proposing *p)
{
    const int n = advisor_best(p->advisor, p->task, PARENTS, p->advisor->best);
    for (int i = 0; i < n; i++) {
        add_children(p, p->advisor->best[i], CHILDREN);
    }
}

// The best that cost a little too much here: other budgets have shown that they are good.
static void add_near_better(struct proposing *p)
{
    const struct advisor_pool *pool = p->pool;
    const double *means = advisor_means(p->advisor, p->task);
    int best[PARENTS_ABOVE], n = 0;
    for (int i = 0; i < pool->fitted; i++) {
        const int16_t *choices = pool->choices + (size_t)i * (size_t)pool->steps;
        if (n == PARENTS_ABOVE && !(means[i] > means[best[n - 1]])) {
            continue;
        }
        if (p->space->holds(p->space->context, p->task, choices) ||
            p->space->use(p->space->context, p->task, choices) > most_above) {
            continue;
        }
        int at = n < PARENTS_ABOVE ? n++ : n - 1;
        for (; at > 0 && means[i] > means[best[at - 1]]; at--) {
            best[at] = best[at - 1];
        }
        best[at] = i;
    }
    for (int k = 0; k < n; k++) {
        add_children(p, pool->choices + (size_t)best[k] * (size_t)pool->steps, CHILDREN_ABOVE);
    }
}

static void add_random(struct proposing *p)
{
    p->first_random = p->sheet->n;
    for (int i = 0; i < RANDOM; i++) {
        candidate_random(p->space, p->task, &p->rng, next_cell(p->sheet));
        if (i % 2 == 1) {
            add_filled(p);
        }
    }
    p->end_random = p->sheet->n;
}

static void add_wishes(struct proposing *p, const struct advisor_wishes *wishes)
{
    for (int i = 0; wishes != NULL && i < wishes->n; i++) {
        const int16_t *wish = wishes->choices + (size_t)i * (size_t)wishes->stride;
        int16_t *to = next_cell(p->sheet);
        memcpy(to, wish, (size_t)p->sheet->steps * sizeof *wish);
        candidate_canonical(p->space, p->task, to);
        if (i % 2 == 1) {
            add_filled(p);
        }
    }
}

static void predict(struct proposing *p, int first)
{
    struct advisor_sheet *sheet = p->sheet;
    const size_t inputs = (size_t)p->pool->n_inputs;
    double *x = sheet->x + (size_t)first * inputs;
    for (int i = first; i < sheet->n; i++) {
        advisor_describe(p->advisor, p->task, cell(sheet, i), sheet->x + (size_t)i * inputs);
    }
    reward_model_predict(p->pool->model, x, sheet->n - first, sheet->mean + first, NULL);
    for (int i = first; i < sheet->n && advisor_is_drawn(p->advisor, p->task); i++) {
        advisor_turn(p->advisor, p->task, cell(sheet, i), sheet->x + (size_t)i * inputs,
                     sheet->mean + i, NULL);
    }
}

// Lists the best means of the sheet's cells from .. to - 1 that nobody has tried, best first, each
// candidate once, behind the `kept` that are listed already, up to `most` in all; returns how many.
static int list_best(struct proposing *p, int from, int to, int kept, int most)
{
    struct advisor_sheet *sheet = p->sheet;
    const size_t bytes = (size_t)sheet->steps * sizeof *sheet->choices;
    int n = kept;
    for (int i = from; i < to && kept < most; i++) {
        const double mean = sheet->mean[i];
        if ((n == most && !(mean > sheet->mean[sheet->order[n - 1]])) ||
            advisor_is_known(p->advisor, p->task, cell(sheet, i))) {
            continue;
        }
        bool listed = false;
        for (int k = 0; k < n && !listed; k++) {
            listed = memcmp(cell(sheet, sheet->order[k]), cell(sheet, i), bytes) == 0;
        }
        if (listed) {
            continue;
        }
        int at = n < most ? n++ : n - 1;
        for (; at > kept && mean > sheet->mean[sheet->order[at - 1]]; at--) {
            sheet->order[at] = sheet->order[at - 1];
        }
        sheet->order[at] = i;
    }
    return n;
}

static int screen(struct proposing *p, int most)
{
    return list_best(p, 0, p->sheet->n, 0, most);
}

// What is looked at closely. Where steps have no order the best means are all alike, small changes
// of one another, so a share is kept for those of candidates that have nothing to do with them:
// else a search would never leave what is best nearby.
static int screen_widely(struct proposing *p)
{
    const int far = p->pool->n_ordered < p->pool->steps ? FAR : 0;
    const int n = screen(p, ADVISOR_SCREENED - far);
    return list_best(p, p->first_random, p->end_random, n, n + far);
}

static void refine(struct proposing *p)
{
    for (int round = 0; round < p->advisor->options.refinements; round++) {
        const int n = screen(p, REFINED), first = p->sheet->n;
        for (int i = 0; i < n; i++) {
            const int16_t *parent = cell(p->sheet, p->sheet->order[i]);
            for (int k = 0; k < CHANGES && p->sheet->n < ADVISOR_CANDIDATES; k++) {
                candidate_mutate(p->space, p->task, &p->rng, parent, next_cell(p->sheet));
            }
        }
        predict(p, first);
    }
}

// The best mean of what was evaluated in the task's model and keeps the budget; without any, the
// worst of all.
static double best_so_far(const struct proposing *p)
{
    const struct advisor_pool *pool = p->pool;
    const double *means = advisor_means(p->advisor, p->task);
    double best = -INFINITY, worst = INFINITY;
    for (int i = 0; i < pool->fitted; i++) {
        const int16_t *choices = pool->choices + (size_t)i * (size_t)pool->steps;
        const double mean = advisor_is_drawn(p->advisor, p->task)
                                ? advisor_value(p->advisor, p->task, choices, pool->rewards[i])
                                : means[i];
        worst = fmin(worst, mean);
        if (mean > best && advisor_is_result_of(p->advisor, p->task, i) &&
            p->space->holds(p->space->context, p->task, choices)) {
            best = mean;
        }
    }
    return isfinite(best) ? best : worst;
}

// Of the n screened ones, the number of the one to try.
static int acquire(struct proposing *p, int n)
{
    struct advisor_sheet *sheet = p->sheet;
    double mean[ADVISOR_SCREENED], sd[ADVISOR_SCREENED];
    const double best = best_so_far(p);
    advisor_tell_under_way(p->advisor, p->task); // overwrites sheet->x
    for (int i = 0; i < n; i++) {
        advisor_describe(p->advisor, p->task, cell(sheet, sheet->order[i]),
                         sheet->x + (size_t)i * (size_t)p->pool->n_inputs);
    }
    reward_model_predict(p->pool->model, sheet->x, n, mean, sd);
    for (int i = 0; i < n && advisor_is_drawn(p->advisor, p->task); i++) {
        advisor_turn(p->advisor, p->task, cell(sheet, sheet->order[i]),
                     sheet->x + (size_t)i * (size_t)p->pool->n_inputs, mean + i, sd + i);
    }
    int chosen = 0;
    double most = -1.0;
    for (int i = 0; i < n; i++) {
        const double improvement = expected_improvement(mean[i], sd[i], best);
        if (improvement > most) {
            most = improvement;
            chosen = sheet->order[i];
        }
    }
    return chosen;
}

// Without a model that knows anything: near-uniform and random candidates in turn, filled up.
static void propose_first(struct proposing *p, int16_t *choices)
{
    for (int i = 0; i < FIRST_TRIES; i++) {
        if (rng_below(&p->rng, 2) == 0) {
            candidate_near_uniform(p->space, p->task, jitter, &p->rng, choices);
        } else {
            candidate_random(p->space, p->task, &p->rng, choices);
            candidate_fill(p->space, p->task, &p->rng, choices);
        }
        if (!advisor_is_known(p->advisor, p->task, choices)) {
            return;
        }
    }
}

static bool propose_by_model(struct proposing *p, const struct advisor_wishes *wishes,
                             int16_t *choices)
{
    add_near_best(p);
    add_near_better(p);
    add_random(p);
    add_wishes(p, wishes);
    predict(p, 0);
    refine(p);
    const int n = screen_widely(p);
    if (n == 0) {
        return false;
    }
    const bool surest = wishes != NULL && wishes->surest;
    const int16_t *chosen = cell(p->sheet, surest ? p->sheet->order[0] : acquire(p, n));
    memcpy(choices, chosen, (size_t)p->sheet->steps * sizeof *choices);
    return true;
}

static void put_under_way(struct advisor *advisor, int task, int64_t episode,
                          const int16_t *choices)
{
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    const int i = (*pool->n_under_way)++;
    if (pool->n_models > 1) {
        pool->under_way_codes[i] = advisor->code_of[task];
    }
    pool->episodes[i] = episode;
    memcpy(pool->under_way + (size_t)i * (size_t)pool->steps, choices,
           (size_t)pool->steps * sizeof *choices);
}

int advisor_propose(struct advisor *advisor, int task, int64_t episode,
                    const struct advisor_wishes *wishes, int16_t *choices)
{
    const double began = clock_seconds();
    struct advisor_pool *pool = advisor_pool_of(advisor, task);
    struct proposing p = {
        .advisor = advisor,
        .space = advisor->options.space,
        .pool = pool,
        .sheet = &advisor->sheet,
        .task = task,
        .rng = rng_make(advisor->options.seed, RNG_PROPOSE, (uint64_t)episode, 0),
    };
    CHECK(*pool->n_under_way < advisor->options.under_way);
    advisor_aim(advisor, episode);
    p.sheet->n = 0;
    p.sheet->steps = pool->steps;
    const bool few = pool->n_ordered < pool->steps && *pool->n < LEAST_RESULTS;
    const bool asked = advisor_knows(advisor, task) && !advisor_is_flat(advisor, task) && !few;
    if (!asked || !propose_by_model(&p, wishes, choices)) {
        propose_first(&p, choices);
    }
    advisor_aim(advisor, -1);
    put_under_way(advisor, task, episode, choices);
    advisor->seconds += clock_seconds() - began;
    return pool->steps;
}
