// How many channels each group keeps: a share of every group, widths from a file, or uniform widths
// that meet a budget.
#pragma once
#include "search_space/groups.h"

struct slim_request {
    double macs, params; // budget: a share of the network's own when <= 1, else a number; 0 = none
    double share;        // of every group's channels; 0 = not given
    const char *widths;  // JSON file {"group": width, ...}; "" = not given
    bool inner;          // residual streams stay whole
    int round_to;
};
// ERR_CONFIG unless the request has exactly one of share, widths, and a budget.
enum status slim_request_check(const struct slim_request *request);
// widths [groups->n].
enum status slim_widths_choose(const struct graph *graph, const struct groups *groups,
                               const struct slim_request *request, struct arena *arena,
                               int *widths);
