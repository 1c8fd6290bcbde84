// Evolution: the best of a random sample of the population is changed in a few steps.
//
// Where the candidates are known, a task's population are the best of all that tasks of its model
// have found within its budget; what is left of the budget of every second child is used up. Where
// they are not, or have categorical steps, it is regularised evolution (Real et al. 2019): the
// oldest of the population dies, not the worst. Populations start with the task's first candidates
// and random ones, and only candidates that are new join, so all members differ.
#include "learner/candidates.h"
#include "learner/methods/method_simple.h"
#include "learner/methods/mutation.h"
#include "learner/methods/trials.h"

#include <stdlib.h>
#include <string.h>

enum {
    MUTATION_TRIES = 8,
    USUAL = 60,       // members
    USUAL_KNOWN = 8,  // with a space
    USUAL_AGING = 25, // with a space of categorical steps
    SAMPLE = 6,
    SAMPLE_AGING = 5
};

struct evolution {
    struct method base;
    struct arena arena;
    uint64_t seed;
    int n_tasks, population, sample, most_steps;
    bool known; // there is a space: trials and best are in use, what follows them is not
    bool aging; // ... and it has categorical steps
    struct trials trials;
    int *best;        // [population] scratch
    int32_t *joined;  // [n_tasks] members so far; member i lives at i modulo population
    double *scores;   // [n_tasks][population]
    int32_t *steps;   // [n_tasks][population]
    int32_t *actions; // [n_tasks][population][most_steps]
    int32_t *choices; // [n_tasks][population][most_steps] how many each step had
};

static size_t member_at(const struct evolution *e, int task, int member)
{
    return (size_t)task * (size_t)e->population + (size_t)member;
}

static struct genome genome_at(const struct evolution *e, int task, int member)
{
    const size_t at = member_at(e, task, member);
    return (struct genome){.steps = e->steps[at],
                           .actions = e->actions + at * (size_t)e->most_steps,
                           .choices = e->choices + at * (size_t)e->most_steps};
}

static int members(const struct evolution *e, int task)
{
    return e->joined[task] < e->population ? e->joined[task] : e->population;
}

static enum status allocate(struct evolution *e, const struct method_job *job)
{
    const size_t n = (size_t)e->n_tasks * (size_t)e->population;
    if (e->known) {
        ARENA_NEW(&e->arena, e->best, (size_t)e->population);
        return trials_open(job, &e->arena, &e->trials);
    }
    ARENA_NEW(&e->arena, e->joined, (size_t)e->n_tasks);
    ARENA_NEW(&e->arena, e->scores, n);
    ARENA_NEW(&e->arena, e->steps, n);
    ARENA_NEW(&e->arena, e->actions, n * (size_t)e->most_steps);
    ARENA_NEW(&e->arena, e->choices, n * (size_t)e->most_steps);
    return OK;
}

static void evolution_close(struct method *method)
{
    struct evolution *e = (struct evolution *)method;
    if (e != NULL) {
        arena_close(&e->arena);
        free(e);
    }
}

static int at_most(int value, int most)
{
    return value < most ? value : most;
}

static bool has_categorical_steps(const struct candidate_space *space)
{
    bool has = false;
    for (int task = 0; task < space->n_tasks; task++) {
        has = has || candidate_categorical_steps(&space->tasks[task]) > 0;
    }
    return has;
}

static enum status evolution_open(const struct method_job *job, struct method **out)
{
    const int most_steps = job->shape->rows - 1;
    if (most_steps > TICKET_MOST_GIVEN) {
        FAIL(ERR_UNSUPPORTED, "search.method \"evolution\": episodes of %d steps, at most %d",
             most_steps, TICKET_MOST_GIVEN);
    }
    struct evolution *e = calloc(1, sizeof *e);
    if (e == NULL) {
        FAIL(ERR_MEMORY, "no memory for evolution");
    }
    const int third = job->search->evaluations / 3;
    e->base.ops = &method_evolution;
    e->seed = job->seed;
    e->n_tasks = job->n_tasks;
    e->known = job->space != NULL;
    e->aging = e->known && has_categorical_steps(job->space);
    const int usual = e->aging ? USUAL_AGING : e->known ? USUAL_KNOWN : USUAL;
    const int usual_sample = e->aging ? SAMPLE_AGING : SAMPLE;
    const int wanted = job->search->population > 0 ? job->search->population : usual;
    e->population = at_most(wanted, third > 1 ? third : 1);
    e->sample =
        at_most(job->search->sample > 0 ? job->search->sample : usual_sample, e->population);
    e->most_steps = most_steps;
    if (allocate(e, job) != OK) {
        evolution_close(&e->base);
        return ERR_MEMORY;
    }
    *out = &e->base;
    return OK;
}

// The best of `sample` members drawn with replacement; ties go to the one drawn first.
static struct genome choose_parent(const struct evolution *e, int task, struct rng *rng)
{
    int best = -1;
    for (int i = 0; i < e->sample; i++) {
        const int member = (int)rng_below(rng, (uint32_t)members(e, task));
        if (best < 0 ||
            e->scores[member_at(e, task, member)] > e->scores[member_at(e, task, best)]) {
            best = member;
        }
    }
    return genome_at(e, task, best);
}

static bool is_member(const struct evolution *e, int task, const int16_t *given, int n)
{
    for (int member = 0; member < members(e, task); member++) {
        const struct genome genome = genome_at(e, task, member);
        bool same = genome.steps == n;
        for (int i = 0; i < n && same; i++) {
            same = genome.actions[i] == given[i];
        }
        if (same) {
            return true;
        }
    }
    return false;
}

// The newest trials that are candidates of the task, newest first, into best [population].
static int find_newest(const struct evolution *e, int task)
{
    int n = 0;
    for (int i = *e->trials.n - 1; i >= 0 && n < e->population; i--) {
        if (trials_holds(&e->trials, i, task)) {
            e->best[n++] = i;
        }
    }
    return n;
}

// Of a sample of the members, drawn with replacement, the best one's number. Unless they age they
// are in order.
static int draw_parent(const struct evolution *e, int n, struct rng *rng)
{
    int parent = -1;
    for (int i = 0; i < e->sample; i++) {
        const int drawn = (int)rng_below(rng, (uint32_t)n);
        const double *reward = e->trials.reward;
        const bool better =
            parent < 0 ||
            (e->aging ? reward[e->best[drawn]] > reward[e->best[parent]] : drawn < parent);
        parent = better ? drawn : parent;
    }
    return parent;
}

static void propose_known(struct evolution *e, struct ticket *ticket)
{
    const struct candidate_space *space = e->trials.space;
    const int task = ticket->task;
    const int n =
        e->aging ? find_newest(e, task) : trials_best(&e->trials, task, e->population, e->best);
    struct rng rng = rng_make(e->seed, RNG_PROPOSE, (uint64_t)ticket->episode, 0);
    const bool filled = rng_below(&rng, 2) == 0;
    if (n < e->population) {
        candidate_random(space, task, &rng, ticket->given);
        if (filled) {
            candidate_fill(space, task, &rng, ticket->given);
        }
    } else {
        const int parent = draw_parent(e, n, &rng);
        trials_vary(&e->trials, task, &rng, trials_choices(&e->trials, e->best[parent]), filled,
                    ticket->given);
    }
    // Operations are few enough to come up again.
    for (int i = 0; i < MUTATION_TRIES && e->aging && trials_known(&e->trials, task, ticket->given);
         i++) {
        candidate_random(space, task, &rng, ticket->given);
    }
    trials_propose(&e->trials, ticket->given, ticket);
}

static void evolution_propose(struct method *method, struct ticket *ticket)
{
    struct evolution *e = (struct evolution *)method;
    if (e->known) {
        propose_known(e, ticket);
        return;
    }
    if (e->joined[ticket->task] < e->population) {
        ticket->source = ACTIONS_RANDOM;
        return;
    }
    struct rng rng = rng_make(e->seed, RNG_PROPOSE, (uint64_t)ticket->episode, 0);
    ticket->source = ACTIONS_GIVEN;
    for (int i = 0; i < MUTATION_TRIES; i++) {
        const struct genome parent = choose_parent(e, ticket->task, &rng);
        mutation_draw(&parent, &rng, ticket->given);
        ticket->n_given = parent.steps;
        if (!is_member(e, ticket->task, ticket->given, ticket->n_given)) {
            break; // the wall may still turn it into a known one
        }
    }
}

static enum status evolution_take(struct method *method, const struct trajectory *t, bool fresh)
{
    struct evolution *e = (struct evolution *)method;
    const int task = t->header->task;
    const int steps = trajectory_steps(t);
    if (e->known) {
        trials_take(&e->trials, t, fresh);
        return OK;
    }
    if (!fresh || steps == 0) {
        return OK;
    }
    const size_t at = member_at(e, task, e->joined[task]++ % e->population);
    const size_t bytes = (size_t)steps * sizeof *t->action;
    e->scores[at] = trajectory_worth(t);
    e->steps[at] = steps;
    memcpy(e->actions + at * (size_t)e->most_steps, t->action, bytes);
    memcpy(e->choices + at * (size_t)e->most_steps, t->choices, bytes);
    return OK;
}

static enum status evolution_state(struct method *method, struct state_list *list)
{
    struct evolution *e = (struct evolution *)method;
    const size_t n = (size_t)e->n_tasks * (size_t)e->population;
    const size_t steps = n * (size_t)e->most_steps;
    if (e->known) {
        trials_state(&e->trials, list);
        return OK;
    }
    state_list_add_within(list, "evolution.joined", HDF5_I32, (size_t)e->n_tasks, e->joined, 0,
                          1 << 30);
    state_list_add(list, "evolution.scores", HDF5_F64, n, e->scores);
    state_list_add_within(list, "evolution.steps", HDF5_I32, n, e->steps, 0, e->most_steps);
    state_list_add_within(list, "evolution.actions", HDF5_I32, steps, e->actions, 0, INT16_MAX);
    state_list_add_within(list, "evolution.choices", HDF5_I32, steps, e->choices, 0, INT16_MAX);
    return OK;
}

static enum status check_genome(const struct evolution *e, int task, int member)
{
    const struct genome genome = genome_at(e, task, member);
    bool fits = genome.steps >= 1;
    for (int i = 0; i < genome.steps; i++) {
        fits = fits && genome.actions[i] >= 0 && genome.actions[i] < genome.choices[i];
    }
    if (!fits) {
        FAIL(ERR_INPUT,
             "member %d of task %d has no steps, or actions that its steps do not have; use an "
             "older checkpoint",
             member, task);
    }
    return OK;
}

static enum status evolution_load(struct method *method)
{
    struct evolution *e = (struct evolution *)method;
    if (e->known) {
        return trials_load(&e->trials);
    }
    for (int task = 0; task < e->n_tasks; task++) {
        for (int member = 0; member < members(e, task); member++) {
            TRY(check_genome(e, task, member));
        }
    }
    return OK;
}

const struct method_ops method_evolution = {
    .name = "evolution",
    .open = evolution_open,
    .propose = evolution_propose,
    .take = evolution_take,
    .update = method_no_update,
    .weights = method_no_weights,
    .state = evolution_state,
    .save = method_no_save,
    .load = evolution_load,
    .close = evolution_close,
};
