// mpiexec as a child process: what the signals of a terminal and of a batch system reach is the
// launcher alone, and what is printed goes through it. Inside app/launch only.
#pragma once
#include "core/status.h"

struct launch_process {
    // Whether the job must be ended: asked every now and then while it runs.
    bool (*hopeless)(void *context);
    void *context;
    char *const *words;                // of the whole command line
    const char *const (*variables)[2]; // names and values, set in its environment; NULL-ended
    int output;                        // descriptor that its standard output goes to
    int progress;    // descriptor to read lines of progress from without waiting; 0 = none
    int progress_to; // where they go
};
// Runs it and waits for its end: *ended as waitpid says it. Its standard error appears on ours, or
// nowhere once nobody reads that. An interrupt is handed on once, for a checkpoint. ERR_IO when no
// process can be made.
enum status launch_process_run(const struct launch_process *process, int *ended);
