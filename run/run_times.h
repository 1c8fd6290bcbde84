// How long each stage of a run took and how much of that its cores were busy, over all the times
// that the run was started: times.json of the run folder.
#pragma once
#include "core/arena.h"

#include <stdint.h>

struct run_stage_time {
    double seconds;      // of wall time
    double core_seconds; // that all hosts could have worked meanwhile
    double busy_seconds; // of them, that orders were at work
    int64_t orders, retries;
};
struct run_times {
    struct run_stage_time base, search, rescore, finetune;
};
enum status run_times_write(const struct run_times *times, const char *path);
enum status run_times_read(const char *path, struct run_times *out); // absent: all 0
double run_busy_share(const struct run_stage_time *time);            // 0 when it took no time
