// What an implementation of the collective interface over several processes provides. Inside
// transport/ only.
#pragma once
#include "transport/collective.h"

// Calls are as in collective.h, for ranks >= 1 and count >= 1.
struct collective_ops {
    enum status (*sum_f32)(const struct collective *c, int total, float *values, size_t count);
    enum status (*sum_f64)(const struct collective *c, int total, double *values, size_t count);
    enum status (*broadcast)(const struct collective *c, void *bytes, size_t count, int root);
    enum status (*barrier)(const struct collective *c);
    enum status (*ping)(const struct collective *c, int peer, bool first, void *bytes, size_t n);
    void (*close)(struct collective *c);
    void (*abort)(const struct collective *c, int exit_code); // does not come back
};

// Starts MPI. expected_ranks: how many the launcher said it started, 0 when it did not say; another
// number is ERR_COMM, because then the launcher belongs to another MPI.
enum status collective_open_mpi(int expected_ranks, struct collective *out);
