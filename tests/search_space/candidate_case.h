// A network, random candidates of it and images, and their scores the long way: cut, recalibrated
// and scored one by one on the processor.
#pragma once
#include "compute/backend.h"
#include "compute/candidate_batch.h"
#include "search_space/candidate_program.h"

enum { CANDIDATE_CASE_MOST = 8 };

struct candidate_case {
    struct arena arena;
    struct graph graph;
    struct groups groups;
    struct refit *refit; // NULL: none
    float *params;
    int n, classes;
    struct keep keeps[CANDIDATE_CASE_MOST];
    struct candidate_data data;
    struct candidate_score expected[CANDIDATE_CASE_MOST];
    float *logits[CANDIDATE_CASE_MOST]; // [n_scoring][classes] of the same way
};
struct candidate_case_options {
    int n;                    // candidates
    int calibration, scoring; // images
    bool floats;              // images are samples, not bytes
    bool refit;
    uint64_t seed;
};
// Takes over the graph, which is closed with the case.
void candidate_case_open(struct candidate_case *c, struct graph *graph,
                         const struct candidate_case_options *options);
void candidate_case_close(struct candidate_case *c);

// Scores candidates [first, first + n) at once on the device; `times` times with the same opened
// candidates, the last of which counts, each time one candidate further on, and round.
void candidate_case_repeat(const struct candidate_case *c, enum backend_precision precision,
                           const struct candidate_options *options, int n, int times,
                           struct candidate_score *scores);
// Scores candidates [first, first + n) at once on the device.
void candidate_case_run(const struct candidate_case *c, enum backend_precision precision,
                        const struct candidate_options *options, int first, int n,
                        struct candidate_score *scores);
