#include "envs/prune/prune_score.h"

#include "core/interrupt.h"
#include "nn/calibrate_params.h"
#include "nn/network_input.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_BATCH = 512 }; // images per call: the plan cuts them into chunks that suit it

static enum status score_all(struct infer_plan *plan, const struct score_request *request, int most,
                             float *logits, struct score *out)
{
    const struct network_info *info = request->info;
    const size_t image_bytes = network_image_bytes(info);
    TRY(infer_load(plan, request->params, request->ranges));
    for (int first = 0; first < request->images; first += most) {
        TRY(interrupt_check());
        const int left = request->images - first;
        struct score_batch batch = {
            .images = request->data->validation + (size_t)first * image_bytes,
            .labels = request->data->labels + first,
            .n = left < most ? left : most,
            .classes = info->classes,
        };
        batch.logits = logits;
        score_add(plan, &batch, out);
    }
    return OK;
}

enum status prune_score_params(struct backend *backend, const struct score_request *request,
                               struct score *out)
{
    const int batches = (request->images + MOST_BATCH - 1) / MOST_BATCH;
    const struct infer_options options = {
        .batch = (request->images + batches - 1) / batches,
        .int8 = request->ranges != NULL,
        .input = network_plan_input(request->info),
    };
    struct arena arena = {0};
    struct infer_plan *plan = NULL;
    struct score score = {0};
    enum status code = OK;
    float *logits =
        arena_alloc(&arena, (size_t)options.batch * (size_t)request->info->classes, sizeof *logits);
    code = logits != NULL ? OK : ERR_MEMORY;
    if (code == OK) {
        code = infer_open(backend, request->graph, &options, &plan);
    }
    if (code == OK) {
        code = score_all(plan, request, options.batch, logits, &score);
    }
    infer_close(plan);
    arena_close(&arena);
    TRY(code);
    *out = score;
    return OK;
}

enum status prune_cut(const struct prune_study *study, const int *widths, struct graph *graph,
                      float **params)
{
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
        if (code != OK) {
            graph_close(graph);
            free(*params);
        }
    }
    arena_close(&arena);
    return code;
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

int prune_score_images(const struct scoring_options *scoring, const struct host_dataset *data)
{
    return scoring->images > 0 && scoring->images < data->n_validation ? scoring->images
                                                                       : data->n_validation;
}

double prune_score_reward(const struct scoring_options *scoring, const struct host_dataset *data,
                          const struct cached_score *score)
{
    const double images = prune_score_images(scoring, data);
    if (score->diverged) {
        return 0;
    }
    if (scoring->reward == REWARD_ACCURACY) {
        return (double)score->right / images;
    }
    return fmax(1 - score->loss / (images * log(fmax(data->classes, 2))), -1);
}

// A cut network on its way to a score; params and ranges are rewritten.
struct candidate {
    const struct prune_study *study;
    struct graph graph;
    float *params;
    float *ranges; // [n_nodes]; NULL: float32
};

static enum status recalibrate_and_score(const struct prune_scorer *scorer,
                                         const struct candidate *candidate,
                                         struct cached_score *out, double *seconds)
{
    const struct prune_study *study = candidate->study;
    const struct graph *graph = &candidate->graph;
    const struct network_info *info = &study->network->info;
    const struct calibration calibration = {
        .input = network_plan_input(info),
        .images = study->data->calibration,
        .n = study->data->n_calibration,
        .batchnorm = true,
        .ranges = candidate->ranges,
        .seconds = seconds,
    };
    TRY(calibrate_params(scorer->backend, graph, candidate->params, &calibration));
    // Looked at before int8 would turn what is not finite into some integer.
    if (!all_finite(candidate->params, graph->n_floats) ||
        (candidate->ranges != NULL && !all_finite(candidate->ranges, (size_t)graph->n_nodes))) {
        *out = (struct cached_score){.diverged = true};
        return OK;
    }
    const struct score_request request = {
        .graph = graph,
        .params = candidate->params,
        .ranges = candidate->ranges,
        .info = info,
        .data = study->data,
        .images = prune_score_images(scorer->scoring, study->data),
    };
    struct score score;
    TRY(prune_score_params(scorer->backend, &request, &score));
    *seconds += score.seconds;
    *out = isfinite(score.loss) ? (struct cached_score){.right = score.right, .loss = score.loss}
                                : (struct cached_score){.diverged = true};
    return OK;
}

enum status prune_score_widths(const struct prune_scorer *scorer, const struct prune_study *study,
                               const int *widths, struct cached_score *out, double *seconds)
{
    const enum scoring_dtype dtype = scorer->scoring->dtype;
    const bool int8 = dtype == SCORING_INT8 || (dtype == SCORING_AUTO && scorer->backend->int8);
    struct candidate candidate = {.study = study};
    struct arena arena = {0};
    TRY(prune_cut(study, widths, &candidate.graph, &candidate.params));
    enum status code = OK;
    if (int8) {
        candidate.ranges =
            arena_alloc(&arena, (size_t)candidate.graph.n_nodes, sizeof *candidate.ranges);
        code = candidate.ranges != NULL ? OK : ERR_MEMORY;
    }
    if (code == OK) {
        code = recalibrate_and_score(scorer, &candidate, out, seconds);
    }
    arena_close(&arena);
    graph_close(&candidate.graph);
    free(candidate.params);
    return code;
}
