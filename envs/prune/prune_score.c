#include "envs/prune/prune_score.h"

#include "core/clock.h"
#include "core/interrupt.h"
#include "nn/calibrate_params.h"
#include "nn/network_input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BATCH = 512 }; // images per call: the plan cuts them into chunks that suit it

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

// Adds images up to `end` to the score.
static enum status score_up_to(struct infer_plan *plan, const struct score_request *request,
                               int most, float *logits, int end, struct score *out)
{
    const struct network_info *info = request->info;
    const size_t image_bytes = network_image_bytes(info), classes = (size_t)info->classes;
    while (out->images < end) {
        TRY(interrupt_check());
        const int first = (int)out->images;
        const bool has_reference = first < request->n_reference;
        const int until = has_reference ? smaller(end, request->n_reference) : end;
        const struct score_batch batch = {
            .images = request->data->validation + (size_t)first * image_bytes,
            .labels = request->data->labels + first,
            .n = smaller(until - first, most),
            .classes = info->classes,
            .reference = has_reference ? request->reference + (size_t)first * classes : NULL,
            .logits = logits,
        };
        TRY(score_add(plan, &batch, out));
        if (first < request->n_logits) {
            const int kept = smaller(batch.n, request->n_logits - first);
            memcpy(request->logits + (size_t)first * classes, logits,
                   (size_t)kept * classes * sizeof *logits);
        }
    }
    return OK;
}

static enum status score_counts(struct infer_plan *plan, const struct score_request *request,
                                int most, float *logits, const struct score_counts *counts)
{
    struct score score = {0};
    TRY(infer_load(plan, request->params, request->ranges));
    for (int i = 0; i < counts->n; i++) {
        TRY(score_up_to(plan, request, most, logits, counts->images[i], &score));
        counts->scores[i] = score;
        if (counts->seconds != NULL) {
            counts->seconds[i] = counts->clock();
        }
    }
    return OK;
}

static enum status score_params_counts(struct backend *backend, const struct score_request *request,
                                       const struct score_counts *counts)
{
    const int images = counts->images[counts->n - 1];
    const int batches = (images + MOST_BATCH - 1) / MOST_BATCH;
    const struct infer_options options = {
        .batch = (images + batches - 1) / batches,
        .int8 = request->ranges != NULL,
        .input = network_plan_input(request->info),
    };
    struct arena arena = {0};
    struct infer_plan *plan = NULL;
    enum status code = OK;
    float *logits =
        arena_alloc(&arena, (size_t)options.batch * (size_t)request->info->classes, sizeof *logits);
    code = logits != NULL ? OK : ERR_MEMORY;
    if (code == OK) {
        code = infer_open(backend, request->graph, &options, &plan);
    }
    if (code == OK) {
        code = score_counts(plan, request, options.batch, logits, counts);
    }
    infer_close(plan);
    arena_close(&arena);
    return code;
}

enum status prune_score_params(struct backend *backend, const struct score_request *request,
                               struct score *out)
{
    const struct score_counts counts = {.n = 1, .images = &request->images, .scores = out};
    return score_params_counts(backend, request, &counts);
}

// A cut network on its way to a score; params and ranges are rewritten.
struct candidate {
    const struct prune_study *study;
    struct graph graph;
    float *params;
    float *ranges; // [n_nodes]; NULL: float32
};

static void candidate_close(struct candidate *candidate)
{
    graph_close(&candidate->graph);
    free(candidate->params);
    *candidate = (struct candidate){0};
}

static enum status cut(const struct prune_study *study, const int *widths, struct candidate *out)
{
    struct graph *graph = &out->graph;
    float **params = &out->params;
    const struct host_network *network = study->network;
    struct arena arena = {0};
    struct keep keep;
    enum status code = ranking_keep(&network->groups, &network->ranking, widths, &arena, &keep);
    if (code == OK) {
        code =
            slim_network(&network->graph, &network->groups, network->params, &keep, graph, params);
    }
    if (code == OK && study->refit != NULL) {
        code = refit_apply(study->refit, &keep, graph, *params);
    }
    if (code != OK) {
        candidate_close(out);
    }
    arena_close(&arena);
    return code;
}

enum status prune_cut(const struct prune_study *study, const int *widths, struct graph *graph,
                      float **params)
{
    struct candidate candidate = {.study = study};
    TRY(cut(study, widths, &candidate));
    *graph = candidate.graph;
    *params = candidate.params;
    return OK;
}

static bool all_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

bool prune_refits(const struct scoring_options *scoring, const struct graph *graph,
                  const struct groups *groups)
{
    return scoring->refit == REFIT_ON ||
           (scoring->refit == REFIT_AUTO && refit_check(graph, groups) == OK);
}

static struct cached_score kept(const struct score *score)
{
    return isfinite(score->loss) ? (struct cached_score){.right = score->right,
                                                         .loss = score->loss,
                                                         .distance = score->distance}
                                 : (struct cached_score){.diverged = true};
}

const uint8_t *prune_scorer_calibration(const struct prune_scorer *scorer,
                                        const struct host_network *network, int *n)
{
    if (scorer->calibration != NULL) {
        *n = scorer->n_calibration;
        return scorer->calibration;
    }
    *n = smaller(scorer->scoring->calibration_images, network->n_calibration);
    return network->calibration;
}

static enum status recalibrate_and_score(const struct prune_scorer *scorer,
                                         const struct candidate *candidate,
                                         const struct score_counts *counts, bool *diverged,
                                         double *seconds)
{
    const struct prune_study *study = candidate->study;
    const struct graph *graph = &candidate->graph;
    const struct network_info *info = &study->network->info;
    const struct host_network *network = study->network;
    struct calibration calibration = {
        .input = network_plan_input(info),
        .batchnorm = true,
        .ranges = candidate->ranges,
        .seconds = seconds,
    };
    calibration.images = prune_scorer_calibration(scorer, network, &calibration.n);
    TRY(calibrate_params(scorer->backend, graph, candidate->params, &calibration));
    // Looked at before int8 would turn what is not finite into some integer.
    *diverged =
        !all_finite(candidate->params, graph->n_floats) ||
        (candidate->ranges != NULL && !all_finite(candidate->ranges, (size_t)graph->n_nodes));
    if (*diverged) {
        return OK;
    }
    const struct score_request request = {
        .graph = graph,
        .params = candidate->params,
        .ranges = candidate->ranges,
        .info = info,
        .data = study->data,
        .reference = network->logits,
        .n_reference = network->n_logits,
    };
    TRY(score_params_counts(scorer->backend, &request, counts));
    *seconds += counts->scores[counts->n - 1].seconds;
    return OK;
}

static enum status score_candidate(const struct prune_scorer *scorer,
                                   const struct prune_study *study, const int *widths,
                                   const struct score_counts *counts, bool *diverged,
                                   double *seconds)
{
    struct candidate candidate = {.study = study};
    struct arena arena = {0};
    TRY(cut(study, widths, &candidate));
    enum status code = OK;
    CHECK(scorer->scoring->dtype != SCORING_AUTO);
    if (scorer->scoring->dtype == SCORING_INT8) {
        candidate.ranges =
            arena_alloc(&arena, (size_t)candidate.graph.n_nodes, sizeof *candidate.ranges);
        code = candidate.ranges != NULL ? OK : ERR_MEMORY;
    }
    if (code == OK) {
        code = recalibrate_and_score(scorer, &candidate, counts, diverged, seconds);
    }
    arena_close(&arena);
    candidate_close(&candidate);
    return code;
}

enum status prune_score_counts(const struct prune_scorer *scorer, const struct prune_study *study,
                               const int *widths, const struct score_counts *counts,
                               struct cached_score *out, double *seconds)
{
    bool diverged = false;
    TRY(score_candidate(scorer, study, widths, counts, &diverged, seconds));
    for (int i = 0; i < counts->n; i++) {
        out[i] = diverged ? (struct cached_score){.diverged = true} : kept(&counts->scores[i]);
    }
    return OK;
}

enum status prune_score_widths(const struct prune_scorer *scorer, const struct prune_study *study,
                               const int *widths, struct cached_score *out, double *seconds)
{
    const int images = prune_score_images(scorer->scoring, study->data);
    struct score score;
    const struct score_counts counts = {.n = 1, .images = &images, .scores = &score};
    return prune_score_counts(scorer, study, widths, &counts, out, seconds);
}
