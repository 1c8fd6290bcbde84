// A network's description as the metadata of a file that is written.
#pragma once
#include "nn/network.h"
#include "nn/safetensors.h"

enum { NETWORK_METADATA_MOST = 8 };
// A zeroed one is empty.
struct network_metadata {
    struct text input, classes, mean, std, train_rows;
    struct safetensors_entry entries[NETWORK_METADATA_MOST]; // into these, and into info
    int n;
};
// What network_info_read and network_info_rows read back. train_rows that are not known are not
// said. Closed by the caller, also after a failure.
enum status network_metadata_make(const struct network_info *info, const struct row_set *train_rows,
                                  struct network_metadata *out);
void network_metadata_close(struct network_metadata *metadata);
