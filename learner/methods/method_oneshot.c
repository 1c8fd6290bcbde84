// One-shot pruning, no search: what the environment suggests unasked (the same share of everything,
// all channels ranked once by some criterion), each tried once.
#include "core/arena.h"
#include "learner/methods/method_simple.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SUGGESTED = 64 }; // per task

struct oneshot {
    struct method base;
    struct arena arena;
    const struct candidate_space *space; // borrowed
    int n_tasks, most_steps;
    int *n;             // [n_tasks] different suggestions, the same on every open; so is the next
    int16_t *suggested; // [n_tasks][MOST_SUGGESTED][most_steps]
    int32_t *given;     // [n_tasks][MOST_SUGGESTED] times handed out
    int32_t *answered;  // [n_tasks][MOST_SUGGESTED] 1: came back, or to nothing
};

static size_t place_of(int task, int number)
{
    return (size_t)task * MOST_SUGGESTED + (size_t)number;
}

static int16_t *suggested_at(const struct oneshot *o, int task, int number)
{
    return o->suggested + place_of(task, number) * (size_t)o->most_steps;
}

// The number of a suggestion, -1 when it is none of the first n.
static int find(const struct oneshot *o, int task, int n, const int16_t *choices)
{
    const size_t bytes = (size_t)o->space->tasks[task].steps * sizeof *choices;
    for (int i = 0; i < n; i++) {
        if (memcmp(suggested_at(o, task, i), choices, bytes) == 0) {
            return i;
        }
    }
    return -1;
}

static void list_suggestions(struct oneshot *o, int task)
{
    int n = 0;
    for (int number = 0; n < MOST_SUGGESTED; number++) {
        int16_t *choices = suggested_at(o, task, n);
        if (!o->space->suggest(o->space->context, task, number, choices)) {
            break;
        }
        n += find(o, task, n, choices) < 0 ? 1 : 0;
    }
    o->n[task] = n;
}

static enum status open_parts(struct oneshot *o)
{
    const size_t n = (size_t)o->n_tasks;
    ARENA_NEW(&o->arena, o->n, n);
    ARENA_NEW(&o->arena, o->suggested, n * MOST_SUGGESTED * (size_t)o->most_steps);
    ARENA_NEW(&o->arena, o->given, n * MOST_SUGGESTED);
    ARENA_NEW(&o->arena, o->answered, n * MOST_SUGGESTED);
    for (int task = 0; task < o->n_tasks; task++) {
        list_suggestions(o, task);
        CHECK(o->n[task] > 0);
    }
    return OK;
}

static void oneshot_close(struct method *method)
{
    struct oneshot *o = (struct oneshot *)method;
    if (o != NULL) {
        arena_close(&o->arena);
        free(o);
    }
}

static enum status oneshot_open(const struct method_job *job, struct method **out)
{
    TRY(method_wants_space(job, "oneshot"));
    struct oneshot *o = calloc(1, sizeof *o);
    if (o == NULL) {
        FAIL(ERR_MEMORY, "no memory for one-shot pruning");
    }
    o->base.ops = &method_oneshot;
    o->space = job->space;
    o->n_tasks = job->n_tasks;
    o->most_steps = job->shape->rows - 1;
    if (open_parts(o) != OK) {
        oneshot_close(&o->base);
        return ERR_MEMORY;
    }
    *out = &o->base;
    return OK;
}

// The first one that was handed out least of those without an answer; of all when all have one.
static void oneshot_propose(struct method *method, struct ticket *ticket)
{
    struct oneshot *o = (struct oneshot *)method;
    const int task = ticket->task;
    int best = 0;
    for (int i = 1; i < o->n[task]; i++) {
        const size_t at = place_of(task, i), before = place_of(task, best);
        const int sooner = o->answered[at] - o->answered[before];
        if (sooner < 0 || (sooner == 0 && o->given[at] < o->given[before])) {
            best = i;
        }
    }
    o->given[place_of(task, best)]++;
    ticket->source = ACTIONS_GIVEN;
    ticket->n_given = o->space->tasks[task].steps;
    memcpy(ticket->given, suggested_at(o, task, best),
           (size_t)ticket->n_given * sizeof *ticket->given);
}

static void answer(struct oneshot *o, int task, const int16_t *choices)
{
    const int number = find(o, task, o->n[task], choices);
    if (number >= 0) {
        o->answered[place_of(task, number)] = 1;
    }
}

static enum status oneshot_take(struct method *method, const struct trajectory *t, bool fresh)
{
    (void)fresh;
    int16_t choices[TICKET_MOST_GIVEN];
    for (int i = 0; i < trajectory_steps(t); i++) {
        choices[i] = (int16_t)t->action[i];
    }
    answer((struct oneshot *)method, t->header->task, choices);
    return OK;
}

static void oneshot_lost(struct method *method, const struct ticket *ticket)
{
    answer((struct oneshot *)method, ticket->task, ticket->given);
}

static bool oneshot_finished(const struct method *method, int task)
{
    const struct oneshot *o = (const struct oneshot *)method;
    int answered = 0;
    for (int i = 0; i < o->n[task]; i++) {
        answered += o->answered[place_of(task, i)];
    }
    return answered == o->n[task];
}

static enum status oneshot_state(struct method *method, struct state_list *list)
{
    struct oneshot *o = (struct oneshot *)method;
    const size_t n = (size_t)o->n_tasks * MOST_SUGGESTED;
    state_list_add_within(list, "oneshot.given", HDF5_I32, n, o->given, 0, 1 << 30);
    state_list_add_within(list, "oneshot.answered", HDF5_I32, n, o->answered, 0, 1);
    return OK;
}

const struct method_ops method_oneshot = {
    .name = "oneshot",
    .own_start = true,
    .open = oneshot_open,
    .propose = oneshot_propose,
    .take = oneshot_take,
    .lost = oneshot_lost,
    .update = method_no_update,
    .weights = method_no_weights,
    .state = oneshot_state,
    .save = method_no_save,
    .load = method_no_load,
    .close = oneshot_close,
    .finished = oneshot_finished,
};
