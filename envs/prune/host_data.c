#include "envs/prune/host_data.h"

#include "core/hash.h"
#include "envs/prune/host_fill.h"
#include "nn/graph_text.h"
#include "search_space/refit.h"

#include <string.h>

// The block: one of these, then everything else at the offsets that it and its records give.
struct block {
    int32_t n_datasets, n_networks;
    uint64_t datasets, networks; // records
};
struct dataset_record {
    struct host_dataset set; // pointers mean nothing
    uint64_t calibration, validation, labels;
};
struct network_record {
    struct network_info info;
    double base_accuracy, spread;
    int32_t data, n_calibration, n_logits;
    uint64_t calibration, logits;                // calibration 0: the data set's
    uint64_t graph, whole, params, order, grams; // grams 0: none
    uint64_t norm, gamma, error, readers;        // of the prior
    uint64_t ranges;                             // of train_rows
    int32_t n_ranges, rows_known;
};

// Writes pieces one after the other; with to NULL it only counts.
struct placer {
    char *to;
    size_t at;
};

static uint64_t place(struct placer *placer, const void *bytes, size_t n)
{
    const size_t at = (placer->at + 63) / 64 * 64;
    if (placer->to != NULL && n > 0) {
        memcpy(placer->to + at, bytes, n);
    }
    placer->at = at + n;
    return at;
}

static size_t image_bytes(const struct host_dataset *set)
{
    return (size_t)set->h * (size_t)set->w * (size_t)set->c * (set->floats ? sizeof(float) : 1);
}

static struct dataset_record place_dataset(struct placer *placer, const struct host_dataset *set)
{
    const size_t image = image_bytes(set);
    const size_t n_validation = (size_t)set->n_validation;
    struct dataset_record record;
    memset(&record, 0, sizeof record); // padding too: the same bytes each time
    record.set = *set;
    record.calibration = place(placer, set->calibration, (size_t)set->n_calibration * image);
    record.validation = place(placer, set->validation, n_validation * image);
    record.labels = place(placer, set->labels, n_validation * sizeof *set->labels);
    return record;
}

static struct network_record place_network(struct placer *placer, const struct host_fill *fill,
                                           int n)
{
    const struct host_network *network = &fill->networks[n];
    const struct host_dataset *set = &fill->datasets[network->data];
    const size_t channels = (size_t)ranking_count(&network->groups);
    struct network_record record;
    memset(&record, 0, sizeof record);
    record.info = network->info;
    record.base_accuracy = network->base_accuracy;
    record.spread = network->spread;
    record.data = network->data;
    record.n_calibration = network->n_calibration;
    record.n_logits = network->n_logits;
    if (network->calibration != fill->datasets[network->data].calibration) {
        record.calibration =
            place(placer, network->calibration, (size_t)network->n_calibration * image_bytes(set));
    }
    record.logits = place(placer, network->logits,
                          (size_t)network->n_logits * (size_t)set->classes * sizeof(float));
    record.graph = place(placer, fill->graphs[n].bytes, fill->graphs[n].length + 1);
    record.whole = place(placer, network->whole, strlen(network->whole) + 1);
    record.params = place(placer, network->params, network->graph.n_floats * sizeof(float));
    record.order = place(placer, network->ranking.order, channels * sizeof(int));
    record.norm = place(placer, network->prior.norm, channels * sizeof(float));
    record.gamma = place(placer, network->prior.gamma, channels * sizeof(float));
    record.error = place(placer, network->prior.error, channels * sizeof(float));
    record.readers = place(placer, network->prior.readers, (size_t)network->groups.n * sizeof(int));
    record.ranges = place(placer, network->train_rows.ranges,
                          (size_t)network->train_rows.n * sizeof *network->train_rows.ranges);
    record.n_ranges = network->train_rows.n;
    record.rows_known = network->train_rows.known;
    if (network->grams != NULL) {
        size_t count;
        const double *grams = refit_grams(fill->refits[n], &count);
        record.grams = place(placer, grams, count * sizeof *grams);
    }
    return record;
}

static size_t write_block(struct host_fill *fill, char *to)
{
    struct placer placer = {.to = to, .at = sizeof(struct block)};
    struct block block = {.n_datasets = fill->n_datasets, .n_networks = fill->n_networks};
    // The records' own places come first, so that they are known.
    const size_t n = (size_t)fill->n_networks, d = (size_t)fill->n_datasets;
    block.datasets = (placer.at + 63) / 64 * 64;
    block.networks = (block.datasets + d * sizeof(struct dataset_record) + 63) / 64 * 64;
    placer.at = block.networks + n * sizeof(struct network_record);
    for (size_t i = 0; i < d; i++) {
        const struct dataset_record record = place_dataset(&placer, &fill->datasets[i]);
        if (to != NULL) {
            memcpy(to + block.datasets + i * sizeof record, &record, sizeof record);
        }
    }
    for (size_t i = 0; i < n; i++) {
        const struct network_record record = place_network(&placer, fill, (int)i);
        if (to != NULL) {
            memcpy(to + block.networks + i * sizeof record, &record, sizeof record);
        }
    }
    if (to != NULL) {
        memcpy(to, &block, sizeof block);
    }
    return placer.at;
}

static enum status prepare(void *context, size_t *bytes)
{
    struct host_fill *fill = context;
    TRY(host_fill_prepare(fill));
    *bytes = write_block(fill, NULL);
    return OK;
}

static void copy(void *context, char *to)
{
    (void)write_block(context, to);
}

static enum status view_network(const struct host_memory *memory,
                                const struct network_record *record, struct host_network *out)
{
    const char *data = memory->data;
    *out = (struct host_network){
        .info = record->info,
        .whole = data + record->whole,
        .params = (const float *)(const void *)(data + record->params),
        .ranking = {.order = (const int *)(const void *)(data + record->order)},
        .prior = {.norm = (const float *)(const void *)(data + record->norm),
                  .gamma = (const float *)(const void *)(data + record->gamma),
                  .error = (const float *)(const void *)(data + record->error),
                  .readers = (const int *)(const void *)(data + record->readers)},
        .grams = record->grams != 0 ? (const double *)(const void *)(data + record->grams) : NULL,
        .base_accuracy = record->base_accuracy,
        .data = record->data,
        .n_calibration = record->n_calibration,
        .logits = (const float *)(const void *)(data + record->logits),
        .n_logits = record->n_logits,
        .spread = record->spread,
    };
    if (record->rows_known != 0) {
        TRY(row_set_of_ranges((const struct row_range *)(const void *)(data + record->ranges),
                              record->n_ranges, &out->train_rows));
    }
    TRY(graph_read_text(data + record->graph, &out->graph));
    return groups_find(&out->graph, &out->groups);
}

static enum status view(struct host_data *data, struct arena *arena)
{
    const char *bytes = data->memory.data;
    const struct block *block = (const void *)bytes;
    const struct dataset_record *sets = (const void *)(bytes + block->datasets);
    const struct network_record *networks = (const void *)(bytes + block->networks);
    ARENA_NEW(arena, data->datasets, (size_t)block->n_datasets);
    ARENA_NEW(arena, data->networks, (size_t)block->n_networks);
    for (int i = 0; i < block->n_datasets; i++) {
        struct host_dataset *set = &data->datasets[data->n_datasets++];
        *set = sets[i].set;
        set->calibration = (const uint8_t *)(bytes + sets[i].calibration);
        set->validation = (const uint8_t *)(bytes + sets[i].validation);
        set->labels = (const int32_t *)(const void *)(bytes + sets[i].labels);
    }
    for (int i = 0; i < block->n_networks; i++) {
        struct host_network *network = &data->networks[data->n_networks++];
        TRY(view_network(&data->memory, &networks[i], network));
        network->calibration = networks[i].calibration != 0
                                   ? (const uint8_t *)(bytes + networks[i].calibration)
                                   : data->datasets[network->data].calibration;
    }
    return OK;
}

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

// Of everything that the contents and the scores depend on.
static uint64_t hash_config(const struct prune_config *config, uint64_t seed)
{
    const struct scoring_options *scoring = &config->scoring;
    const int64_t numbers[] = {scoring->calibration_images,
                               scoring->calibration_pool,
                               scoring->reward,
                               scoring->images,
                               scoring->refit_images,
                               scoring->refit,
                               scoring->dtype,
                               config->space.criterion,
                               config->space.by};
    uint64_t hash = hash_bytes(HASH_BEGIN, &seed, sizeof seed);
    for (int i = 0; i < config->n_networks; i++) {
        hash = hash_text(hash, config->networks[i].file);
        hash = hash_data(hash, &config->networks[i].data);
    }
    hash = hash_bytes(hash, &scoring->validation_share, sizeof scoring->validation_share);
    return hash_bytes(hash, numbers, sizeof numbers);
}

enum status host_data_open(const struct prune_config *config, uint64_t seed,
                           struct backend *backend, int fd, struct arena *arena,
                           struct host_data *out)
{
    struct host_fill fill = {.config = config, .seed = seed, .backend = backend};
    const struct host_filler filler = {.prepare = prepare, .copy = copy, .context = &fill};
    struct host_data data = {0};
    enum status code =
        host_memory_open(fd, hash_config(config, seed), SCORE_CACHE_BYTES, &filler, &data.memory);
    host_fill_close(&fill);
    if (code == OK) {
        code = view(&data, arena);
    }
    if (code != OK) {
        host_data_close(&data);
        return code;
    }
    data.cache = (struct score_slot *)(void *)data.memory.common;
    *out = data;
    return OK;
}

void host_data_close(struct host_data *data)
{
    for (int i = 0; i < data->n_networks; i++) {
        groups_close(&data->networks[i].groups);
        graph_close(&data->networks[i].graph);
        row_set_close(&data->networks[i].train_rows);
    }
    host_memory_close(&data->memory);
    *data = (struct host_data){0};
}

enum status host_data_sample(const struct prune_config *config, const struct host_data *data,
                             int network, uint64_t seed, struct arena *arena, uint8_t **images,
                             int *n)
{
    struct dataset_options options = config->networks[network].data;
    if (options.name[0] == '\0') {
        options.name = data->networks[network].info.dataset;
    }
    struct dataset dataset;
    struct dataset_split split;
    enum status code;
    TRY(dataset_open(&options, DATASET_TRAIN, &dataset));
    TRY_GOTO(code,
             prune_split(&config->scoring, &dataset, &data->networks[network].train_rows, seed,
                         arena, &split),
             done);
    *n = *n < split.n_train ? *n : split.n_train;
    code = dataset_sample(&dataset, split.train, split.n_train, *n, seed, arena, images);
done:
    dataset_close(&dataset);
    return code;
}
