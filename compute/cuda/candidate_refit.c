// Launching the refit: the systems of many layers at once, since one keeps a multiprocessor busy
// for long and the device has many.
#include "compute/cuda/candidate_state.h"

enum { TARGET_TILE = 16, TARGET_BYTES = 2 * 16 * 17 * 8, SOLVE_BYTES = 20 * 1024 };

static struct candidate_refit_room room_of(const struct op *op)
{
    const size_t taps = (size_t)op->kernel[0] * (size_t)op->kernel[1], groups = (size_t)op->groups;
    const size_t n = (size_t)op->in_c / groups * taps, outputs = (size_t)op->out_c / groups;
    return (struct candidate_refit_room){.matrices = groups * (n + outputs) * n,
                                         .targets = groups * outputs * n,
                                         .refitted = (size_t)op->out_c * n};
}

static const struct op *op_of(const struct candidates *c, int refit)
{
    return &c->layout.network->steps[c->refit_steps[refit]].op;
}

static int tiles_of(const struct op *op)
{
    const int columns = op->in_c / op->groups * op->kernel[0] * op->kernel[1];
    return cuda_tiles(columns, TARGET_TILE) * cuda_tiles(op->out_c / op->groups, TARGET_TILE);
}

enum status candidate_refit_find(struct candidates *c)
{
    const struct candidate_network *network = c->layout.network;
    int n = 0;
    ARENA_NEW(&c->arena, c->refit_steps, (size_t)c->layout.n_refits);
    ARENA_NEW(&c->arena, c->refit_waves, (size_t)c->layout.n_refits);
    for (int s = 0; s < network->n_steps; s++) {
        if (network->steps[s].refit) {
            c->refit_steps[n++] = s;
        }
    }
    return OK;
}

static size_t greater(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void add_to_wave(struct candidates *c, struct candidate_refit_wave *wave, int refit)
{
    const struct op *op = op_of(c, refit);
    const struct candidate_refit_room room = room_of(op);
    struct candidate_layer *layer = &c->layout.layers[c->refit_steps[refit]];
    layer->matrix_at = wave->room.matrices;
    layer->target_at = wave->room.targets;
    layer->refitted_at = wave->room.refitted;
    wave->room.matrices += room.matrices;
    wave->room.targets += room.targets;
    wave->room.refitted += room.refitted;
    wave->groups = (int)greater((size_t)wave->groups, (size_t)op->groups);
    wave->tiles = (int)greater((size_t)wave->tiles, (size_t)tiles_of(op));
    wave->n++;
}

void candidate_refit_part(struct candidates *c, size_t bytes)
{
    const size_t limit = bytes / sizeof(double) / (size_t)c->most;
    struct candidate_refit_wave *wave = NULL;
    c->n_refit_waves = 0;
    c->refit_stride = (struct candidate_refit_room){0};
    for (int i = 0; i < c->layout.n_refits; i++) {
        const struct candidate_refit_room room = room_of(op_of(c, i));
        if (wave == NULL ||
            wave->room.matrices + wave->room.targets + room.matrices + room.targets > limit) {
            wave = &c->refit_waves[c->n_refit_waves++];
            *wave = (struct candidate_refit_wave){.first = i};
        }
        add_to_wave(c, wave, i);
        c->refit_stride.matrices = greater(c->refit_stride.matrices, wave->room.matrices);
        c->refit_stride.targets = greater(c->refit_stride.targets, wave->room.targets);
        c->refit_stride.refitted = greater(c->refit_stride.refitted, wave->room.refitted);
    }
    const size_t each = (c->refit_stride.matrices + c->refit_stride.targets) * sizeof(double);
    const size_t fit = each > 0 ? bytes / each : 1;
    c->most_refits = fit < 1 ? 1 : fit < (size_t)c->most ? (int)fit : c->most;
}

enum status candidate_refit_layers(struct candidates *c, struct candidate_refit_layer **out)
{
    struct candidate_refit_layer *layers;
    ARENA_NEW(&c->arena, layers, (size_t)c->layout.n_refits);
    for (int i = 0; i < c->layout.n_refits; i++) {
        const struct candidate_layer *layer = &c->layout.layers[c->refit_steps[i]];
        const struct candidate_step *step = layer->step;
        const struct op *op = &step->op;
        const struct candidate_refit_room room = room_of(op);
        const int taps = op->kernel[0] * op->kernel[1];
        layers[i] = (struct candidate_refit_layer){
            .in = candidate_list_of(c, step->in_axis),
            .out = candidate_list_of(c, step->out_axis),
            .taps = taps,
            .groups = op->groups,
            .target_tiles = cuda_tiles(op->in_c / op->groups * taps, TARGET_TILE),
            .output_tiles = cuda_tiles(op->out_c / op->groups, TARGET_TILE),
            .params = c->params + step->weights,
            .grams = c->grams + step->gram,
            .matrices = c->matrices + layer->matrix_at,
            .targets = c->targets + layer->target_at,
            .matrix_size = room.matrices / (size_t)op->groups,
            .target_size = room.targets / (size_t)op->groups,
            .refitted = c->refitted + layer->refitted_at,
        };
    }
    *out = layers;
    return OK;
}

void candidate_refit_run(const struct candidates *c, int w, int n)
{
    const struct candidate_refit_wave *wave = &c->refit_waves[w];
    struct candidate_refit_args args = {
        .lists = candidate_lists_of(c),
        .layers = c->refit_layers + wave->first,
        .groups = wave->groups,
        .lambda = c->layout.network->lambda,
        .matrix_stride = c->refit_stride.matrices,
        .target_stride = c->refit_stride.targets,
        .refitted_stride = c->refit_stride.refitted,
        .diverged = c->device.diverged,
    };
    for (int first = 0; first < n; first += c->most_refits) {
        const int left = n - first;
        struct cuda_grid grid = {.x = wave->n * wave->groups,
                                 .y = wave->tiles,
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
