#include "envs/scoring/host_block.h"

#include <string.h>

struct dataset_record {
    struct host_dataset set; // pointers mean nothing
    uint64_t calibration, validation, labels;
};

static void put(const struct host_placer *placer, uint64_t records, int n, const void *record,
                size_t bytes)
{
    if (placer->to != NULL) {
        memcpy(placer->to + records + (size_t)n * bytes, record, bytes);
    }
}

static struct dataset_record place_dataset(struct host_placer *placer,
                                           const struct host_dataset *set)
{
    const size_t image = host_image_bytes(set);
    const size_t n_validation = (size_t)set->n_validation;
    struct dataset_record record;
    memset(&record, 0, sizeof record); // padding too: the same bytes each time
    record.set = *set;
    record.calibration = host_place(placer, set->calibration, (size_t)set->n_calibration * image);
    record.validation = host_place(placer, set->validation, n_validation * image);
    record.labels = host_place(placer, set->labels, n_validation * sizeof *set->labels);
    return record;
}

struct host_block host_block_begin(struct host_placer *placer, const struct image_fill *images,
                                   int n_networks, size_t record_bytes)
{
    const size_t n_datasets = (size_t)images->n;
    struct host_block block = {.n_datasets = images->n, .n_networks = n_networks};
    const uint64_t head = host_reserve(placer, sizeof block);
    block.networks = host_reserve(placer, (size_t)n_networks * record_bytes);
    block.datasets = host_reserve(placer, n_datasets * sizeof(struct dataset_record));
    put(placer, head, 0, &block, sizeof block);
    for (int i = 0; i < images->n; i++) {
        const struct dataset_record record = place_dataset(placer, &images->datasets[i]);
        put(placer, block.datasets, i, &record, sizeof record);
    }
    return block;
}

void host_block_put(const struct host_placer *placer, const struct host_block *block, int network,
                    const void *record, size_t record_bytes)
{
    put(placer, block->networks, network, record, record_bytes);
}

enum status host_block_view(const char *bytes, struct arena *arena, const struct host_block **block,
                            struct host_dataset **datasets)
{
    const struct host_block *head = (const void *)bytes;
    const struct dataset_record *records = (const void *)(bytes + head->datasets);
    struct host_dataset *out;
    ARENA_NEW(arena, out, (size_t)head->n_datasets);
    for (int i = 0; i < head->n_datasets; i++) {
        out[i] = records[i].set;
        out[i].calibration = (const uint8_t *)(bytes + records[i].calibration);
        out[i].validation = (const uint8_t *)(bytes + records[i].validation);
        out[i].labels = (const int32_t *)(const void *)(bytes + records[i].labels);
    }
    *block = head;
    *datasets = out;
    return OK;
}
