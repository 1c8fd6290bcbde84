// What candidate_open.c makes, candidate_run.c runs and candidate_step.c launches.
#pragma once
#include "compute/cuda/candidate_args.h"
#include "compute/cuda/candidate_fuse.h"
#include "compute/cuda/candidate_layout.h"
#include "compute/cuda/cuda_backend.h"

// What the refit needs of one candidate: doubles of its systems, floats of its weights.
struct candidate_refit_room {
    size_t matrices, targets, refitted;
};

// Layers that are refitted by one launch: their systems lie beside one another in a candidate's
// room.
struct candidate_refit_wave {
    int first, n;      // of the layers that are refitted
    int groups, tiles; // most of a layer
    struct candidate_refit_room room;
};

// One run's results, as they come back.
struct candidate_outcome {
    double *loss, *distance; // [most]
    int *right, *diverged;   // [most]
};

struct candidates {
    struct backend *backend;
    struct arena arena;
    struct candidate_layout layout;
    enum backend_precision precision;
    int most;   // candidates at once
    int images; // of a pass
    int batch, batches, n_scoring, c, classes;
    bool floats, plain;
    size_t raw_bytes; // of an image as it is given
    void **memory;    // [n_memory] the device's, all below; arena
    int n_memory;
    // For good.
    float *params, *input_scale, *input_shift;
    unsigned char *calibration, *scoring;
    int *labels;
    float *reference;
    int n_reference;
    double *grams;                             // NULL: nothing is refitted
    struct candidate_list *axes;               // [n_axes]
    int **source_input, **source_channel;      // [n_steps] of maps, else NULL; arena
    struct candidate_list **input_lists;       // [n_steps] likewise
    struct candidate_fused_plan *fused;        // [n_fused]; arena
    struct candidate_fused_step **fused_steps; // [n_fused] the device's; arena
    int n_fused;
    // Of the candidates of a run.
    int *widths, *channels;
    unsigned char *weights;
    float *scale, *shift;
    double *totals;
    int *routes;
    // Of the layers that are refitted at once, for most_refits candidates; the weights for all.
    double *matrices, *targets;
    float *refitted;
    struct candidate_refit_layer *refit_layers; // [layout.n_refits] the device's
    int *refit_steps;                           // [layout.n_refits] their numbers; arena
    struct candidate_refit_wave *refit_waves;   // [n_refit_waves] room for as many; arena
    int n_refit_waves, most_refits;
    struct candidate_refit_room refit_stride; // from one candidate to the next
    // Of a pass.
    unsigned char *image, *values;
    double *sums;
    float *segment_scale, *segment_shift;
    double *image_loss, *image_distance;
    int *image_right;
    struct candidate_outcome device, host; // host: arena
    int *host_lists;                       // widths and channels of a run; arena
    struct recording *recording;           // of a run of last_n candidates, owned; NULL: none
    int last_n;                            // candidates of the last run
};

// Some images on their way through the network.
struct candidate_pass {
    int n; // candidates
    int images;
    struct candidate_segments segments;
    bool
        statistics; // normalise by the segments' own statistics and gather them, else by the totals
    int first_batch; // of the calibration images
};

// How images are normalised.
struct candidate_input_args candidate_input_of(const struct candidates *c,
                                               const unsigned char *images);

// Blocks enough for `threads` threads of each of n candidates.
void candidate_launch_plain(const struct candidates *c, enum cuda_kernel_number kernel,
                            int64_t threads, int n, const void *args, size_t bytes);

struct candidate_lists candidate_lists_of(const struct candidates *c);
struct candidate_list candidate_list_of(const struct candidates *c, int axis);

// Finds out which steps are refitted.
enum status candidate_refit_find(struct candidates *c);
// Parts them into waves, for c->most candidates in so many bytes; as many at once as fit then.
void candidate_refit_part(struct candidates *c, size_t bytes);
// What the kernels want to know of them, when all memory is there; arena.
enum status candidate_refit_layers(struct candidates *c, struct candidate_refit_layer **out);
// Solves for the kept weights of wave w.
void candidate_refit_run(const struct candidates *c, int w, int n);
// Packs what step s needs of the candidates' weights, refitted ones if there are such.
void candidate_prepare_step(const struct candidates *c, int s, int n);
// The steps of a run of several as its kernel wants them; arena.
enum status candidate_fused_steps(struct candidates *c, const struct candidate_fused_plan *plan,
                                  struct candidate_fused_step **out);
// images: the raw ones of this pass.
void candidate_run_fused(const struct candidates *c, int run, const struct candidate_pass *pass,
                         const unsigned char *images);
void candidate_run_step(const struct candidates *c, int s, const struct candidate_pass *pass);
int candidate_axis_of(const struct candidates *c, int value);
// What a convolution does; raw: leaves its sums as they are.
struct candidate_filter candidate_filter_of(const struct candidates *c,
                                            const struct candidate_layer *layer, bool raw);
// What step s, no dense convolution, makes of its inputs when scoring.
struct candidate_element candidate_element_of(const struct candidates *c, int s);
// Scale and shift of step s for scoring, from the statistics of all calibration images.
void candidate_fold_step(const struct candidates *c, int s, int n);
// Value number `value` of a pass.
struct candidate_tensor candidate_value(const struct candidates *c, int value,
                                        const struct candidate_pass *pass);
