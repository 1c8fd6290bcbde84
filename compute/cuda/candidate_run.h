// Candidates on a CUDA device, or on the emulator: entries of struct candidate_ops.
#pragma once
#include "compute/candidate_batch.h"

extern const struct candidate_ops candidate_device_ops;

enum status candidate_device_run(struct candidates *candidates,
                                 const struct candidate_choice *choices, int n,
                                 struct candidate_score *scores);
void candidate_forget_recording(struct candidates *candidates);
