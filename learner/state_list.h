// The arrays that make up a state, by name: what a checkpoint writes and reads.
#pragma once
#include "core/hdf5_file.h"

enum { STATE_LIST_MAX = 1024 };
struct state_item {
    char name[64];
    enum hdf5_type type;
    size_t count;
    void *data; // borrowed
    // Of what is read: each element has to be a finite number from least to most.
    bool bounded;
    double least, most;
};
struct state_list {
    struct state_item items[STATE_LIST_MAX];
    int n;
};
// name: unique; copied. CHECKs that there is room.
void state_list_add(struct state_list *list, const char *name, enum hdf5_type type, size_t count,
                    void *data);

// The same with bounds for every element (not U8): what is read is refused when one is outside.
void state_list_add_within(struct state_list *list, const char *name, enum hdf5_type type,
                           size_t count, void *data, double least, double most);
#define STATE_COUNT_MAX 1e12 // of episodes, steps and updates: sums and products stay in an int64_t
// Whether all elements are within their bounds; ERR_INPUT names the item, the element and both.
enum status state_list_check(const struct state_list *list, const char *path);

// Written atomically with a checksum over all items; `identity` says which run it belongs to.
enum status state_list_save(const struct state_list *list, const char *identity, const char *path);
// Reads into the items' memory and checks bounds. ERR_INPUT for a damaged file, ERR_CONFIG for
// another run's. On failure the items' memory may hold anything.
enum status state_list_load(struct state_list *list, const char *identity, const char *path);
