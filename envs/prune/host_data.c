#include "envs/prune/host_data.h"

#include "core/hash.h"
#include "envs/prune/host_fill.h"
#include "envs/scoring/host_block.h"
#include "nn/graph_text.h"
#include "search_space/refit.h"

#include <string.h>

// In the block (host_block.h), of each network.
struct network_record {
    struct host_subject_record subject;
    uint64_t graph, whole, params, order, grams; // grams 0: none
    uint64_t norm, gamma, error, readers;        // of the prior
};

static struct network_record place_network(struct host_placer *placer, const struct host_fill *fill,
                                           int n)
{
    const struct host_network *network = &fill->networks[n];
    const size_t channels = (size_t)ranking_count(&network->groups);
    struct network_record record;
    memset(&record, 0, sizeof record); // padding too: the same bytes each time
    record.subject = host_subject_place(placer, &network->subject);
    record.graph = host_place(placer, fill->graphs[n].bytes, fill->graphs[n].length + 1);
    record.whole = host_place(placer, network->whole, strlen(network->whole) + 1);
    record.params = host_place(placer, network->params, network->graph.n_floats * sizeof(float));
    record.order = host_place(placer, network->ranking.order, channels * sizeof(int));
    record.norm = host_place(placer, network->prior.norm, channels * sizeof(float));
    record.gamma = host_place(placer, network->prior.gamma, channels * sizeof(float));
    record.error = host_place(placer, network->prior.error, channels * sizeof(float));
    record.readers =
        host_place(placer, network->prior.readers, (size_t)network->groups.n * sizeof(int));
    if (network->grams != NULL) {
        size_t count;
        const double *grams = refit_grams(fill->refits[n], &count);
        record.grams = host_place(placer, grams, count * sizeof *grams);
    }
    return record;
}

static void write_block(struct host_placer *placer, const struct host_fill *fill)
{
    const struct host_block block =
        host_block_begin(placer, &fill->images, fill->n_networks, sizeof(struct network_record));
    for (int i = 0; i < fill->n_networks; i++) {
        const struct network_record record = place_network(placer, fill, i);
        host_block_put(placer, &block, i, &record, sizeof record);
    }
}

static enum status prepare(void *context, size_t *bytes)
{
    struct host_fill *fill = context;
    TRY(host_fill_prepare(fill));
    struct host_placer counter = {0};
    write_block(&counter, fill);
    *bytes = counter.at;
    return OK;
}

static void copy(void *context, char *to)
{
    struct host_placer placer = {0};
    placer.to = to;
    write_block(&placer, context);
}

static enum status view_network(const struct host_data *host, const struct network_record *record,
                                struct host_network *out)
{
    const char *data = host->memory.data;
    *out = (struct host_network){
        .whole = data + record->whole,
        .params = (const float *)(const void *)(data + record->params),
        .ranking = {.order = (const int *)(const void *)(data + record->order)},
        .prior = {.norm = (const float *)(const void *)(data + record->norm),
                  .gamma = (const float *)(const void *)(data + record->gamma),
                  .error = (const float *)(const void *)(data + record->error),
                  .readers = (const int *)(const void *)(data + record->readers)},
        .grams = record->grams != 0 ? (const double *)(const void *)(data + record->grams) : NULL,
    };
    TRY(host_subject_view(data, host->datasets, &record->subject, &out->subject));
    TRY(graph_read_text(data + record->graph, &out->graph));
    return groups_find(&out->graph, &out->groups);
}

static enum status view(struct host_data *data, struct arena *arena)
{
    const char *bytes = data->memory.data;
    const struct host_block *block;
    TRY(host_block_view(bytes, arena, &block, &data->datasets));
    const struct network_record *networks = (const void *)(bytes + block->networks);
    ARENA_NEW(arena, data->networks, (size_t)block->n_networks);
    data->n_datasets = block->n_datasets;
    for (int i = 0; i < block->n_networks; i++) {
        TRY(view_network(data, &networks[i], &data->networks[data->n_networks++]));
    }
    return OK;
}

// Of everything that the contents and the scores depend on.
static uint64_t hash_config(const struct prune_config *config, uint64_t seed)
{
    const int64_t numbers[] = {config->space.criterion, config->space.by};
    uint64_t hash = hash_bytes(HASH_BEGIN, &seed, sizeof seed);
    for (int i = 0; i < config->n_networks; i++) {
        hash = host_hash_network(hash, &config->networks[i]);
    }
    hash = host_hash_scoring(hash, &config->scoring);
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
        host_subject_close(&data->networks[i].subject);
    }
    host_memory_close(&data->memory);
    *data = (struct host_data){0};
}
