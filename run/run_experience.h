// What the run of a trained policy found out about candidates of the networks that are searched
// now.
#pragma once
#include "run/run_config.h"
#include "run/run_space_link.h"

struct run_experience {
    struct candidate_result *results; // [n] owned
    int n;
};
// All scored candidates of the run in `run_dir`, of those networks of it that are the config's:
// with the same weights and data, scored alike with the same seed, so that their rewards are what
// they would be now. None where nothing is the same, or where the folder has no run.h5. ERR_INPUT:
// the run folder's files cannot be read.
enum status run_experience_open(const struct run_config *config, const char *run_dir,
                                const struct run_space_link *link, struct run_experience *out);
void run_experience_close(struct run_experience *experience);
