// A run of a sweep as a process of its own.
#pragma once
#include "experiments/sweep_team.h"

#include <sys/types.h>

struct sweep_process {
    pid_t pid;     // 0 = none
    long log_from; // where in its log it began
};
// Starts the program with these words (argv, NULL-ended) at a place. What it prints is appended to
// `log`. It is asked to stop (SIGTERM, which writes a checkpoint) when this process is lost.
// ERR_IO.
enum status sweep_process_start(char *const *words, const char *log,
                                const struct sweep_place *place, struct sweep_process *out);
// Why one failed that ended like this (waitpid's status): the error that it has told its log, else
// how it ended.
void sweep_process_reason(const struct sweep_process *process, const char *log, int ended,
                          char *out, size_t out_bytes);
