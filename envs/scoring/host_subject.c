#include "envs/scoring/host_subject.h"

#include "envs/scoring/scoring_reward.h"
#include "envs/scoring/scoring_score.h"
#include "nn/calibrate_choice.h"
#include "nn/network_input.h"

#include <string.h>

enum status host_subject_begin(struct image_fill *fill, const struct scoring_network *network,
                               struct network_origin *origin, struct host_subject *out)
{
    TRY(image_fill_find(fill, network, origin, &out->data));
    out->images = &fill->datasets[out->data];
    return row_set_join(&fill->train_rows[out->data], &fill->fitted_rows[out->data],
                        &out->train_rows);
}

// On the whole search-validation set.
static enum status score_whole(const struct image_fill *fill, struct backend *backend,
                               const struct graph *graph, const float *params,
                               struct host_subject *subject)
{
    const struct scoring_options *scoring = fill->scoring;
    const struct host_dataset *data = subject->images;
    float *logits = NULL;
    struct score score;
    if (scoring->reward == REWARD_DISTILLATION) {
        ARENA_NEW(fill->arena, logits, (size_t)data->n_validation * (size_t)subject->info.classes);
    }
    const struct score_request request = {.graph = graph,
                                          .params = params,
                                          .info = &subject->info,
                                          .data = data,
                                          .images = data->n_validation,
                                          .logits = logits};
    TRY(scoring_score_params(backend, &request, &score));
    subject->base_accuracy = (double)score.right / (double)score.images;
    subject->logits = logits;
    // Of the images that the search scores on, so that the others have no part in its rewards.
    const int n = logits != NULL ? scoring_images(scoring, data) : 0;
    return scoring_spread(logits, n, subject->info.classes, fill->arena, &subject->spread);
}

enum status host_subject_measure(const struct image_fill *fill, struct backend *backend,
                                 const struct graph *graph, const float *params,
                                 struct host_subject *subject)
{
    const int d = subject->data;
    const struct calibrate_pool pool = {network_plan_input(&subject->info), fill->drawn[d],
                                        fill->n_pool[d]};
    TRY(score_whole(fill, backend, graph, params, subject));
    subject->n_calibration = subject->images->n_calibration;
    return calibrate_choose(backend, graph, params, &pool, subject->n_calibration, fill->arena,
                            &subject->calibration);
}

void host_subject_close(struct host_subject *subject)
{
    row_set_close(&subject->train_rows);
    *subject = (struct host_subject){0};
}

struct host_subject_record host_subject_place(struct host_placer *placer,
                                              const struct host_subject *subject)
{
    const struct host_dataset *set = subject->images;
    struct host_subject_record record;
    memset(&record, 0, sizeof record); // padding too: the same bytes each time
    record.info = subject->info;
    record.base_accuracy = subject->base_accuracy;
    record.spread = subject->spread;
    record.data = subject->data;
    record.n_calibration = subject->n_calibration;
    if (subject->calibration != set->calibration) {
        record.calibration = host_place(placer, subject->calibration,
                                        (size_t)subject->n_calibration * host_image_bytes(set));
    }
    if (subject->logits != NULL) {
        record.logits =
            host_place(placer, subject->logits,
                       (size_t)set->n_validation * (size_t)set->classes * sizeof(float));
    }
    record.ranges = host_place(placer, subject->train_rows.ranges,
                               (size_t)subject->train_rows.n * sizeof *subject->train_rows.ranges);
    record.n_ranges = subject->train_rows.n;
    record.rows_known = subject->train_rows.known;
    return record;
}

enum status host_subject_view(const char *block, const struct host_dataset *datasets,
                              const struct host_subject_record *record, struct host_subject *out)
{
    *out = (struct host_subject){
        .info = record->info,
        .data = record->data,
        .images = &datasets[record->data],
        .base_accuracy = record->base_accuracy,
        .calibration = record->calibration != 0 ? (const uint8_t *)(block + record->calibration)
                                                : datasets[record->data].calibration,
        .n_calibration = record->n_calibration,
        .logits =
            record->logits != 0 ? (const float *)(const void *)(block + record->logits) : NULL,
        .spread = record->spread,
    };
    return record->rows_known != 0
               ? row_set_of_ranges((const struct row_range *)(const void *)(block + record->ranges),
                                   record->n_ranges, &out->train_rows)
               : OK;
}
