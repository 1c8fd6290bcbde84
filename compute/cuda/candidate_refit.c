// Launching the refit of one step.
#include "compute/cuda/candidate_state.h"

enum { TARGET_TILE = 16, TARGET_BYTES = 2 * 16 * 17 * 8, SOLVE_BYTES = 20 * 1024 };

void candidate_refit_step(const struct candidates *c, int s, int n)
{
    const struct candidate_step *step = &c->layout.network->steps[s];
    const struct op *op = &step->op;
    const int taps = op->kernel[0] * op->kernel[1];
    const int columns = op->in_c / op->groups * taps, outputs = op->out_c / op->groups;
    const int output_tiles = (outputs + TARGET_TILE - 1) / TARGET_TILE;
    struct candidate_refit_args args = {
        .lists = candidate_lists_of(c),
        .in = candidate_list_of(c, step->in_axis),
        .out = candidate_list_of(c, step->out_axis),
        .taps = taps,
        .groups = op->groups,
        .target_tiles = (columns + TARGET_TILE - 1) / TARGET_TILE,
        .params = c->params + step->weights,
        .grams = c->grams + step->gram,
        .lambda = c->layout.network->lambda,
        .matrices = c->matrices,
        .targets = c->targets,
        .matrix_stride = c->layout.refit.matrices / (size_t)op->groups,
        .target_stride = c->layout.refit.targets / (size_t)op->groups,
        .refitted = c->refitted,
        .refitted_stride = c->layout.refit.refitted,
        .diverged = c->device.diverged,
    };
    for (int first = 0; first < n; first += c->most_refits) {
        const int left = n - first;
        struct cuda_grid grid = {.x = op->groups,
                                 .y = args.target_tiles * output_tiles,
                                 .z = left < c->most_refits ? left : c->most_refits,
                                 .threads = CANDIDATE_THREADS,
                                 .shared_bytes = TARGET_BYTES};
        args.first = first;
        cuda_launch(c->backend, CUDA_candidate_refit_target, &grid, &args, sizeof args);
        grid.y = 1;
        grid.shared_bytes = SOLVE_BYTES;
        cuda_launch(c->backend, CUDA_candidate_refit_solve, &grid, &args, sizeof args);
    }
}
