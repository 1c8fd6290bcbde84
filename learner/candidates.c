#include "learner/candidates.h"

#include <math.h>
#include <string.h>

enum status candidate_check(const struct candidate_space *space, int task, const int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    for (int step = 0; step < t->steps; step++) {
        if (choices[step] < 0 || choices[step] >= t->n_choices[step]) {
            FAIL(ERR_INPUT,
                 "a candidate of task %d with choice %d of %d at step %d; it was not written by "
                 "this program, or is damaged; use an older checkpoint",
                 task, choices[step], t->n_choices[step], step);
        }
    }
    return OK;
}

enum { SHARES = 1024, MOST_CHANGES = 3, MOST_MOVE = 4 };

static bool holds(const struct candidate_space *space, int task, const int16_t *choices)
{
    return space->holds(space->context, task, choices);
}

static int16_t nearest(const struct candidate_task *task, int step, double share)
{
    const float *position = task->position[step];
    int best = 0;
    for (int i = 1; i < task->n_choices[step]; i++) {
        if (fabs((double)position[i] - share) < fabs((double)position[best] - share)) {
            best = i;
        }
    }
    return (int16_t)best;
}

// factor [steps]: times the common share; NULL: 1.
static void set_shares(const struct candidate_task *task, double share, const double *factor,
                       int16_t *choices)
{
    for (int step = 0; step < task->steps; step++) {
        choices[step] = nearest(task, step, factor != NULL ? share * factor[step] : share);
    }
}

// The largest share that holds; with share 0 every step is at its least, which always does.
static void largest_share(const struct candidate_space *space, int task, const double *factor,
                          int16_t *choices)
{
    int low = 0, high = SHARES + 1; // low holds, high does not
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        set_shares(&space->tasks[task], (double)middle / SHARES, factor, choices);
        if (holds(space, task, choices)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    set_shares(&space->tasks[task], (double)low / SHARES, factor, choices);
}

void candidate_uniform(const struct candidate_space *space, int task, int16_t *choices)
{
    largest_share(space, task, NULL, choices);
}

void candidate_near_uniform(const struct candidate_space *space, int task, double deviation,
                            struct rng *rng, int16_t *choices)
{
    double factor[TICKET_MOST_GIVEN];
    for (int step = 0; step < space->tasks[task].steps; step++) {
        factor[step] = exp(deviation * (double)rng_normal(rng));
    }
    largest_share(space, task, factor, choices);
    candidate_fill(space, task, rng, choices);
}

void candidate_random(const struct candidate_space *space, int task, struct rng *rng,
                      int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    int32_t order[TICKET_MOST_GIVEN];
    for (int i = 0; i < t->steps; i++) {
        order[i] = i;
        choices[i] = 0;
    }
    rng_shuffle(rng, order, (size_t)t->steps);
    for (int i = 0; i < t->steps; i++) {
        int16_t *choice = &choices[order[i]];
        int low = 0, high = t->n_choices[order[i]];
        while (high - low > 1) {
            const int middle = low + (high - low) / 2;
            *choice = (int16_t)middle;
            if (holds(space, task, choices)) {
                low = middle;
            } else {
                high = middle;
            }
        }
        *choice = (int16_t)rng_below(rng, (uint32_t)low + 1);
    }
}

void candidate_shrink(const struct candidate_space *space, int task, struct rng *rng,
                      int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    while (!holds(space, task, choices)) {
        int left = 0;
        for (int i = 0; i < t->steps; i++) {
            left += choices[i] > 0;
        }
        CHECK(left > 0);
        int skip = (int)rng_below(rng, (uint32_t)left), step = 0;
        while (choices[step] == 0 || skip-- > 0) {
            step++;
        }
        choices[step]--;
    }
}

void candidate_fill(const struct candidate_space *space, int task, struct rng *rng,
                    int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    for (int i = 0; i < 2 * t->steps; i++) {
        const int step = (int)rng_below(rng, (uint32_t)t->steps);
        if (choices[step] + 1 < t->n_choices[step]) {
            choices[step]++;
            choices[step] = (int16_t)(choices[step] - (holds(space, task, choices) ? 0 : 1));
        }
    }
}

void candidate_mutate(const struct candidate_space *space, int task, struct rng *rng,
                      const int16_t *from, int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    memmove(choices, from, (size_t)t->steps * sizeof *choices);
    const int changes = 1 + (int)rng_below(rng, MOST_CHANGES);
    for (int i = 0; i < changes; i++) {
        const int step = (int)rng_below(rng, (uint32_t)t->steps);
        const int move = 1 + (int)rng_below(rng, MOST_MOVE);
        const int moved = rng_below(rng, 2) == 0 ? choices[step] - move : choices[step] + move;
        const int most = t->n_choices[step] - 1;
        choices[step] = (int16_t)(moved < 0 ? 0 : moved < most ? moved : most);
    }
    candidate_shrink(space, task, rng, choices);
}
