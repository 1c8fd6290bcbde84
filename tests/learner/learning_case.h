// Learning in one process: one episode after the other, updates in between, as the loop of a sync
// run orders them.
#pragma once
#include <stdint.h>

enum { LEARNING_TASKS = 4 };
struct learning_job {
    const char *environment;
    const char *config, *agent, *learner; // options, as JSON objects
    int episodes;                         // tasks take turns
    int lag;                              // updates between the weights that act and the newest
    uint64_t seed;
    int window; // episodes at the end whose scores are averaged
};
struct learning_result {
    double score[LEARNING_TASKS]; // mean per task over the window
    int skipped;                  // updates
};
void learning_run(const struct learning_job *job, struct learning_result *result);
