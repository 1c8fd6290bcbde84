// The layers that read a group, part by part, as width_errors.c and refit_rank.c see them: a matrix
// of weights over input channels, and the Gram matrix of those inputs where there is one.
#pragma once
#include "search_space/criterion.h"
#include "search_space/refit_state.h"

// One part of a layer that reads: weight [rows][channels][block]; columns = channels * block.
struct reader {
    int node, part;
    int rows, channels, block;
    const float *weights;           // borrowed
    const struct refit_layer *gram; // NULL: none
};

// Does this node have weights on some channel of the group?
bool reader_reads(const struct criterion_input *network, int node, int group);
int reader_parts(const struct graph *graph, int node);
// refit may be NULL.
struct reader reader_of(const struct criterion_input *network, const struct refit *refit, int node,
                        int part);
// owners [channels]: which of the group's channels each of the part's input channels is, -1 for
// those of others.
void reader_owners(const struct criterion_input *network, const struct reader *reader, int group,
                   int *owners);
// The lower triangle of G + mu I with its channels in this order, G the Gram matrix, mu = pull *
// mean(diag(G)). order [channels], matrix [columns][columns].
void reader_gram(const struct reader *reader, double pull, const int *order, double *matrix);
// Its Cholesky factor, with the refit's pull, or where rounding made it indefinite a stronger one.
// ERR_INPUT: values that are not finite.
enum status reader_factor(const struct refit *refit, const struct reader *reader, const int *order,
                          double *matrix);
