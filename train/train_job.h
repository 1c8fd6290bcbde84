// What follows from a job before it begins. Inside train/ only.
#pragma once
#include "train/train.h"

// The config section that the recipe was read from, for messages.
const char *train_job_name(const struct train_job *job);
// How many images there are to train on.
int train_job_rows(const struct train_job *job, const struct dataset_split *split);
// This rank's part of every batch; ERR_CONFIG when the batch cannot be dealt to the ranks.
enum status train_job_share(const struct train_job *job, const struct graph *graph,
                            struct train_share *out);
