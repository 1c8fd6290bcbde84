#include "envs/scoring/scoring_score.h"

#include "core/interrupt.h"
#include "envs/scoring/scoring_reward.h"
#include "nn/calibrate_params.h"
#include "nn/network_input.h"

#include <math.h>
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
        const struct score_batch batch = {
            .images = request->data->validation + (size_t)first * image_bytes,
            .labels = request->data->labels + first,
            .n = smaller(end - first, most),
            .classes = info->classes,
            .reference =
                request->reference != NULL ? request->reference + (size_t)first * classes : NULL,
            .logits = logits,
        };
        TRY(score_add(plan, &batch, out));
        if (request->logits != NULL) {
            memcpy(request->logits + (size_t)first * classes, logits,
                   (size_t)batch.n * classes * sizeof *logits);
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

enum status scoring_score_params(struct backend *backend, const struct score_request *request,
                                 struct score *out)
{
    const struct score_counts counts = {.n = 1, .images = &request->images, .scores = out};
    return score_params_counts(backend, request, &counts);
}

// ---- candidates

static enum scoring_dtype resolve_dtype(enum scoring_dtype asked, const struct backend *backend,
                                        enum env_int8 int8)
{
    if (asked != SCORING_AUTO) {
        return asked;
    }
    return int8 == ENV_INT8_ON || (int8 == ENV_INT8_OWN && backend->int8) ? SCORING_INT8
                                                                          : SCORING_FLOAT32;
}

enum status scoring_open_backend(const struct env_job *job, const struct scoring_options *scoring,
                                 struct backend **backend, struct scoring_options *resolved)
{
    const struct backend_options options = {.threads = job->threads,
                                            .check = job->check,
                                            .device = job->device,
                                            .turn = job->turn,
                                            .precision = job->precision,
                                            .profile = job->profile};
    TRY(backend_open(job->backend != NULL ? job->backend : "cpu", &options, backend));
    *resolved = *scoring;
    resolved->dtype = resolve_dtype(scoring->dtype, *backend, job->int8);
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

static struct cached_score kept(const struct score *score)
{
    return isfinite(score->loss) ? (struct cached_score){.right = score->right,
                                                         .loss = score->loss,
                                                         .distance = score->distance}
                                 : (struct cached_score){.diverged = true};
}

const uint8_t *scorer_calibration(const struct scorer *scorer, const struct host_subject *subject,
                                  int *n)
{
    if (scorer->calibration != NULL) {
        *n = scorer->n_calibration;
        return scorer->calibration;
    }
    *n = smaller(scorer->scoring->calibration_images, subject->n_calibration);
    return subject->calibration;
}

// ranges [n_nodes] are filled for int8; NULL: float32.
static enum status recalibrate_and_score(const struct scorer *scorer,
                                         const struct host_subject *subject,
                                         const struct scored_candidate *candidate, float *ranges,
                                         const struct score_counts *counts, bool *diverged,
                                         double *seconds)
{
    const struct graph *graph = candidate->graph;
    struct calibration calibration = {
        .input = network_plan_input(&subject->info),
        .batchnorm = true,
        .ranges = ranges,
        .seconds = seconds,
    };
    calibration.images = scorer_calibration(scorer, subject, &calibration.n);
    TRY(calibrate_params(scorer->backend, graph, candidate->params, &calibration));
    // Looked at before int8 would turn what is not finite into some integer.
    *diverged = !all_finite(candidate->params, graph->n_floats) ||
                (ranges != NULL && !all_finite(ranges, (size_t)graph->n_nodes));
    if (*diverged) {
        return OK;
    }
    const struct score_request request = {
        .graph = graph,
        .params = candidate->params,
        .ranges = ranges,
        .info = &subject->info,
        .data = subject->images,
        .reference = subject->logits,
    };
    TRY(score_params_counts(scorer->backend, &request, counts));
    *seconds += counts->scores[counts->n - 1].seconds;
    return OK;
}

enum status scoring_score_candidate(const struct scorer *scorer, const struct host_subject *subject,
                                    const struct scored_candidate *candidate,
                                    const struct score_counts *counts, struct cached_score *out,
                                    double *seconds)
{
    struct arena arena = {0};
    float *ranges = NULL;
    bool diverged = false;
    enum status code = OK;
    CHECK(scorer->scoring->dtype != SCORING_AUTO);
    if (scorer->scoring->dtype == SCORING_INT8) {
        ranges = arena_alloc(&arena, (size_t)candidate->graph->n_nodes, sizeof *ranges);
        code = ranges != NULL ? OK : ERR_MEMORY;
    }
    if (code == OK) {
        code =
            recalibrate_and_score(scorer, subject, candidate, ranges, counts, &diverged, seconds);
    }
    arena_close(&arena);
    TRY(code);
    for (int i = 0; i < counts->n; i++) {
        out[i] = diverged ? (struct cached_score){.diverged = true} : kept(&counts->scores[i]);
    }
    return OK;
}

// ---- networks that are kept

enum status scoring_score_network(struct backend *backend, enum scoring_reward reward,
                                  const struct host_subject *subject, const struct network *network,
                                  struct network_score *out)
{
    const int images = subject->images->n_validation;
    const struct score_request request = {
        .graph = &network->graph,
        .params = network->params,
        .info = &network->info,
        .data = subject->images,
        .images = images,
        .reference = subject->logits,
    };
    struct score score;
    TRY(scoring_score_params(backend, &request, &score));
    const struct cached_score worth = kept(&score);
    *out = (struct network_score){
        .accuracy = worth.diverged ? 0 : (double)score.right / images,
        .loss = score.loss / images,
        .reward = scoring_reward_of(reward, subject, &worth, images),
    };
    return OK;
}

enum status scoring_recalibrate(const struct recalibration *how, struct network *network)
{
    const struct host_dataset *set = how->subject->images;
    struct calibration calibration = {
        .input = network_plan_input(&network->info),
        .images = set->calibration,
        .n = how->images,
        .batchnorm = true,
    };
    if (how->images > set->n_calibration) {
        struct kept_images *kept = how->kept;
        if (kept->wanted != how->images) {
            kept->n = how->images;
            TRY(host_images_sample(&how->which, how->arena, &kept->images, &kept->n));
            kept->wanted = how->images;
        }
        calibration.images = kept->images;
        calibration.n = kept->n;
    }
    return calibrate_params(how->backend, &network->graph, network->params, &calibration);
}
