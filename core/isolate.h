// Work that may crash on bad input, because a library we do not control does it, runs in a forked
// copy of this process. A crash or a hang there is an error here.
#pragma once
#include "core/status.h"

#include <stddef.h>

struct isolate_limits {
    double seconds;
    size_t bytes; // private memory beyond what this process has; above it, allocating fails
};

// Runs work(context) in a child and returns its status and message. The child sees all memory as it
// was but changes only its own copy: results go into memory from isolate_share. It ends without
// running exit handlers, so `work` need not clean up. ERR_INPUT when it crashed or took longer than
// it may; `what` names the input in that message.
enum status isolate_run(const char *what, const struct isolate_limits *limits,
                        enum status (*work)(void *context), void *context);

// Zeroed memory that parent and child both see. NULL when there is none (the message is set).
void *isolate_share(size_t bytes);
void isolate_unshare(void *shared, size_t bytes); // NULL is fine

// ---- for processes that run such work for longer
// First call in a forked child of process `parent`: it does not outlive its parent, leaves no core
// file, and ends by the signals of a crash whatever handlers libraries had set.
void isolate_begin_child(int parent);
// Private memory that this process may have beyond what it has; above it, allocating fails.
void isolate_limit_memory(size_t bytes);
