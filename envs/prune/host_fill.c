#include "envs/prune/host_fill.h"

#include "envs/prune/prune_score.h"
#include "nn/calibrate_choice.h"
#include "nn/graph_text.h"
#include "nn/network_input.h"
#include "search_space/refit_rank.h"

#include <stdlib.h>
#include <string.h>

static enum status gather_validation(const struct dataset *dataset,
                                     const struct dataset_split *split, struct arena *arena,
                                     struct host_dataset *out)
{
    uint8_t *images;
    int32_t *labels;
    ARENA_NEW(arena, images, (size_t)split->n_validation * dataset_image_bytes(dataset));
    ARENA_NEW(arena, labels, (size_t)split->n_validation);
    for (int i = 0; i < split->n_validation; i++) {
        labels[i] = dataset->labels[split->validation[i]];
    }
    TRY(dataset_fetch_many(dataset, split->validation, split->n_validation, images));
    out->n_validation = split->n_validation;
    out->validation = images;
    out->labels = labels;
    return OK;
}

// Which rows of the files the images for calibration and refit are.
static enum status note_fitted(struct host_fill *fill, int d, const struct dataset *dataset,
                               const struct dataset_split *split)
{
    int32_t *rows;
    ARENA_NEW(&fill->arena, rows, (size_t)split->n_train);
    for (int i = 0; i < split->n_train; i++) {
        rows[i] = dataset_row(dataset, split->train[i]);
    }
    return row_set_of_rows(rows, split->n_train, &fill->fitted_rows[d]);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static enum status gather_data(struct host_fill *fill, int d, const struct dataset *dataset)
{
    const struct scoring_options *scoring = &fill->config->scoring;
    struct host_dataset *out = &fill->datasets[d];
    struct dataset_split split;
    *out = (struct host_dataset){
        .h = dataset->h,
        .w = dataset->w,
        .c = dataset->c,
        .classes = dataset->classes,
        .floats = dataset->type != SAMPLE_U8,
    };
    memcpy(out->name, dataset->name, sizeof out->name);
    memcpy(out->mean, dataset->mean, sizeof out->mean);
    memcpy(out->std, dataset->std, sizeof out->std);
    TRY(prune_split(scoring, dataset, &fill->train_rows[d], fill->seed, &fill->arena, &split));
    TRY(note_fitted(fill, d, dataset, &split));
    TRY(gather_validation(dataset, &split, &fill->arena, out));
    const int refit = scoring->refit != REFIT_OFF ? scoring->refit_images : 0;
    const int pool =
        scoring->calibration_pool > scoring->calibration_images ? scoring->calibration_pool : 0;
    int wanted = larger(larger(refit, pool), scoring->calibration_images);
    wanted = smaller(wanted, split.n_train);
    uint8_t *images;
    TRY(dataset_sample(dataset, split.train, split.n_train, wanted, fill->seed, &fill->arena,
                       &images));
    out->calibration = images;
    out->n_calibration = smaller(scoring->calibration_images, wanted);
    fill->drawn_images[d] = images;
    fill->n_refit_images[d] = smaller(refit, wanted);
    fill->n_pool_images[d] = smaller(pool, wanted);
    return OK;
}

// The index of the data set with these options for networks trained on these rows, read if it has
// not been yet.
static enum status find_data(struct host_fill *fill, const struct dataset_options *options,
                             const struct row_set *train_rows, int *out)
{
    for (int d = 0; d < fill->n_datasets; d++) {
        if (dataset_options_same(&fill->options[d], options) &&
            row_set_equal(&fill->train_rows[d], train_rows)) {
            *out = d;
            return OK;
        }
    }
    struct dataset dataset;
    const int d = fill->n_datasets;
    TRY(row_set_copy(train_rows, &fill->train_rows[d]));
    fill->options[d] = *options;
    fill->n_datasets++;
    TRY(dataset_open(options, DATASET_TRAIN, &dataset));
    const enum status code = gather_data(fill, d, &dataset);
    dataset_close(&dataset);
    TRY(code);
    *out = d;
    return OK;
}

// The options with a name: where they have none, the network's file says it. Rows of a data set of
// another name say nothing.
static enum status name_data(struct host_fill *fill, const struct prune_network *network,
                             struct network_origin *origin, struct dataset_options *out)
{
    *out = network->data;
    if (out->name[0] == '\0') {
        out->name = arena_copy_text(&fill->arena, origin->dataset);
        if (out->name == NULL) {
            return ERR_MEMORY;
        }
    }
    if (out->name[0] == '\0') {
        FAIL(ERR_CONFIG, "%s does not say which data set it is for; name it in the network's data",
             network->file);
    }
    if (origin->dataset[0] != '\0' && strcmp(origin->dataset, out->name) != 0) {
        row_set_close(&origin->train_rows);
    }
    return OK;
}

// The network's data set, opened.
static enum status load_data(struct host_fill *fill, const struct prune_network *asked, int *out)
{
    struct dataset_options options;
    struct network_origin origin;
    TRY(network_read_origin(asked->file, &origin));
    enum status code = name_data(fill, asked, &origin, &options);
    if (code == OK) {
        code = find_data(fill, &options, &origin.train_rows, out);
    }
    row_set_close(&origin.train_rows);
    return code;
}

static enum status gather_grams(struct host_fill *fill, int n)
{
    enum { POINTS_PER_IMAGE = 16 };
    struct host_network *network = &fill->networks[n];
    const struct refit_options options = {.images = fill->n_refit_images[network->data],
                                          .points_per_image = POINTS_PER_IMAGE,
                                          .lambda = PRUNE_REFIT_LAMBDA,
                                          .seed = fill->seed};
    const struct plan_input input = network_plan_input(&network->info);
    TRY(refit_open(fill->backend, &network->graph, &network->groups, network->params, &input,
                   fill->drawn_images[network->data], &options, &fill->refits[n]));
    size_t count;
    network->grams = refit_grams(fill->refits[n], &count);
    return OK;
}

static enum status load(struct host_fill *fill, int n, const struct prune_network *asked)
{
    struct host_network *network = &fill->networks[n];
    TRY(load_data(fill, asked, &network->data));
    const struct host_dataset *set = &fill->datasets[network->data];
    const struct network_data data = {.name = set->name,
                                      .h = set->h,
                                      .w = set->w,
                                      .c = set->c,
                                      .classes = set->classes,
                                      .floats = set->floats,
                                      .mean = set->mean,
                                      .std = set->std};
    struct network_info fallback;
    network_info_of_data("", &data, &fallback);
    struct network file;
    TRY(network_load(asked->file, &fallback, &file));
    network->info = file.info;
    network->graph = file.graph;
    network->params = fill->params[n] = file.params;
    fill->whole[n] = file.whole;
    network->whole = file.whole != NULL ? file.whole : "";
    row_set_close(&file.train_rows);
    TRY(row_set_join(&fill->train_rows[network->data], &fill->fitted_rows[network->data],
                     &network->train_rows));
    TRY(network_check_data(&file, &data));
    graph_write(&network->graph, &fill->graphs[n]);
    if (fill->graphs[n].failed) {
        FAIL(ERR_MEMORY, "out of memory for a network's graph");
    }
    return OK;
}

// Uncut, on the whole search-validation set.
static enum status score_whole(struct host_fill *fill, struct host_network *network)
{
    const struct scoring_options *scoring = &fill->config->scoring;
    const struct host_dataset *data = &fill->datasets[network->data];
    const size_t classes = (size_t)network->info.classes;
    float *logits = NULL;
    struct score score;
    if (scoring->reward == REWARD_DISTILLATION) {
        network->n_logits = prune_score_images(scoring, data);
        ARENA_NEW(&fill->arena, logits, (size_t)network->n_logits * classes);
    }
    const struct score_request request = {.graph = &network->graph,
                                          .params = network->params,
                                          .info = &network->info,
                                          .data = data,
                                          .images = data->n_validation,
                                          .logits = logits,
                                          .n_logits = network->n_logits};
    TRY(prune_score_params(fill->backend, &request, &score));
    network->base_accuracy = (double)score.right / (double)score.images;
    network->logits = logits;
    return prune_logits_spread(logits, network->n_logits, network->info.classes, &fill->arena,
                               &network->spread);
}

static enum status choose_calibration(struct host_fill *fill, struct host_network *network)
{
    const int d = network->data;
    const struct calibrate_pool pool = {network_plan_input(&network->info), fill->drawn_images[d],
                                        fill->n_pool_images[d]};
    network->n_calibration = fill->datasets[d].n_calibration;
    return calibrate_choose(fill->backend, &network->graph, network->params, &pool,
                            network->n_calibration, &fill->arena, &network->calibration);
}

static enum status prepare_network(struct host_fill *fill, int n)
{
    const struct prune_config *config = fill->config;
    struct host_network *network = &fill->networks[n];
    TRY(load(fill, n, &config->networks[n]));
    TRY(groups_find(&network->graph, &network->groups));
    const struct criterion_input input = {.graph = &network->graph,
                                          .groups = &network->groups,
                                          .params = network->params,
                                          .seed = fill->seed};
    TRY(score_whole(fill, network));
    TRY(choose_calibration(fill, network));
    if (prune_refits(&config->scoring, &network->graph, &network->groups)) {
        TRY(gather_grams(fill, n));
    }
    const bool by_errors = fill->refits[n] != NULL && config->space.by == SPACE_BY_ERRORS;
    TRY(by_errors ? refit_rank(&input, fill->refits[n], &fill->arena, &network->ranking)
                  : criterion_rank(criteria[config->space.criterion], &input, &fill->arena,
                                   &network->ranking));
    return host_prior_make(&input, &network->ranking, fill->refits[n], &fill->arena,
                           &network->prior);
}

enum status host_fill_prepare(struct host_fill *fill)
{
    const size_t n = (size_t)fill->config->n_networks;
    ARENA_NEW(&fill->arena, fill->options, n);
    ARENA_NEW(&fill->arena, fill->train_rows, n);
    ARENA_NEW(&fill->arena, fill->fitted_rows, n);
    ARENA_NEW(&fill->arena, fill->drawn_images, n);
    ARENA_NEW(&fill->arena, fill->n_refit_images, n);
    ARENA_NEW(&fill->arena, fill->n_pool_images, n);
    ARENA_NEW(&fill->arena, fill->datasets, n);
    ARENA_NEW(&fill->arena, fill->networks, n);
    ARENA_NEW(&fill->arena, fill->refits, n);
    ARENA_NEW(&fill->arena, fill->params, n);
    ARENA_NEW(&fill->arena, fill->graphs, n);
    ARENA_NEW(&fill->arena, fill->whole, n);
    fill->n_networks = (int)n;
    for (int i = 0; i < fill->n_networks; i++) {
        const enum status code = prepare_network(fill, i);
        if (code != OK) {
            return status_context(code, "network \"%s\"", fill->config->networks[i].name);
        }
    }
    return OK;
}

void host_fill_close(struct host_fill *fill)
{
    for (int n = 0; n < fill->n_networks; n++) {
        refit_close(fill->refits[n]);
        groups_close(&fill->networks[n].groups);
        graph_close(&fill->networks[n].graph);
        row_set_close(&fill->networks[n].train_rows);
        free(fill->params[n]);
        text_close(&fill->graphs[n]);
        free(fill->whole[n]);
    }
    for (int d = 0; d < fill->n_datasets; d++) {
        row_set_close(&fill->train_rows[d]);
        row_set_close(&fill->fitted_rows[d]);
    }
    arena_close(&fill->arena);
    *fill = (struct host_fill){0};
}
