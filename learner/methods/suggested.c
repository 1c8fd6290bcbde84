#include "learner/methods/suggested.h"

#include "core/arena.h"
#include "learner/methods/method_simple.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SUGGESTED = 64 }; // per task

struct suggested {
    struct method base;
    struct arena arena;
    const struct candidate_space *space; // borrowed
    int n_tasks, most_steps;
    int most;           // suggestions of a task that are tried
    int *n;             // [n_tasks] different suggestions, the same on every open; so is the next
    int16_t *suggested; // [n_tasks][MOST_SUGGESTED][most_steps]
    int32_t *given;     // [n_tasks][MOST_SUGGESTED] times handed out
    int32_t *answered;  // [n_tasks][MOST_SUGGESTED] 1: came back, or to nothing
};

static size_t place_of(int task, int number)
{
    return (size_t)task * MOST_SUGGESTED + (size_t)number;
}

static int16_t *suggested_at(const struct suggested *s, int task, int number)
{
    return s->suggested + place_of(task, number) * (size_t)s->most_steps;
}

// The number of a suggestion, -1 when it is none of the first n.
static int find(const struct suggested *s, int task, int n, const int16_t *choices)
{
    const size_t bytes = (size_t)s->space->tasks[task].steps * sizeof *choices;
    for (int i = 0; i < n; i++) {
        if (memcmp(suggested_at(s, task, i), choices, bytes) == 0) {
            return i;
        }
    }
    return -1;
}

static void list_suggestions(struct suggested *s, int task)
{
    int n = 0;
    for (int number = 0; n < s->most; number++) {
        int16_t *choices = suggested_at(s, task, n);
        if (!s->space->suggest(s->space->context, task, number, choices)) {
            break;
        }
        n += find(s, task, n, choices) < 0 ? 1 : 0;
    }
    s->n[task] = n;
}

static enum status open_parts(struct suggested *s)
{
    const size_t n = (size_t)s->n_tasks;
    ARENA_NEW(&s->arena, s->n, n);
    ARENA_NEW(&s->arena, s->suggested, n * MOST_SUGGESTED * (size_t)s->most_steps);
    ARENA_NEW(&s->arena, s->given, n * MOST_SUGGESTED);
    ARENA_NEW(&s->arena, s->answered, n * MOST_SUGGESTED);
    for (int task = 0; task < s->n_tasks; task++) {
        list_suggestions(s, task);
        if (s->n[task] == 0) {
            FAIL(ERR_CONFIG,
                 "search.method \"%s\" tries what the environment suggests, and this one suggests "
                 "nothing; choose another method",
                 s->base.ops->name);
        }
    }
    return OK;
}

void suggested_close(struct method *method)
{
    struct suggested *s = (struct suggested *)method;
    if (s != NULL) {
        arena_close(&s->arena);
        free(s);
    }
}

enum status suggested_open(const struct method_job *job, const struct method_ops *ops, int most,
                           struct method **out)
{
    TRY(method_wants_space(job, ops->name));
    struct suggested *s = calloc(1, sizeof *s);
    if (s == NULL) {
        FAIL(ERR_MEMORY, "no memory for suggestions");
    }
    s->base.ops = ops;
    s->space = job->space;
    s->n_tasks = job->n_tasks;
    s->most_steps = job->shape->rows - 1;
    s->most = most < MOST_SUGGESTED ? most : MOST_SUGGESTED;
    const enum status status = open_parts(s);
    if (status != OK) {
        suggested_close(&s->base);
        return status;
    }
    *out = &s->base;
    return OK;
}

// The first one that was handed out least of those without an answer; of all when all have one.
void suggested_propose(struct method *method, struct ticket *ticket)
{
    struct suggested *s = (struct suggested *)method;
    const int task = ticket->task;
    int best = 0;
    for (int i = 1; i < s->n[task]; i++) {
        const size_t at = place_of(task, i), before = place_of(task, best);
        const int sooner = s->answered[at] - s->answered[before];
        if (sooner < 0 || (sooner == 0 && s->given[at] < s->given[before])) {
            best = i;
        }
    }
    s->given[place_of(task, best)]++;
    ticket->source = ACTIONS_GIVEN;
    ticket->n_given = s->space->tasks[task].steps;
    memcpy(ticket->given, suggested_at(s, task, best),
           (size_t)ticket->n_given * sizeof *ticket->given);
}

static void answer(struct suggested *s, int task, const int16_t *choices)
{
    const int number = find(s, task, s->n[task], choices);
    if (number >= 0) {
        s->answered[place_of(task, number)] = 1;
    }
}

enum status suggested_take(struct method *method, const struct trajectory *t, bool fresh)
{
    (void)fresh;
    int16_t choices[TICKET_MOST_GIVEN];
    for (int i = 0; i < trajectory_steps(t); i++) {
        choices[i] = (int16_t)t->action[i];
    }
    answer((struct suggested *)method, t->header->task, choices);
    return OK;
}

void suggested_lost(struct method *method, const struct ticket *ticket)
{
    answer((struct suggested *)method, ticket->task, ticket->given);
}

bool suggested_finished(const struct method *method, int task)
{
    const struct suggested *s = (const struct suggested *)method;
    int answered = 0;
    for (int i = 0; i < s->n[task]; i++) {
        answered += s->answered[place_of(task, i)];
    }
    return answered == s->n[task];
}

enum status suggested_state(struct method *method, struct state_list *list)
{
    struct suggested *s = (struct suggested *)method;
    const size_t n = (size_t)s->n_tasks * MOST_SUGGESTED;
    state_list_add_within(list, "suggested.given", HDF5_I32, n, s->given, 0, 1 << 30);
    state_list_add_within(list, "suggested.answered", HDF5_I32, n, s->answered, 0, 1);
    return OK;
}
