#include "learner/methods/imagination.h"

#include "core/rng.h"
#include "learner/candidates.h"

#include <math.h>
#include <string.h>

// A model that knows more repays a longer search on it.
enum { REFINEMENTS = 8 };
// Budgets beyond the outermost tasks' own.
static const double below = 0.85, above = 1.2;
// Numbers of imagined episodes are far from those of real ones, which key the same random numbers.
#define FIRST_EPISODE ((int64_t)1 << 40)

// Half-way to the next smaller and the next larger budget of the same model, as factors.
static void find_budgets(const struct candidate_space *space, int task, double *out)
{
    const struct candidate_task *own = &space->tasks[task];
    double smaller = 0.0, larger = INFINITY;
    for (int i = 0; i < space->n_tasks; i++) {
        const struct candidate_task *other = &space->tasks[i];
        if (other->model == own->model && other->budget < own->budget) {
            smaller = fmax(smaller, other->budget);
        } else if (other->model == own->model && other->budget > own->budget) {
            larger = fmin(larger, other->budget);
        }
    }
    out[0] = smaller > 0.0 ? 0.5 * (1.0 + smaller / own->budget) : below;
    out[1] = isfinite(larger) ? 0.5 * (1.0 + larger / own->budget) : fmin(above, 1.0 / own->budget);
}

bool imagination_wanted(const struct method_job *job)
{
    return job->space != NULL && job->space->imagine != NULL &&
           job->learner->model != REWARD_MODEL_NONE;
}

enum status imagination_open_advisor(const struct method_job *job, struct advisor **out)
{
    const struct advisor_options options = {.space = job->space,
                                            .kind = job->learner->model,
                                            .share = true,
                                            .informed = true,
                                            .refinements = REFINEMENTS,
                                            .evaluations = job->search->evaluations,
                                            .n_known = job->n_known,
                                            .under_way = job->under_way,
                                            .keep_under_way = job->learner->mode == MODE_SYNC,
                                            .seed = job->seed};
    return advisor_open(&options, out);
}

enum status imagination_open(const struct method_job *job, struct advisor *advisor,
                             struct arena *arena, struct imagination *out)
{
    struct imagination im = {.space = job->space,
                             .advisor = advisor,
                             .shape = *job->shape,
                             .seed = job->seed,
                             .stride = job->shape->rows - 1,
                             .fresh_weights = true};
    const size_t n = (size_t)job->n_tasks;
    uint8_t *block;
    ARENA_NEW(arena, block, trajectory_bytes(job->shape));
    im.block = block;
    ARENA_NEW(arena, im.budgets, n);
    ARENA_NEW(arena, im.choices, n * IMAGINATION_REMEMBERED * (size_t)im.stride);
    ARENA_NEW(arena, im.n_choices, n);
    ARENA_NEW(arena, im.episodes, 1);
    for (int task = 0; task < job->n_tasks; task++) {
        find_budgets(job->space, task, im.budgets[task]);
    }
    *out = im;
    return OK;
}

int64_t imagination_next(const struct imagination *im)
{
    return FIRST_EPISODE + *im->episodes + 1;
}

void imagination_new_policy(struct imagination *im)
{
    im->fresh_weights = true;
}

static enum status play(struct imagination *im, const struct ticket *ticket, const float *weights,
                        size_t n, struct trajectory *out)
{
    TRY(im->space->imagine(im->space->context, ticket, weights, n, im->block));
    trajectory_view(&im->shape, im->block, out);
    int16_t choices[TICKET_MOST_GIVEN];
    const int steps = trajectory_steps(out);
    for (int step = 0; step < steps; step++) {
        choices[step] = (int16_t)out->action[step];
    }
    if (advisor_knows(im->advisor, ticket->task)) {
        double mean;
        advisor_aim(im->advisor, ticket->episode);
        advisor_predict(im->advisor, ticket->task, choices, 1, 0, &mean, NULL);
        advisor_aim(im->advisor, -1);
        out->reward[steps - 1] = (float)mean;
    }
    return OK;
}

static void remember(struct imagination *im, const struct trajectory *t)
{
    const int task = t->header->task;
    const size_t at = (size_t)(im->n_choices[task]++ % IMAGINATION_REMEMBERED);
    int16_t *to = im->choices + ((size_t)task * IMAGINATION_REMEMBERED + at) * (size_t)im->stride;
    for (int step = 0; step < trajectory_steps(t); step++) {
        to[step] = (int16_t)t->action[step];
    }
}

enum status imagination_play(struct imagination *im, int task, bool other_budget,
                             const float *weights, size_t n, struct trajectory *out)
{
    struct ticket ticket = {.kind = TICKET_IMAGINED,
                            .task = task,
                            .source = ACTIONS_POLICY,
                            .episode = FIRST_EPISODE + ++*im->episodes};
    if (other_budget) {
        struct rng rng = rng_make(im->seed, RNG_IMAGINE, (uint64_t)ticket.episode, 0);
        const double *range = im->budgets[task];
        ticket.budget = (float)(range[0] + (range[1] - range[0]) * (double)rng_uniform(&rng));
    }
    TRY(play(im, &ticket, im->fresh_weights ? weights : NULL, n, out));
    im->fresh_weights = false;
    if (!other_budget) {
        remember(im, out);
    }
    return OK;
}

enum status imagination_show(struct imagination *im, int task, const int16_t *choices,
                             struct trajectory *out)
{
    struct ticket ticket = {.kind = TICKET_IMAGINED,
                            .task = task,
                            .source = ACTIONS_GIVEN,
                            .episode = FIRST_EPISODE + ++*im->episodes,
                            .n_given = im->space->tasks[task].steps};
    memcpy(ticket.given, choices, (size_t)ticket.n_given * sizeof *choices);
    return play(im, &ticket, NULL, 0, out);
}

struct advisor_wishes imagination_wishes(const struct imagination *im, int task)
{
    const int64_t n = im->n_choices[task];
    return (struct advisor_wishes){
        .n = n < IMAGINATION_REMEMBERED ? (int)n : IMAGINATION_REMEMBERED,
        .stride = im->stride,
        .choices = im->choices + (size_t)task * IMAGINATION_REMEMBERED * (size_t)im->stride};
}

enum status imagination_check(const struct imagination *im)
{
    for (int task = 0; task < im->space->n_tasks; task++) {
        const struct advisor_wishes wishes = imagination_wishes(im, task);
        for (int i = 0; i < wishes.n; i++) {
            TRY(candidate_check(im->space, task,
                                wishes.choices + (size_t)i * (size_t)wishes.stride));
        }
    }
    return OK;
}

void imagination_state(struct imagination *im, struct state_list *list)
{
    const size_t n = (size_t)im->space->n_tasks;
    const size_t cells = n * IMAGINATION_REMEMBERED * (size_t)im->stride;
    state_list_add(list, "imagined.choices", HDF5_U8, cells * sizeof *im->choices, im->choices);
    state_list_add_within(list, "imagined.counts", HDF5_I64, n, im->n_choices, 0, STATE_COUNT_MAX);
    state_list_add_within(list, "imagined.episodes", HDF5_I64, 1, im->episodes, 0, STATE_COUNT_MAX);
}
