// An agent's network and random sequences for it, with an independent computation of its outputs.
#pragma once
#include "nn/plan_sequence.h"
#include "plan_case.h"

enum {
    CASE_STEPS = 7, // the usual number
    CASE_OBS = 3,
    CASE_IN = CASE_OBS + 2,
    CASE_HIDDEN = 5,
    CASE_OUT = 4,
    CASE_STATE = 2 * CASE_HIDDEN
};

// Observation -> dense layer, joined with two more inputs -> LSTM -> heads.
struct sequence_case {
    struct graph graph;
    int batch, steps;
    // [n_floats], [batch][steps][IN], [batch][steps] (some are 1), [batch][STATE],
    // [batch][steps][OUT]; owned
    float *params, *inputs, *reset, *state, *d_output;
};
void sequence_case_open(struct sequence_case *p, int batch, int steps);
void sequence_case_close(struct sequence_case *p);
size_t sequence_case_rows(const struct sequence_case *p); // batch * steps

float *sequence_case_values(size_t n, uint64_t stream); // normal; from malloc

// By plain loops over doubles. state [batch][STATE]: replaced; output [rows][OUT].
void sequence_case_forward(const struct sequence_case *p, float *state, float *output);
