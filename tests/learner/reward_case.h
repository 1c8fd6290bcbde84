// A reward to learn: a smooth function of three inputs with a little noise.
#pragma once
#include "learner/model/reward_model.h"

enum { CASE_INPUTS = 3, CASE_MOST = 400, CASE_JOINT = 8 };

// Room for CASE_MOST points and CASE_JOINT candidates at once.
struct reward_model *reward_case_open(int own_inputs, int linear_inputs, int most_points,
                                      double noise_floor);
// The i-th candidate x [CASE_INPUTS] of a stream, and its reward. Stream 0 is the data.
double reward_case_sample(uint64_t stream, int i, double *x);
void reward_case_add(struct reward_model *model, int from, int to); // data from..to - 1
void reward_case_candidates(int n, double *x);                      // the first n of stream 1
