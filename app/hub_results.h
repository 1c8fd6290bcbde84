// What a run folder says of one of its networks.
#pragma once
#include "nn/network.h"
#include "run/run_config.h"
#include "run/run_result.h"

struct hub_results {
    bool known;
    bool final; // fine-tuned and tested; else as it was found
    const char *task;
    char budget[96];
    struct run_result result;
    struct run_config config;
    struct text shapes; // what of the config shapes results, as JSON; owned
};
// Of RUN/final/TASK.safetensors or RUN/found/TASK.safetensors; not known for a file of another
// place, or with a warning where what lies beside it is of another network. What it points to is in
// the arena.
enum status hub_results_find(const char *file, const struct network *network, struct arena *arena,
                             struct hub_results *out);
void hub_results_close(struct hub_results *results); // a zeroed one is fine
