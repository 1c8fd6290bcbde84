// Where steps are ordered, neighbours are random changes, too many to try all of them, and a climb
// ends when it has been fruitless for long. Categorical steps have few: all neighbours are tried,
// in random order, and then the climb ends.
#include "learner/methods/climb.h"

#include "learner/candidates.h"

static const double restart_deviation = 0.5; // of the logarithm of a step's share
enum {
    PATIENCE = 4, // fruitless neighbours, for each step
    LEAST_PATIENCE = 24,
    RESTART_TRIES = 16 // for a beginning that nobody has tried
};

enum status climb_open(const struct method_job *job, struct trials *trials, struct arena *arena,
                       struct climb *out)
{
    int most = 0;
    for (int task = 0; task < job->n_tasks; task++) {
        const int n = candidate_neighbours(&job->space->tasks[task]);
        most = n > most ? n : most;
    }
    *out = (struct climb){.trials = trials, .n_tasks = job->n_tasks};
    ARENA_NEW(arena, out->began, (size_t)job->n_tasks);
    ARENA_NEW(arena, out->order, (size_t)most);
    return OK;
}

// The best trial of the task's climb, -1 = none; *fruitless: its own ones that came after that.
static int find_current(const struct climb *climb, int task, int *fruitless)
{
    const struct trials *trials = climb->trials;
    int best = -1;
    *fruitless = 0;
    for (int i = 0; i < *trials->n; i++) {
        const bool own = trials->task[i] == task;
        if (trials->episode[i] < climb->began[task] || (!own && climb->began[task] > 0)) {
            continue;
        }
        if ((best < 0 || trials->reward[i] > trials->reward[best]) &&
            trials_holds(trials, i, task)) {
            best = i;
            *fruitless = 0;
        } else {
            *fruitless += own ? 1 : 0;
        }
    }
    return best;
}

// The next neighbour that nobody has tried; false: there is none. *pending: of how many the results
// are still to come.
static bool next_neighbour(const struct climb *climb, uint64_t seed, int task, int current,
                           int *pending, int16_t *choices)
{
    const struct trials *trials = climb->trials;
    const struct candidate_space *space = trials->space;
    const int16_t *from = trials_choices(trials, current);
    const int n = candidate_neighbours(&space->tasks[task]);
    // The order belongs to the candidate, so that no neighbour is favoured.
    struct rng rng = rng_make(seed, RNG_PROPOSE, (uint64_t)trials->episode[current], 1);
    *pending = 0;
    for (int i = 0; i < n; i++) {
        climb->order[i] = i;
    }
    rng_shuffle(&rng, climb->order, (size_t)n);
    for (int i = 0; i < n; i++) {
        if (!candidate_neighbour(space, task, climb->order[i], &rng, from, choices)) {
            continue;
        }
        if (!trials_known(trials, task, choices)) {
            return true;
        }
        *pending += trials_scored(trials, task, choices) ? 0 : 1;
    }
    return false;
}

static void begin_somewhere(const struct climb *climb, int task, struct rng *rng, int16_t *choices)
{
    const struct candidate_space *space = climb->trials->space;
    for (int i = 0; i < RESTART_TRIES; i++) {
        candidate_near_uniform(space, task, restart_deviation, rng, choices);
        if (!trials_known(climb->trials, task, choices)) {
            return;
        }
    }
}

// While the last neighbours' results are to come, other beginnings are tried, but the climb goes
// on: one of them may turn out to be better.
static void propose_listed(struct climb *climb, uint64_t seed, const struct ticket *ticket,
                           struct rng *rng, int16_t *choices)
{
    const int task = ticket->task;
    int fruitless, pending = 0;
    const int current = find_current(climb, task, &fruitless);
    if (current >= 0 && next_neighbour(climb, seed, task, current, &pending, choices)) {
        return;
    }
    const int patience = candidate_neighbours(&climb->trials->space->tasks[task]) + LEAST_PATIENCE;
    if (current >= 0 && (pending == 0 || fruitless >= patience)) {
        climb->began[task] = ticket->episode;
    }
    begin_somewhere(climb, task, rng, choices);
}

void climb_propose(struct climb *climb, uint64_t seed, const struct ticket *ticket,
                   int16_t *choices)
{
    const struct candidate_space *space = climb->trials->space;
    const int task = ticket->task, patience = PATIENCE * space->tasks[task].steps;
    struct rng rng = rng_make(seed, RNG_PROPOSE, (uint64_t)ticket->episode, 0);
    if (candidate_categorical_steps(&space->tasks[task]) > 0) {
        propose_listed(climb, seed, ticket, &rng, choices);
        return;
    }
    int fruitless;
    int current = find_current(climb, task, &fruitless);
    if (current >= 0 && fruitless >= (patience > LEAST_PATIENCE ? patience : LEAST_PATIENCE)) {
        climb->began[task] = ticket->episode;
        current = -1;
    }
    if (current >= 0) {
        trials_vary(climb->trials, task, &rng, trials_choices(climb->trials, current),
                    rng_below(&rng, 2) == 0, choices);
    } else {
        candidate_near_uniform(space, task, restart_deviation, &rng, choices);
    }
}

void climb_state(struct climb *climb, struct state_list *list)
{
    state_list_add_within(list, "local.began", HDF5_I64, (size_t)climb->n_tasks, climb->began, 0,
                          STATE_COUNT_MAX);
}
