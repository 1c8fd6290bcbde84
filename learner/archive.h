// All distinct candidates of each task with the reward and score that each was given first. Holds
// at most the task's evaluations, so that nothing beyond the budget can ever count.
#pragma once
#include "core/arena.h"
#include "learner/learner.h"
#include "learner/state_list.h"
#include "transport/trajectory.h"

enum archive_answer {
    ARCHIVE_FRESH, // put in
    ARCHIVE_KNOWN, // was there already: the first score stays
    ARCHIVE_FULL,  // unknown, but the task has had its evaluations: not put in
};

struct archive {
    int n_tasks, capacity; // candidates per task
    int n_result;    // most widths of a candidate; 0 = every episode is a candidate of its own
    int n_steps;     // most choices of a candidate
    int32_t *counts; // [n_tasks], arena, as all here
    double *scores, *rewards;                  // [n_tasks][capacity]
    int64_t *macs, *params, *bytes, *episodes; // [n_tasks][capacity]
    int32_t *n_widths;                         // [n_tasks][capacity]
    int32_t *widths;                           // [n_tasks][capacity][n_result]
    int16_t *choices;                          // [n_tasks][capacity][n_steps] what was chosen
    int32_t *table; // [n_tasks][table_size] hashed by widths: index of a candidate + 1, 0 = empty
    size_t table_size; // power of two, at least twice the capacity; 0 without widths
};
struct archive_sizes {
    int n_tasks, capacity, n_result, n_steps;
};
enum status archive_open(const struct archive_sizes *sizes, struct arena *arena,
                         struct archive *out);
// trajectory: a finished episode of `task`.
enum archive_answer archive_put(struct archive *archive, const struct trajectory *trajectory);
void archive_candidate(const struct archive *archive, int task, int index,
                       struct learner_candidate *out);
// Puts a candidate in its place among the best so far [n <= most], best first by worth (ties: the
// earlier episode). Returns how many there are now.
int archive_insert(const struct learner_candidate *candidate, int n, int most,
                   struct learner_candidate *best);

void archive_state(struct archive *archive, struct state_list *list);
// After a checkpoint was read: finds candidates again. ERR_INPUT when the counts make no sense.
enum status archive_restore(struct archive *archive);
