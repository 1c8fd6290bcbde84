// With which words a run was started, when, and on what machine: starts.jsonl of the run folder,
// one JSON object a line, one line each time.
#pragma once
#include "run/run_session.h"

struct run_start {
    const char *command; // as typed, quoted for a shell; "" = not known. arena, as all here
    const char *time;    // 2026-05-30T12:00:00Z
    const char *version; // of dikdik
    const char *host, *processor, *backend, *library, *openblas;
    int64_t cores, memory_bytes; // of rank 0's host
    int64_t processes, hosts;
};
enum { RUN_STARTS_MOST = 1000 }; // that are read: the newest

// The words of a command line, quoted for a shell where they need it. NULL when memory ran out.
const char *run_start_command(char *const *argv, int argc, struct arena *arena);
// Rank 0, once the folder is this run's.
enum status run_start_note(const struct run_session *session);
// Starts, the first one first; none where the file is not there. Lines that are cut off are passed
// over: the run may have been killed while it wrote one.
enum status run_starts_read(const char *path, struct arena *arena, struct run_start **starts,
                            int *n);
