// The block that all workers of a host share (host_memory.h) as an environment lays it out: this
// head, the data sets with their images, a record for each network, and what the records point to
// by offsets.
#pragma once
#include "envs/scoring/host_images.h"

struct host_block {
    int32_t n_datasets, n_networks;
    uint64_t datasets, networks; // records
};
// Writes the head and all data sets, and takes the bytes of the networks' records, of record_bytes
// each.
struct host_block host_block_begin(struct host_placer *placer, const struct image_fill *images,
                                   int n_networks, size_t record_bytes);
void host_block_put(const struct host_placer *placer, const struct host_block *block, int network,
                    const void *record, size_t record_bytes);

// The head of a written block; *datasets [n_datasets] arena: its data sets, their images in it.
enum status host_block_view(const char *bytes, struct arena *arena, const struct host_block **block,
                            struct host_dataset **datasets);
