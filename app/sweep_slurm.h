// A sweep as one job array of Slurm: a job for every run, which also does those that take its
// policy.
#pragma once
#include "experiments/sweep_plan.h"

// Runs that job `member` of the array does, into mine [runs]. ERR_CONFIG: there is none of that
// number.
enum status sweep_slurm_member(const struct sweep_plan *plan, int member, bool *mine);

// The batch script of all jobs that are not done yet: of this program with the words of this
// command line. *n_jobs: how many. Closed by the caller. Needs results to be read for what is done:
// done [runs].
struct sweep_slurm_words {
    const char *program;
    int argc;
    char **argv; // argv[0] is the command's name
};
enum status sweep_slurm_script(const struct sweep_plan *plan, const struct sweep_slurm_words *words,
                               const bool *done, struct text *out, int *n_jobs);
// Hands the script to sbatch, whose words go to standard error. ERR_UNSUPPORTED without sbatch.
enum status sweep_slurm_submit(const char *script);
