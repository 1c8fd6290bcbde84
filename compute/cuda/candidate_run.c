// A run: the candidates' lists go in, weights are packed, calibration images give statistics,
// scoring images a count and a loss.
#include "compute/cuda/candidate_run.h"

#include "compute/cuda/candidate_state.h"
#include "compute/cuda/candidate_value.h"

#include <math.h>
#include <string.h>

struct candidate_input_args candidate_input_of(const struct candidates *c,
                                               const unsigned char *images)
{
    return (struct candidate_input_args){
        .images = images,
        .c = c->c,
        .floats = c->floats,
        .plain = c->plain,
        .bf16 = c->precision == PRECISION_BF16,
        .scale = c->input_scale,
        .shift = c->input_shift,
    };
}

// Normalises images [first, first + n) for a pass.
static void load_images(const struct candidates *c, const unsigned char *all, int first, int n)
{
    const struct op *op = &c->layout.network->steps[0].op;
    struct candidate_input_args args = candidate_input_of(c, all + (size_t)first * c->raw_bytes);
    args.out = c->image;
    args.count = (int64_t)n * op->in_h * op->in_w;
    candidate_launch_plain(c, CUDA_candidate_input,
                           args.count * (candidate_padded(c->c) / CANDIDATE_PAD), 1, &args,
                           sizeof args);
}

static void gather_statistics(const struct candidates *c, int n)
{
    const int each = c->images / c->batch; // batches of a pass
    for (int first = 0; first < c->batches; first += each) {
        const int left = c->batches - first, batches = left < each ? left : each;
        const struct candidate_pass pass = {
            .n = n,
            .images = batches * c->batch,
            .segments = {.images = batches * c->batch, .each = c->batch},
            .statistics = true,
            .first_batch = first,
        };
        load_images(c, c->calibration, first * c->batch, pass.images);
        for (int s = 0; s <= c->layout.last_statistics; s++) {
            candidate_run_step(c, s, &pass);
        }
    }
    for (int s = 0; s <= c->layout.last_statistics; s++) {
        candidate_fold_step(c, s, n);
    }
}

// All steps, runs of them at once where they are fused.
static void run_all(const struct candidates *c, int first, const struct candidate_pass *pass)
{
    const int steps = c->layout.network->n_steps;
    int run = 0;
    if (c->n_fused == 0 || c->fused[0].n < steps) {
        load_images(c, c->scoring, first, pass->images);
    }
    for (int s = 0; s < steps;) {
        if (run < c->n_fused && c->fused[run].first == s) {
            candidate_run_fused(c, run, pass, c->scoring + (size_t)first * c->raw_bytes);
            s += c->fused[run++].n;
        } else {
            candidate_run_step(c, s++, pass);
        }
    }
}

static void score_images(const struct candidates *c, int n)
{
    const int steps = c->layout.network->n_steps;
    for (int first = 0; first < c->n_scoring; first += c->images) {
        const int left = c->n_scoring - first, images = left < c->images ? left : c->images;
        const struct candidate_pass pass = {
            .n = n, .images = images, .segments = {.images = images, .each = images}};
        run_all(c, first, &pass);
        const struct candidate_rank_args args = {
            .lists = candidate_lists_of(c),
            .logits = candidate_value(c, steps, &pass),
            .labels = c->labels,
            .images = images,
            .all = c->n_scoring,
            .first = first,
            .bf16 = c->precision == PRECISION_BF16,
            .reference = c->reference,
            .n_reference = c->n_reference,
            .loss = c->image_loss,
            .distance = c->image_distance,
            .right = c->image_right,
        };
        candidate_launch_plain(c, CUDA_candidate_rank, images, n, &args, sizeof args);
    }
    const struct candidate_total_args args = {
        .loss = c->image_loss,
        .right = c->image_right,
        .all = c->n_scoring,
        .distance = c->image_distance,
        .loss_sum = c->device.loss,
        .distance_sum = c->device.distance,
        .right_sum = c->device.right,
    };
    const struct cuda_grid grid = {.x = 1,
                                   .y = 1,
                                   .z = n,
                                   .threads = CANDIDATE_THREADS,
                                   .shared_bytes = 3 * sizeof(double) * CANDIDATE_THREADS};
    cuda_launch(c->backend, CUDA_candidate_total, &grid, &args, sizeof args);
}

static void upload_choices(struct candidates *c, const struct candidate_choice *choices, int n)
{
    const struct candidate_network *network = c->layout.network;
    const size_t axes = (size_t)network->n_axes, channels = (size_t)network->n_channels;
    int *widths = c->host_lists, *lists = widths + (size_t)c->most * axes;
    for (int k = 0; k < n; k++) {
        memcpy(widths + (size_t)k * axes, choices[k].widths, axes * sizeof *widths);
        memcpy(lists + (size_t)k * channels, choices[k].channels, channels * sizeof *lists);
    }
    c->backend->ops->upload(c->backend, c->widths, widths, (size_t)n * axes * sizeof *widths);
    c->backend->ops->upload(c->backend, c->channels, lists, (size_t)n * channels * sizeof *lists);
}

static enum status download_outcome(struct candidates *c, int n, struct candidate_score *scores)
{
    const size_t count = (size_t)n;
    struct backend *backend = c->backend;
    const struct backend_ops *ops = backend->ops;
    TRY(ops->download(backend, c->host.loss, c->device.loss, count * sizeof *c->host.loss));
    TRY(ops->download(backend, c->host.distance, c->device.distance,
                      count * sizeof *c->host.distance));
    TRY(ops->download(backend, c->host.right, c->device.right, count * sizeof *c->host.right));
    TRY(ops->download(backend, c->host.diverged, c->device.diverged,
                      count * sizeof *c->host.diverged));
    for (int k = 0; k < n; k++) {
        scores[k] = (struct candidate_score){
            .right = c->host.right[k],
            .loss = c->host.loss[k],
            .distance = c->host.distance[k],
            .diverged = c->host.diverged[k] != 0 || !isfinite(c->host.loss[k]),
        };
    }
    return OK;
}

// All between the lists that go in and the outcome: the same kernels at the same addresses for any
// candidates, as many as last_n.
static void compute(void *context)
{
    const struct candidates *c = context;
    const int n = c->last_n;
    c->backend->ops->zero(c->backend, c->device.diverged, (size_t)n * sizeof(int));
    int wave = 0;
    for (int s = 0; s < c->layout.network->n_steps; s++) {
        if (wave < c->n_refit_waves && c->refit_steps[c->refit_waves[wave].first] == s) {
            candidate_refit_run(c, wave++, n);
        }
        candidate_prepare_step(c, s, n);
    }
    gather_statistics(c, n);
    score_images(c, n);
}

// Recorded when as many come a second time, since one batch is as large as the next; by then all
// that the device sets up late is there.
static void give_work(struct candidates *c, int n)
{
    const struct backend_ops *ops = c->backend->ops;
    if (n != c->last_n) {
        candidate_forget_recording(c);
        c->last_n = n;
        compute(c);
        return;
    }
    if (c->recording == NULL && ops->record(c->backend, compute, c, &c->recording) != OK) {
        c->recording = NULL;
    }
    if (c->recording != NULL) {
        ops->replay(c->backend, c->recording);
    } else {
        compute(c);
    }
}

void candidate_forget_recording(struct candidates *c)
{
    if (c->recording != NULL) {
        c->backend->ops->forget(c->backend, c->recording);
        c->recording = NULL;
    }
}

static enum status run_some(struct candidates *c, const struct candidate_choice *choices, int n,
                            struct candidate_score *scores)
{
    upload_choices(c, choices, n);
    give_work(c, n);
    return download_outcome(c, n, scores);
}

enum status candidate_device_run(struct candidates *c, const struct candidate_choice *choices,
                                 int n, struct candidate_score *scores)
{
    for (int first = 0; first < n; first += c->most) {
        const int left = n - first;
        TRY(run_some(c, choices + first, left < c->most ? left : c->most, scores + first));
    }
    return OK;
}
