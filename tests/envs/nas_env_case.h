// Small supernets on drawn images for the tests of env_nas, and the long way to a candidate's
// accuracy: read out of the supernet, then what training uses to recalibrate and evaluate.
#pragma once
#include "env_case.h"
#include "envs/nas/nas.h"
#include "envs/network_env.h"
#include "test_folder.h"
#include "test_unit.h"

enum { NAS_CASE_NETWORKS = 3, NAS_CASE_TASKS = 6, NAS_CASE_SEED = 5 };

struct nas_env_case {
    struct test_folder folder;
    char files[NAS_CASE_NETWORKS][300];
    // mobile on two classes, mobile on three others, cells; first values, trained on nothing
    struct nas_network networks[NAS_CASE_NETWORKS];
    // mobile 0.5 of MACs, 0.8 and 0.6 of MACs and bytes; the other mobile; cells 0.6 of parameters;
    // mobile by costs without a budget
    struct nas_task tasks[NAS_CASE_TASKS];
    struct nas_config config; // float32
    struct arena arena;
};
void nas_env_case_open(struct nas_env_case *c);
void nas_env_case_close(struct nas_env_case *c);

// env_nas on this config; fd as env_job.shared_fd.
void nas_env_case_env(const struct nas_env_case *c, int threads, int fd, struct env_case *out);
// Plays a whole episode by chance, the same choices for the same task and number; below 0: always
// the first legal choice. Returns its outcome.
struct env_outcome nas_env_case_play(struct env_case *env, int task, int64_t episode);

// Whether what it has come to keeps the task's limits.
bool nas_env_case_within(const struct env_outcome *outcome, const struct network_task_facts *facts);

// The accuracy of the network of a choice, NULL: the largest; images 0: the whole search-validation
// set.
double nas_env_case_long_way(const struct nas_env_case *c, int network, const int32_t *choice,
                             int calibration_images, int images);
