#include "learner/methods/combination.h"

#include "learner/candidates.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 4 }; // of linear costs

enum status combination_open(const struct candidate_space *space, struct arena *arena,
                             struct combination *out)
{
    int most_steps = 0, most_choices = 0;
    for (int task = 0; task < space->n_tasks; task++) {
        const struct candidate_task *t = &space->tasks[task];
        most_steps = t->steps > most_steps ? t->steps : most_steps;
        for (int step = 0; step < t->steps; step++) {
            most_choices = t->n_choices[step] > most_choices ? t->n_choices[step] : most_choices;
        }
    }
    out->space = space;
    return knapsack_open(most_steps, most_choices, arena, &out->knapsack);
}

static size_t place_of(const struct combination *c, int step, int choice)
{
    return (size_t)step * (size_t)c->knapsack.most_choices + (size_t)choice;
}

double combination_loss(const struct combination *c, int task, const int16_t *choices)
{
    double sum = 0.0;
    for (int step = 0; step < c->space->tasks[task].steps; step++) {
        sum += c->knapsack.loss[place_of(c, step, choices[step])];
    }
    return sum;
}

// Costs of all choices with the other steps as in `around`, above those of the least choice, as
// shares of the budget; returns what all of them may use together.
static double make_costs(struct combination *c, int task, const int16_t *around)
{
    const struct candidate_space *space = c->space;
    const struct candidate_task *t = &space->tasks[task];
    const double use = space->use(space->context, task, around);
    int16_t choices[TICKET_MOST_GIVEN];
    double left = 1.0 - use;
    memcpy(choices, around, (size_t)t->steps * sizeof *choices);
    for (int step = 0; step < t->steps; step++) {
        choices[step] = 0;
        const double least = space->use(space->context, task, choices);
        for (int i = 0; i < t->n_choices[step]; i++) {
            choices[step] = (int16_t)i;
            const double more = space->use(space->context, task, choices) - least;
            c->knapsack.cost[place_of(c, step, i)] = fmax(more, 0.0);
        }
        choices[step] = around[step];
        left += use - least;
    }
    return left;
}

// Damage saved per cost when a step goes from one choice to the next.
static double gain_of(const struct combination *c, int step, int choice)
{
    const size_t at = place_of(c, step, choice);
    const double cost = c->knapsack.cost[at + 1] - c->knapsack.cost[at];
    return (c->knapsack.loss[at] - c->knapsack.loss[at + 1]) / fmax(cost, 1e-9);
}

static void repair(const struct combination *c, int task, int16_t *choices)
{
    const struct candidate_space *space = c->space;
    while (!space->holds(space->context, task, choices)) {
        int worst = -1;
        for (int step = 0; step < space->tasks[task].steps; step++) {
            if (choices[step] > 0 && (worst < 0 || gain_of(c, step, choices[step] - 1) <
                                                       gain_of(c, worst, choices[worst] - 1))) {
                worst = step;
            }
        }
        CHECK(worst >= 0);
        choices[worst]--;
    }
}

static void fill(const struct combination *c, int task, int16_t *choices)
{
    const struct candidate_space *space = c->space;
    const struct candidate_task *t = &space->tasks[task];
    bool full[TICKET_MOST_GIVEN] = {false};
    for (;;) {
        int best = -1;
        for (int step = 0; step < t->steps; step++) {
            if (!full[step] && choices[step] + 1 < t->n_choices[step] &&
                (best < 0 || gain_of(c, step, choices[step]) > gain_of(c, best, choices[best]))) {
                best = step;
            }
        }
        if (best < 0) {
            return;
        }
        choices[best]++;
        if (!space->holds(space->context, task, choices)) {
            choices[best]--;
            full[best] = true;
        }
    }
}

void combination_find(struct combination *c, int task, int16_t *choices)
{
    const struct candidate_task *t = &c->space->tasks[task];
    const size_t bytes = (size_t)t->steps * sizeof *choices;
    int16_t around[TICKET_MOST_GIVEN], found[TICKET_MOST_GIVEN];
    candidate_uniform(c->space, task, around);
    memcpy(choices, around, bytes);
    for (int round = 0; round < ROUNDS; round++) {
        const double limit = make_costs(c, task, around);
        knapsack_solve(&c->knapsack, t->steps, t->n_choices, limit, found);
        repair(c, task, found);
        fill(c, task, found);
        if (combination_loss(c, task, found) < combination_loss(c, task, choices)) {
            memcpy(choices, found, bytes);
        }
        if (memcmp(found, around, bytes) == 0) {
            return;
        }
        memcpy(around, found, bytes);
    }
}
