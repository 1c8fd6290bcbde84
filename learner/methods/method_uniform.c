// Uniform pruning, the baseline without a search: every group keeps the same share s of its
// channels, one of SHARES. Within the budget are those s that the wall need not change, that is,
// whose episode took exactly the choices that were asked for; the largest of them stands for the
// task, whatever the scores say. A smaller share never costs more, so what is known of some shares
// narrows down where the largest lies. Other environments know no budget: there, s = 1.
//
// Which choice lies nearest to a share is known once one trajectory has shown where the choices
// lie; until then a task's episodes ask for the last choice everywhere, which is s = 1.
#include "core/arena.h"
#include "learner/methods/method_simple.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARES = 256,
    REMEMBERED = 1 << 14, // tickets under way whose share is remembered
};

struct uniform {
    struct method base;
    struct arena arena;
    struct trajectory_shape shape;
    int n_tasks;
    int32_t *rows;     // [n_tasks] steps of an episode, 0 = not known yet
    int32_t *given;    // [n_tasks][SHARES][rows] the choices nearest to each share
    int32_t *kept;     // [n_tasks] number of the largest share that kept the budget, SHARES = none
    int32_t *broken;   // [n_tasks] of the smallest that did not, -1 = none
    int32_t *tries;    // [n_tasks] shares asked for
    int32_t *n_widths; // [n_tasks] of the choice
    int32_t *widths;   // [n_tasks][n_result] what `kept` came to
    int64_t *episodes; // [REMEMBERED] by episode modulo REMEMBERED
    int32_t *shares;   // [REMEMBERED] number of the share it asks for
};

// Shares are numbered from 1 down.
static double share_of(int k)
{
    return 1.0 - (double)k / SHARES;
}

static int32_t *given_of(const struct uniform *u, int task, int k)
{
    return u->given + ((size_t)task * SHARES + (size_t)k) * (size_t)u->shape.rows;
}

static enum status allocate(const struct method_job *job, struct uniform *u)
{
    const size_t n = (size_t)job->n_tasks;
    ARENA_NEW(&u->arena, u->rows, n);
    ARENA_NEW(&u->arena, u->given, n * SHARES * (size_t)job->shape->rows);
    ARENA_NEW(&u->arena, u->kept, n);
    ARENA_NEW(&u->arena, u->broken, n);
    ARENA_NEW(&u->arena, u->tries, n);
    ARENA_NEW(&u->arena, u->n_widths, n);
    ARENA_NEW(&u->arena, u->widths, n * (size_t)job->shape->n_result);
    ARENA_NEW(&u->arena, u->episodes, REMEMBERED);
    ARENA_NEW(&u->arena, u->shares, REMEMBERED);
    for (size_t task = 0; task < n; task++) {
        u->kept[task] = SHARES;
        u->broken[task] = -1;
    }
    for (size_t i = 0; i < REMEMBERED; i++) {
        u->episodes[i] = -1;
    }
    return OK;
}

static void uniform_close(struct method *method)
{
    struct uniform *u = (struct uniform *)method;
    if (u != NULL) {
        arena_close(&u->arena);
        free(u);
    }
}

static enum status uniform_open(const struct method_job *job, struct method **out)
{
    if (job->shape->rows - 1 > TICKET_MOST_GIVEN) {
        FAIL(ERR_UNSUPPORTED, "search.method \"uniform\": episodes of %d steps, at most %d",
             job->shape->rows - 1, TICKET_MOST_GIVEN);
    }
    struct uniform *u = calloc(1, sizeof *u);
    if (u == NULL) {
        FAIL(ERR_MEMORY, "no memory for uniform pruning");
    }
    u->base.ops = &method_uniform;
    u->shape = *job->shape;
    u->n_tasks = job->n_tasks;
    if (allocate(job, u) != OK) {
        uniform_close(&u->base);
        return ERR_MEMORY;
    }
    *out = &u->base;
    return OK;
}

// Somewhere between `broken` and `kept`: in the middle, a quarter, three quarters, an eighth and so
// on, so that tickets under way ask for different shares and a failed one is no loss.
static int choose_share(struct uniform *u, int task)
{
    const int between = u->kept[task] - u->broken[task] - 1;
    int64_t place = 0, parts = 1;
    for (int32_t n = ++u->tries[task]; n > 0; n /= 2) { // its binary digits the other way round
        place = 2 * place + n % 2;
        parts *= 2;
    }
    return between > 0 ? u->broken[task] + 1 + (int)(place * between / parts) : 0;
}

static void uniform_propose(struct method *method, struct ticket *ticket)
{
    struct uniform *u = (struct uniform *)method;
    const int task = ticket->task, rows = u->rows[task];
    const int k = rows > 0 ? choose_share(u, task) : 0;
    const size_t at = (size_t)(ticket->episode % REMEMBERED);
    u->episodes[at] = ticket->episode;
    u->shares[at] = k;
    ticket->source = ACTIONS_GIVEN;
    ticket->n_given = rows > 0 ? rows : u->shape.rows - 1;
    for (int row = 0; row < ticket->n_given; row++) {
        ticket->given[row] =
            (int16_t)(rows > 0 ? given_of(u, task, k)[row] : u->shape.n_choices - 1);
    }
}

// Learns where the choices lie.
static void learn_choices(struct uniform *u, const struct trajectory *t, int steps)
{
    const int task = t->header->task;
    for (int k = 0; k < SHARES; k++) {
        for (int row = 0; row < steps; row++) {
            const float *position = t->position + (size_t)row * (size_t)u->shape.n_choices;
            int nearest = 0;
            for (int i = 1; i < t->choices[row]; i++) {
                if (fabs((double)position[i] - share_of(k)) <
                    fabs((double)position[nearest] - share_of(k))) {
                    nearest = i;
                }
            }
            given_of(u, task, k)[row] = nearest;
        }
    }
    u->rows[task] = steps;
}

static bool equal_choices(const int32_t *a, const int32_t *b, int steps)
{
    return memcmp(a, b, (size_t)steps * sizeof *a) == 0;
}

// Share k keeps the budget, and so do larger ones that come to the same choices.
static void keep(struct uniform *u, const struct trajectory *t, int k)
{
    const int task = t->header->task;
    if (k >= u->kept[task]) {
        return;
    }
    while (k > 0 && equal_choices(given_of(u, task, k - 1), given_of(u, task, k), u->rows[task])) {
        k--;
    }
    u->kept[task] = k;
    u->n_widths[task] = t->header->n_result;
    memcpy(u->widths + (size_t)task * (size_t)u->shape.n_result, t->result,
           (size_t)t->header->n_result * sizeof *t->result);
}

// Share k breaks the budget, and so do smaller ones that come to the same choices.
static void exclude(struct uniform *u, int task, int k)
{
    while (k + 1 < SHARES &&
           equal_choices(given_of(u, task, k), given_of(u, task, k + 1), u->rows[task])) {
        k++;
    }
    u->broken[task] = k > u->broken[task] ? k : u->broken[task];
}

static enum status uniform_take(struct method *method, const struct trajectory *t, bool fresh)
{
    (void)fresh;
    struct uniform *u = (struct uniform *)method;
    const int task = t->header->task, steps = trajectory_steps(t);
    const size_t at = (size_t)(t->header->episode % REMEMBERED);
    if (u->rows[task] == 0) {
        learn_choices(u, t, steps);
    }
    if (u->episodes[at] != t->header->episode) {
        return OK; // forgotten: its share is tried again
    }
    const int k = u->shares[at];
    if (steps == u->rows[task] && equal_choices(t->action, given_of(u, task, k), steps)) {
        keep(u, t, k);
    } else {
        exclude(u, task, k);
    }
    return OK;
}

static bool uniform_finished(const struct method *method, int task)
{
    const struct uniform *u = (const struct uniform *)method;
    return u->broken[task] + 1 >= u->kept[task];
}

static const int32_t *uniform_choice(const struct method *method, int task, int *n)
{
    const struct uniform *u = (const struct uniform *)method;
    *n = u->n_widths[task];
    return u->kept[task] < SHARES ? u->widths + (size_t)task * (size_t)u->shape.n_result : NULL;
}

static enum status uniform_state(struct method *method, struct state_list *list)
{
    struct uniform *u = (struct uniform *)method;
    const size_t n = (size_t)u->n_tasks;
    state_list_add(list, "uniform.rows", HDF5_I32, n, u->rows);
    state_list_add(list, "uniform.given", HDF5_I32, n * SHARES * (size_t)u->shape.rows, u->given);
    state_list_add(list, "uniform.kept", HDF5_I32, n, u->kept);
    state_list_add(list, "uniform.broken", HDF5_I32, n, u->broken);
    state_list_add(list, "uniform.tries", HDF5_I32, n, u->tries);
    state_list_add(list, "uniform.n_widths", HDF5_I32, n, u->n_widths);
    state_list_add(list, "uniform.widths", HDF5_I32, n * (size_t)u->shape.n_result, u->widths);
    state_list_add(list, "uniform.episodes", HDF5_I64, REMEMBERED, u->episodes);
    state_list_add(list, "uniform.shares", HDF5_I32, REMEMBERED, u->shares);
    return OK;
}

const struct method_ops method_uniform = {
    .name = "uniform",
    .own_start = true,
    .open = uniform_open,
    .propose = uniform_propose,
    .take = uniform_take,
    .update = method_no_update,
    .weights = method_no_weights,
    .state = uniform_state,
    .save = method_no_save,
    .load = method_no_load,
    .close = uniform_close,
    .finished = uniform_finished,
    .choice = uniform_choice,
};
