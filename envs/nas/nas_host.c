#include "envs/nas/nas_host.h"

#include "core/hash.h"
#include "envs/scoring/host_block.h"
#include "nn/calibrate_params.h"
#include "nn/network_input.h"

#include <stdlib.h>
#include <string.h>

// ---- filling

struct fill {
    const struct nas_config *config; // borrowed
    struct backend *backend;
    uint64_t seed;
    struct arena arena;
    struct image_fill images;
    struct supernet *supernets;    // [n] with their values; arena
    struct host_subject *subjects; // [n] arena
    int n;
};

// On all images that are drawn, as what it says is what candidates are compared with.
static enum status measure(struct fill *fill, const struct supernet *supernet,
                           struct host_subject *subject)
{
    const struct image_fill *images = &fill->images;
    const int d = subject->data;
    struct network largest;
    TRY(supernet_extract_largest(supernet, &largest));
    const struct calibration calibration = {
        .input = network_plan_input(&subject->info),
        .images = images->drawn[d],
        .n = images->n_pool[d] > 0 ? images->n_pool[d] : subject->images->n_calibration,
        .batchnorm = true,
    };
    enum status code =
        calibrate_params(fill->backend, &largest.graph, largest.params, &calibration);
    if (code == OK) {
        code = host_subject_measure(images, fill->backend, &largest.graph, largest.params, subject);
    }
    network_close(&largest);
    return code;
}

static enum status check_data(const struct supernet *supernet, const struct host_dataset *set)
{
    const struct network_data data = host_network_data(set);
    const struct network like = {.info = supernet->info};
    return network_check_data(&like, &data);
}

static enum status fill_network(struct fill *fill, int n)
{
    struct supernet *supernet = &fill->supernets[n];
    struct host_subject *subject = &fill->subjects[n];
    struct network_origin origin = {.complete = true};
    TRY(supernet_load(fill->config->networks[n].scored.file, supernet));
    memcpy(origin.dataset, supernet->info.dataset, sizeof origin.dataset);
    TRY(row_set_copy(&supernet->train_rows, &origin.train_rows));
    const enum status code =
        host_subject_begin(&fill->images, &fill->config->networks[n].scored, &origin, subject);
    row_set_close(&origin.train_rows);
    TRY(code);
    subject->info = supernet->info;
    TRY(check_data(supernet, subject->images));
    return measure(fill, supernet, subject);
}

static enum status fill_all(struct fill *fill)
{
    const int n = fill->config->n_networks;
    fill->images = (struct image_fill){
        .scoring = &fill->config->scoring, .seed = fill->seed, .arena = &fill->arena};
    TRY(image_fill_open(&fill->images, n));
    ARENA_NEW(&fill->arena, fill->supernets, (size_t)n);
    ARENA_NEW(&fill->arena, fill->subjects, (size_t)n);
    for (; fill->n < n; fill->n++) {
        const enum status code = fill_network(fill, fill->n);
        if (code != OK) {
            host_subject_close(&fill->subjects[fill->n]);
            supernet_close(&fill->supernets[fill->n]);
            return status_context(code, "network \"%s\"",
                                  fill->config->networks[fill->n].scored.name);
        }
    }
    return OK;
}

static void fill_close(struct fill *fill)
{
    for (int i = 0; i < fill->n; i++) {
        host_subject_close(&fill->subjects[i]);
        supernet_close(&fill->supernets[i]);
    }
    image_fill_close(&fill->images);
    arena_close(&fill->arena);
}

// ---- the block (host_block.h)

struct network_record {
    struct host_subject_record subject;
    uint64_t params, n_floats; // of the supernet
};

static struct network_record place_network(struct host_placer *placer, const struct fill *fill,
                                           int n)
{
    const struct supernet *supernet = &fill->supernets[n];
    struct network_record record;
    memset(&record, 0, sizeof record); // padding too: the same bytes each time
    record.subject = host_subject_place(placer, &fill->subjects[n]);
    record.n_floats = supernet->n_floats;
    record.params =
        host_place(placer, supernet->params, supernet->n_floats * sizeof *supernet->params);
    return record;
}

static void write_block(struct host_placer *placer, const struct fill *fill)
{
    const struct host_block block =
        host_block_begin(placer, &fill->images, fill->n, sizeof(struct network_record));
    for (int i = 0; i < fill->n; i++) {
        const struct network_record record = place_network(placer, fill, i);
        host_block_put(placer, &block, i, &record, sizeof record);
    }
}

static enum status prepare(void *context, size_t *bytes)
{
    struct fill *fill = context;
    TRY(fill_all(fill));
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

static enum status view(const struct nas_config *config, struct nas_host *host, struct arena *arena)
{
    const char *bytes = host->memory.data;
    const struct host_block *block;
    TRY(host_block_view(bytes, arena, &block, &host->datasets));
    const struct network_record *records = (const void *)(bytes + block->networks);
    host->n_datasets = block->n_datasets;
    for (int i = 0; i < host->n_networks; i++) {
        struct nas_host_network *network = &host->networks[i];
        if (records[i].n_floats != network->supernet.n_floats) {
            FAIL(ERR_INPUT, "%s is another supernet than it was when the search began; start again",
                 config->networks[i].scored.file);
        }
        supernet_lend(&network->supernet, (const void *)(bytes + records[i].params));
        TRY(host_subject_view(bytes, host->datasets, &records[i].subject, &network->subject));
    }
    host->cache = (struct score_slot *)(void *)host->memory.common;
    return OK;
}

// ---- opening

static uint64_t hash_config(const struct nas_config *config, uint64_t seed)
{
    uint64_t hash = hash_bytes(HASH_BEGIN, &seed, sizeof seed);
    for (int i = 0; i < config->n_networks; i++) {
        hash = host_hash_network(hash, &config->networks[i].scored);
    }
    return host_hash_scoring(hash, &config->scoring);
}

static enum status load_layouts(const struct nas_config *config, struct arena *arena,
                                struct nas_host *host)
{
    ARENA_NEW(arena, host->networks, (size_t)config->n_networks);
    for (int i = 0; i < config->n_networks; i++) {
        const struct scoring_network *network = &config->networks[i].scored;
        const enum status code = supernet_load_layout(network->file, &host->networks[i].supernet);
        if (code != OK) {
            return status_context(code, "network \"%s\"", network->name);
        }
        host->n_networks++;
    }
    return OK;
}

enum status nas_host_open(const struct nas_config *config, uint64_t seed, struct backend *backend,
                          int fd, struct arena *arena, struct nas_host *out)
{
    struct nas_host host = {0};
    struct fill fill = {.config = config, .backend = backend, .seed = seed};
    const struct host_filler filler = {.prepare = prepare, .copy = copy, .context = &fill};
    enum status code = load_layouts(config, arena, &host);
    if (code == OK) {
        code = host_memory_open(fd, hash_config(config, seed), SCORE_CACHE_BYTES, &filler,
                                &host.memory);
        fill_close(&fill);
    }
    if (code == OK) {
        code = view(config, &host, arena);
    }
    if (code != OK) {
        nas_host_close(&host);
        return code;
    }
    *out = host;
    return OK;
}

void nas_host_close(struct nas_host *host)
{
    for (int i = 0; i < host->n_networks; i++) {
        host_subject_close(&host->networks[i].subject);
        supernet_close(&host->networks[i].supernet);
    }
    host_memory_close(&host->memory);
    *host = (struct nas_host){0};
}
