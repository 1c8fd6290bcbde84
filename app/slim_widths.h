// How many channels each group keeps: a share of every group, widths from a file, or widths that
// meet a budget, uniform or by one ranking over all groups.
#pragma once
#include "search_space/criterion.h"
#include "search_space/refit.h"

struct slim_request {
    double macs, params; // budget: a share of the network's own when <= 1, else a number; 0 = none
    double share;        // of every group's channels; 0 = not given
    const char *widths;  // JSON file {"group": width, ...}; "" = not given
    bool global;         // to the budget by one ranking over all groups
    enum group_range groups;
    double least_share; // with a budget: no group below this share of its channels
    int round_to;
};
// ERR_CONFIG unless the request has exactly one of share, widths, and a budget, and a budget where
// it asks for a global cut.
enum status slim_request_check(const struct slim_request *request);
// What a global cut goes by: importance, or with `refit` the errors of the layers that read.
struct slim_basis {
    float *const *importance;      // [groups][channels]
    const struct ranking *ranking; // of the channels within each group
    const struct refit *refit;     // NULL: by importance
};
// basis may be NULL unless the request is global. widths [groups->n].
enum status slim_widths_choose(const struct criterion_input *network,
                               const struct slim_request *request, const struct slim_basis *basis,
                               struct arena *arena, int *widths);
