// Small networks on drawn images for the tests of env_prune, and the long way to a candidate's
// accuracy: the network cut by slim_network, then what training uses to recalibrate and evaluate.
#pragma once
#include "env_case.h"
#include "envs/prune/prune.h"
#include "test_folder.h"
#include "test_unit.h"

enum { PRUNE_CASE_NETWORKS = 2, PRUNE_CASE_TASKS = 4, PRUNE_CASE_SEED = 5 };

struct prune_case {
    struct test_folder folder;
    char files[PRUNE_CASE_NETWORKS][300];
    struct scoring_network
        networks[PRUNE_CASE_NETWORKS];         // convnet, trained a little; resnet20, not
    struct prune_task tasks[PRUNE_CASE_TASKS]; // convnet 0.5, 0.8 of MACs, 0.5 of both; resnet20
    struct prune_config config;                // float32, all groups
};
void prune_case_open(struct prune_case *c);
void prune_case_close(struct prune_case *c);

// env_prune on this config; fd as env_job.shared_fd.
void prune_case_env(const struct prune_case *c, int threads, int fd, struct env_case *out);
// Plays a whole episode by chance, the same choices for the same task and number; below 0: always
// the least width. Returns its outcome.
struct env_outcome prune_case_play(struct env_case *env, int task, int64_t episode);

struct long_way {
    bool int8, refit;
    int calibration_images, images; // images 0: the whole search-validation set
    const int32_t *widths;          // NULL: uncut, nothing recalibrated
};
double prune_case_long_way(const struct prune_case *c, int network, const struct long_way *way);
