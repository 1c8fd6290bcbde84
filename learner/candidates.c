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

enum { SHARES = 1024, MOST_CHANGES = 3, MOST_MOVE = 4, WHOLE_TRIES = 64 };

static bool holds(const struct candidate_space *space, int task, const int16_t *choices)
{
    return space->holds(space->context, task, choices);
}

bool candidate_is_categorical(const struct candidate_task *task, int step)
{
    return task->categorical != NULL && task->categorical[step];
}

int candidate_categorical_steps(const struct candidate_task *task)
{
    int n = 0;
    for (int step = 0; step < task->steps; step++) {
        n += candidate_is_categorical(task, step) ? 1 : 0;
    }
    return n;
}

static int16_t least_of(const struct candidate_task *task, int step)
{
    return (int16_t)(task->least != NULL ? task->least[step] : 0);
}

void candidate_canonical(const struct candidate_space *space, int task, int16_t *choices)
{
    if (space->canonical != NULL) {
        space->canonical(space->context, task, choices);
    }
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

// A choice of a categorical step that uses less of the budget, any of them; the least where no
// other does.
static int16_t draw_cheaper(const struct candidate_space *space, int task, int step,
                            struct rng *rng, int16_t *choices)
{
    const int16_t before = choices[step];
    const double use = space->use(space->context, task, choices);
    int16_t drawn = least_of(&space->tasks[task], step);
    uint32_t n = 0;
    for (int i = 0; i < space->tasks[task].n_choices[step]; i++) {
        choices[step] = (int16_t)i;
        if (space->use(space->context, task, choices) < use && rng_below(rng, ++n) == 0) {
            drawn = (int16_t)i;
        }
    }
    choices[step] = before;
    return drawn;
}

// candidate_shrink, but for the canonical form. False: nothing is left to lower, which is so only
// where not all candidates are there that cost little enough.
static bool lower(const struct candidate_space *space, int task, struct rng *rng, int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    while (!holds(space, task, choices)) {
        int left = 0;
        for (int i = 0; i < t->steps; i++) {
            left += choices[i] != least_of(t, i);
        }
        if (left == 0) {
            return false;
        }
        int skip = (int)rng_below(rng, (uint32_t)left), step = 0;
        while (choices[step] == least_of(t, step) || skip-- > 0) {
            step++;
        }
        if (candidate_is_categorical(t, step)) {
            choices[step] = draw_cheaper(space, task, step, rng, choices);
        } else {
            choices[step]--;
        }
    }
    return true;
}

// Uniform over the choices of a categorical step that hold.
static int16_t draw_among(const struct candidate_space *space, int task, int step, struct rng *rng,
                          int16_t *choices)
{
    const int n_choices = space->tasks[task].n_choices[step];
    const int16_t before = choices[step];
    int16_t drawn = before;
    uint32_t n = 0;
    for (int i = 0; i < n_choices; i++) {
        choices[step] = (int16_t)i;
        if (holds(space, task, choices) && rng_below(rng, ++n) == 0) {
            drawn = (int16_t)i;
        }
    }
    choices[step] = before;
    return drawn;
}

// Uniform over the choices of an ordered step that hold: the least and those up to a highest.
static int16_t draw_up_to(const struct candidate_space *space, int task, int step, struct rng *rng,
                          int16_t *choices)
{
    int low = 0, high = space->tasks[task].n_choices[step];
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        choices[step] = (int16_t)middle;
        if (holds(space, task, choices)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (int16_t)rng_below(rng, (uint32_t)low + 1);
}

static bool draw_whole(const struct candidate_space *space, int task, struct rng *rng,
                       int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    for (int i = 0; i < WHOLE_TRIES; i++) {
        for (int step = 0; step < t->steps; step++) {
            choices[step] = (int16_t)rng_below(rng, (uint32_t)t->n_choices[step]);
        }
        if (holds(space, task, choices)) {
            return true;
        }
    }
    return false;
}

void candidate_random(const struct candidate_space *space, int task, struct rng *rng,
                      int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    int32_t order[TICKET_MOST_GIVEN];
    if (candidate_categorical_steps(t) > 0 && draw_whole(space, task, rng, choices)) {
        candidate_canonical(space, task, choices);
        return;
    }
    for (int i = 0; i < t->steps; i++) {
        order[i] = i;
        choices[i] = least_of(t, i);
    }
    rng_shuffle(rng, order, (size_t)t->steps);
    for (int i = 0; i < t->steps; i++) {
        const int step = order[i];
        choices[step] = candidate_is_categorical(t, step)
                            ? draw_among(space, task, step, rng, choices)
                            : draw_up_to(space, task, step, rng, choices);
    }
    candidate_canonical(space, task, choices);
}

// Where shares are no measure of a categorical step, its choice stays; NULL: it goes by them too.
struct sharing {
    const double *factor;  // [steps] times the common share; NULL: 1
    const int16_t *others; // [steps] choices of categorical steps
};

static void set_shares(const struct candidate_task *task, double share,
                       const struct sharing *sharing, int16_t *choices)
{
    for (int step = 0; step < task->steps; step++) {
        const double factor = sharing->factor != NULL ? sharing->factor[step] : 1.0;
        if (candidate_is_categorical(task, step) && sharing->others != NULL) {
            choices[step] = sharing->others[step];
        } else {
            choices[step] =
                share > 0.0 ? nearest(task, step, share * factor) : least_of(task, step);
        }
    }
}

// The largest share that holds; the caller sees to it that share 0, the least of every step that
// goes by shares, does.
static void largest_share(const struct candidate_space *space, int task,
                          const struct sharing *sharing, int16_t *choices)
{
    int low = 0, high = SHARES + 1; // low holds, high does not
    while (high - low > 1) {
        const int middle = low + (high - low) / 2;
        set_shares(&space->tasks[task], (double)middle / SHARES, sharing, choices);
        if (holds(space, task, choices)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    set_shares(&space->tasks[task], (double)low / SHARES, sharing, choices);
}

void candidate_uniform(const struct candidate_space *space, int task, int16_t *choices)
{
    largest_share(space, task, &(struct sharing){0}, choices);
    if (!holds(space, task, choices)) { // not all candidates are there
        struct rng rng = rng_make(0, RNG_START, (uint64_t)task, 0);
        candidate_random(space, task, &rng, choices);
    }
    candidate_canonical(space, task, choices);
}

void candidate_near_uniform(const struct candidate_space *space, int task, double deviation,
                            struct rng *rng, int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    double factor[TICKET_MOST_GIVEN] = {0};
    int16_t others[TICKET_MOST_GIVEN];
    for (int step = 0; step < t->steps; step++) {
        if (candidate_is_categorical(t, step)) {
            factor[step] = 1.0;
            others[step] = (int16_t)rng_below(rng, (uint32_t)t->n_choices[step]);
        } else {
            factor[step] = exp(deviation * (double)rng_normal(rng));
            others[step] = least_of(t, step);
        }
    }
    // Only categorical steps are above their least there.
    if (candidate_categorical_steps(t) == t->steps || !lower(space, task, rng, others)) {
        candidate_random(space, task, rng, choices);
        return;
    }
    largest_share(space, task, &(struct sharing){factor, others}, choices);
    candidate_fill(space, task, rng, choices);
}

void candidate_shrink(const struct candidate_space *space, int task, struct rng *rng,
                      int16_t *choices)
{
    if (lower(space, task, rng, choices)) {
        candidate_canonical(space, task, choices);
    } else {
        candidate_random(space, task, rng, choices);
    }
}

void candidate_fill(const struct candidate_space *space, int task, struct rng *rng,
                    int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    for (int i = 0; i < 2 * t->steps; i++) {
        const int step = (int)rng_below(rng, (uint32_t)t->steps);
        if (choices[step] + 1 < t->n_choices[step] && !candidate_is_categorical(t, step)) {
            choices[step]++;
            choices[step] = (int16_t)(choices[step] - (holds(space, task, choices) ? 0 : 1));
        }
    }
    candidate_canonical(space, task, choices);
}

static int16_t draw_other(const struct candidate_task *task, int step, struct rng *rng, int choice)
{
    const int drawn = (int)rng_below(rng, (uint32_t)task->n_choices[step] - 1);
    return (int16_t)(drawn < choice ? drawn : drawn + 1);
}

static int16_t draw_near(const struct candidate_task *task, int step, struct rng *rng, int choice)
{
    const int move = 1 + (int)rng_below(rng, MOST_MOVE);
    const int moved = rng_below(rng, 2) == 0 ? choice - move : choice + move;
    const int most = task->n_choices[step] - 1;
    return (int16_t)(moved < 0 ? 0 : moved < most ? moved : most);
}

static void change_steps(const struct candidate_space *space, int task, struct rng *rng,
                         int changes, const int16_t *from, int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    memmove(choices, from, (size_t)t->steps * sizeof *choices);
    for (int i = 0; i < changes; i++) {
        const int step = (int)rng_below(rng, (uint32_t)t->steps);
        choices[step] = candidate_is_categorical(t, step) && t->n_choices[step] > 1
                            ? draw_other(t, step, rng, choices[step])
                            : draw_near(t, step, rng, choices[step]);
    }
    candidate_shrink(space, task, rng, choices);
}

void candidate_mutate(const struct candidate_space *space, int task, struct rng *rng,
                      const int16_t *from, int16_t *choices)
{
    change_steps(space, task, rng, 1 + (int)rng_below(rng, MOST_CHANGES), from, choices);
}

void candidate_cross(const struct candidate_space *space, int task, struct rng *rng,
                     const int16_t *one, const int16_t *other, int16_t *choices)
{
    for (int step = 0; step < space->tasks[task].steps; step++) {
        choices[step] = rng_below(rng, 2) == 0 ? one[step] : other[step];
    }
    candidate_shrink(space, task, rng, choices);
}

void candidate_change_one(const struct candidate_space *space, int task, struct rng *rng,
                          const int16_t *from, int16_t *choices)
{
    change_steps(space, task, rng, 1, from, choices);
}

// Neighbours of a step: all other choices where it is categorical, else the next ones.
static int n_neighbours(const struct candidate_task *task, int step)
{
    return candidate_is_categorical(task, step) ? task->n_choices[step] - 1 : 2;
}

int candidate_neighbours(const struct candidate_task *task)
{
    int n = 0;
    for (int step = 0; step < task->steps; step++) {
        n += n_neighbours(task, step);
    }
    return n;
}

bool candidate_neighbour(const struct candidate_space *space, int task, int number, struct rng *rng,
                         const int16_t *from, int16_t *choices)
{
    const struct candidate_task *t = &space->tasks[task];
    int step = 0;
    for (; number >= n_neighbours(t, step); step++) {
        number -= n_neighbours(t, step);
    }
    const int other = candidate_is_categorical(t, step)
                          ? (number < from[step] ? number : number + 1)
                          : from[step] + (number == 0 ? -1 : 1);
    memmove(choices, from, (size_t)t->steps * sizeof *choices);
    if (other < 0 || other >= t->n_choices[step]) {
        return false;
    }
    choices[step] = (int16_t)other;
    if (!lower(space, task, rng, choices)) {
        return false;
    }
    candidate_canonical(space, task, choices);
    return memcmp(choices, from, (size_t)t->steps * sizeof *choices) != 0;
}
