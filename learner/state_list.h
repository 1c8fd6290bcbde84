// The arrays that make up a state, by name: what a checkpoint writes and reads.
#pragma once
#include "core/hdf5_file.h"

enum { STATE_LIST_MAX = 1024 };
struct state_item {
    char name[64];
    enum hdf5_type type;
    size_t count;
    void *data; // borrowed
};
struct state_list {
    struct state_item items[STATE_LIST_MAX];
    int n;
};
// name: unique; copied. CHECKs that there is room.
void state_list_add(struct state_list *list, const char *name, enum hdf5_type type, size_t count,
                    void *data);

// Written atomically with a checksum over all items; `identity` says which run it belongs to.
enum status state_list_save(const struct state_list *list, const char *identity, const char *path);
// Reads into the items' memory. ERR_INPUT for a damaged file, ERR_CONFIG for another run's. On
// failure the items' memory may hold anything.
enum status state_list_load(struct state_list *list, const char *identity, const char *path);
