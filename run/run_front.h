// The front of a task's candidates, kept beyond the learner's life.
#pragma once
#include "core/json.h"
#include "learner/learner_front.h"

// Copies a task's front out of the learner; memory from `arena`.
enum status run_front_keep(const struct learner *learner, int task, struct arena *arena,
                           struct learner_front *out);
// Keys "front" and "hypervolume" of an object; nothing where there is no front.
void run_front_write(const struct learner_front *front, struct json_writer *w);
// "12 networks on the front of accuracy against MACs and parameters, hypervolume 0.7312 (...)", in
// words, cut to `bytes`; "" where there is no front.
void run_front_words(const struct learner_front *front, char *out, size_t bytes);
// The reference points of all tasks as JSON, for run.h5: with its episodes, all that a front's
// volume is made of.
void run_front_references(const struct candidate_space *space, struct text *out);
