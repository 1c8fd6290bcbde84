#include "learner/learner_front.h"

#include "learner/learner_internal.h"

#include <stdlib.h>

static void costs_of(const struct learner_candidate *candidate, int64_t *costs)
{
    costs[CANDIDATE_MACS] = candidate->macs;
    costs[CANDIDATE_PARAMS] = candidate->params;
    costs[CANDIDATE_BYTES] = candidate->bytes;
}

// What scored nothing (it diverged) is on no front, however little it costs. Returns how many
// candidates there are in `list` (NULL: they are only counted).
static int collect(const struct learner *l, int task, struct learner_candidate *list)
{
    const struct candidate_space *space = l->job.space;
    int n = 0;
    for (int turn = 0; turn < l->job.n_tasks; turn++) { // its own first: equal ones are its own
        const int other = (task + turn) % l->job.n_tasks;
        if (space->tasks[other].model != space->tasks[task].model) {
            continue;
        }
        for (int i = 0; i < l->archive.counts[other]; i++) {
            struct learner_candidate candidate;
            archive_candidate(&l->archive, other, i, &candidate);
            if (candidate.score > 0 &&
                (other == task || space->holds(space->context, task, candidate.choices))) {
                if (list != NULL) {
                    list[n] = candidate;
                }
                n++;
            }
        }
    }
    return n;
}

// points [n][dims]: the error, then those of the costs that are wanted, as shares of the whole.
static int make_points(const struct learner_front *front, const bool *wanted,
                       const struct learner_candidate *list, int n, double *points)
{
    int dims = 1;
    for (int k = 0; k < CANDIDATE_COSTS; k++) {
        dims += wanted[k] ? 1 : 0;
    }
    for (int i = 0; i < n; i++) {
        double *point = points + (size_t)i * (size_t)dims;
        int64_t costs[CANDIDATE_COSTS];
        costs_of(&list[i], costs);
        *point++ = 1 - list[i].score;
        for (int k = 0; k < CANDIDATE_COSTS; k++) {
            if (wanted[k]) {
                *point++ = (double)costs[k] / (double)front->whole[k];
            }
        }
    }
    return dims;
}

static int by_accuracy(const void *a, const void *b)
{
    const struct learner_candidate *one = a, *other = b;
    if (one->score != other->score) {
        return one->score > other->score ? -1 : 1;
    }
    if (one->macs != other->macs) {
        return one->macs < other->macs ? -1 : 1;
    }
    return one->episode < other->episode ? -1 : one->episode > other->episode;
}

static enum status measure(struct learner_front *front, struct arena *arena, double *points)
{
    const double reference[FRONT_MOST_DIMS] = {1, 1, 1, 1};
    for (int k = 0; k < CANDIDATE_COSTS; k++) {
        bool alone[CANDIDATE_COSTS] = {false};
        alone[k] = front->known[k];
        if (front->known[k]) {
            const int dims = make_points(front, alone, front->candidates, front->n, points);
            TRY(front_hypervolume(points, front->n, dims, reference, arena, &front->volume[k]));
        }
    }
    const int dims = make_points(front, front->known, front->candidates, front->n, points);
    return front_hypervolume(points, front->n, dims, reference, arena, &front->volume_all);
}

static bool knows_costs(const struct candidate_task *task, struct learner_front *front)
{
    bool any = false;
    for (int k = 0; k < CANDIDATE_COSTS; k++) {
        front->whole[k] = task->whole[k];
        front->known[k] = task->whole[k] > 0;
        any = any || front->known[k];
    }
    return any;
}

enum status learner_front(const struct learner *l, int task, struct arena *arena,
                          struct learner_front *out)
{
    struct learner_front front = {0};
    struct learner_candidate *all;
    double *points;
    int32_t *kept;
    CHECK(task >= 0 && task < l->job.n_tasks);
    *out = front;
    if (l->job.space == NULL || l->archive.n_result == 0 ||
        !knows_costs(&l->job.space->tasks[task], &front)) {
        return OK;
    }
    const int n = collect(l, task, NULL);
    ARENA_NEW(arena, all, (size_t)n + 1);
    ARENA_NEW(arena, points, ((size_t)n + 1) * FRONT_MOST_DIMS);
    ARENA_NEW(arena, kept, (size_t)n + 1);
    (void)collect(l, task, all);
    const int dims = make_points(&front, front.known, all, n, points);
    front.n = front_select(points, n, dims, kept);
    for (int i = 0; i < front.n; i++) {
        all[i] = all[kept[i]]; // ascending, so none is overwritten before it is read
    }
    front.candidates = all;
    qsort(all, (size_t)front.n, sizeof *all, by_accuracy);
    TRY(measure(&front, arena, points));
    *out = front;
    return OK;
}
