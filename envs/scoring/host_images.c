#include "envs/scoring/host_images.h"

#include "core/hash.h"

#include <string.h>

size_t host_image_bytes(const struct host_dataset *set)
{
    return (size_t)set->h * (size_t)set->w * (size_t)set->c * (set->floats ? sizeof(float) : 1);
}

struct network_data host_network_data(const struct host_dataset *set)
{
    return (struct network_data){.name = set->name,
                                 .h = set->h,
                                 .w = set->w,
                                 .c = set->c,
                                 .classes = set->classes,
                                 .floats = set->floats,
                                 .mean = set->mean,
                                 .std = set->std};
}

// ---- gathering

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
static enum status note_fitted(struct image_fill *fill, int d, const struct dataset *dataset,
                               const struct dataset_split *split)
{
    int32_t *rows;
    ARENA_NEW(fill->arena, rows, (size_t)split->n_train);
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

static enum status gather_data(struct image_fill *fill, int d, const struct dataset *dataset)
{
    const struct scoring_options *scoring = fill->scoring;
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
    TRY(scoring_split(scoring, dataset, &fill->train_rows[d], fill->seed, fill->arena, &split));
    TRY(note_fitted(fill, d, dataset, &split));
    TRY(gather_validation(dataset, &split, fill->arena, out));
    const int pool =
        scoring->calibration_pool > scoring->calibration_images ? scoring->calibration_pool : 0;
    int wanted = larger(larger(fill->more, pool), scoring->calibration_images);
    wanted = smaller(wanted, split.n_train);
    uint8_t *images;
    TRY(dataset_sample(dataset, split.train, split.n_train, wanted, fill->seed, fill->arena,
                       &images));
    out->calibration = images;
    out->n_calibration = smaller(scoring->calibration_images, wanted);
    fill->drawn[d] = images;
    fill->n_more[d] = smaller(fill->more, wanted);
    fill->n_pool[d] = smaller(pool, wanted);
    return OK;
}

// The index of the data set with these options for networks trained on these rows, read if it has
// not been yet.
static enum status find_data(struct image_fill *fill, const struct dataset_options *options,
                             const struct row_set *train_rows, int *out)
{
    for (int d = 0; d < fill->n; d++) {
        if (dataset_options_same(&fill->options[d], options) &&
            row_set_equal(&fill->train_rows[d], train_rows)) {
            *out = d;
            return OK;
        }
    }
    struct dataset dataset;
    const int d = fill->n;
    TRY(row_set_copy(train_rows, &fill->train_rows[d]));
    fill->options[d] = *options;
    fill->n++;
    TRY(dataset_open(options, DATASET_TRAIN, &dataset));
    const enum status code = gather_data(fill, d, &dataset);
    dataset_close(&dataset);
    TRY(code);
    *out = d;
    return OK;
}

// The options with a name: where they have none, the network's file says it. Rows of a data set of
// another name say nothing.
static enum status name_data(struct image_fill *fill, const struct scoring_network *network,
                             struct network_origin *origin, struct dataset_options *out)
{
    *out = network->data;
    if (out->name[0] == '\0') {
        out->name = arena_copy_text(fill->arena, origin->dataset);
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

enum status image_fill_find(struct image_fill *fill, const struct scoring_network *network,
                            struct network_origin *origin, int *out)
{
    struct dataset_options options;
    TRY(name_data(fill, network, origin, &options));
    return find_data(fill, &options, &origin->train_rows, out);
}

enum status image_fill_open(struct image_fill *fill, int most)
{
    const size_t n = (size_t)most;
    ARENA_NEW(fill->arena, fill->options, n);
    ARENA_NEW(fill->arena, fill->train_rows, n);
    ARENA_NEW(fill->arena, fill->fitted_rows, n);
    ARENA_NEW(fill->arena, fill->drawn, n);
    ARENA_NEW(fill->arena, fill->n_more, n);
    ARENA_NEW(fill->arena, fill->n_pool, n);
    ARENA_NEW(fill->arena, fill->datasets, n);
    return OK;
}

void image_fill_close(struct image_fill *fill)
{
    for (int d = 0; d < fill->n; d++) {
        row_set_close(&fill->train_rows[d]);
        row_set_close(&fill->fitted_rows[d]);
    }
    *fill = (struct image_fill){0};
}

enum status host_images_sample(const struct more_images *which, struct arena *arena,
                               uint8_t **images, int *n)
{
    struct dataset_options options = *which->options;
    struct dataset dataset;
    struct dataset_split split;
    enum status code;
    if (options.name[0] == '\0') {
        options.name = which->dataset;
    }
    TRY(dataset_open(&options, DATASET_TRAIN, &dataset));
    TRY_GOTO(code,
             scoring_split(which->scoring, &dataset, which->train_rows, which->seed, arena, &split),
             done);
    *n = *n < split.n_train ? *n : split.n_train;
    code = dataset_sample(&dataset, split.train, split.n_train, *n, which->seed, arena, images);
done:
    dataset_close(&dataset);
    return code;
}

// ---- what it all depends on

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

static uint64_t hash_data(uint64_t hash, const struct dataset_options *data)
{
    const int64_t numbers[] = {
        data->labels, data->superclass,    data->size,        data->count,    data->height,
        data->width,  (int64_t)data->seed, data->first_label, data->channels, data->skip_bad};
    hash = hash_text(hash_text(hash, data->name), data->path);
    hash = hash_text(hash, data->background != NULL ? data->background : "");
    hash = hash_text(hash_text(hash, data->data_root), data->group_pattern);
    hash = hash_bytes(hash, numbers, sizeof numbers);
    hash = hash_bytes(hash, &data->share, sizeof data->share);
    if (data->classes != NULL) {
        hash = hash_bytes(hash, data->classes->values,
                          (size_t)data->classes->n * sizeof *data->classes->values);
    }
    return hash;
}

uint64_t host_hash_network(uint64_t hash, const struct scoring_network *network)
{
    return hash_data(hash_text(hash, network->file), &network->data);
}

uint64_t host_hash_scoring(uint64_t hash, const struct scoring_options *scoring)
{
    const int64_t numbers[] = {scoring->calibration_images,
                               scoring->calibration_pool,
                               scoring->reward,
                               scoring->images,
                               scoring->refit_images,
                               scoring->refit,
                               scoring->dtype};
    hash = hash_bytes(hash, &scoring->validation_share, sizeof scoring->validation_share);
    return hash_bytes(hash, numbers, sizeof numbers);
}
