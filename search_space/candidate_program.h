// A network as a backend that scores many candidates at once sees it (compute/candidate_batch.h):
// the folded graph's steps, each with the channel axes it reads and writes, and for a candidate the
// list of channels that every axis keeps.
#pragma once
#include "compute/candidate_batch.h"
#include "search_space/refit.h"
#include "search_space/slim.h"

struct candidate_program {
    struct arena arena;
    struct graph folded;
    struct candidate_network network;
    const struct groups *groups;          // borrowed
    const struct segment_list **segments; // [n_axes]
};

// graph, groups, params [n_floats] and refit (NULL: without) are borrowed until the close.
// ERR_UNSUPPORTED names the node that candidates cannot have, or an output that is a map.
enum status candidate_program_open(const struct graph *graph, const struct groups *groups,
                                   const float *params, const struct refit *refit,
                                   struct candidate_program *out);
void candidate_program_close(struct candidate_program *program); // a zeroed one is fine

// widths [n_axes] and channels [n_channels] of the candidate that keeps these.
void candidate_program_choose(const struct candidate_program *program, const struct keep *keep,
                              int *widths, int *channels);
