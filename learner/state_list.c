// A state as one HDF5 file: its arrays under their names, "identity", and "checksum", I64 [2]: of
// the identity alone, so that another run's file can be told from a damaged one, and of all arrays.
#include "learner/state_list.h"

#include "core/hash.h"

#include <stdlib.h>
#include <string.h>

enum { CHECKSUM_OF_IDENTITY, CHECKSUM_OF_ITEMS, N_CHECKSUMS };

void state_list_add(struct state_list *list, const char *name, enum hdf5_type type, size_t count,
                    void *data)
{
    CHECK(list->n < STATE_LIST_MAX && strlen(name) < sizeof list->items[0].name);
    for (int i = 0; i < list->n; i++) {
        CHECK(strcmp(list->items[i].name, name) != 0);
    }
    struct state_item *item = &list->items[list->n++];
    *item = (struct state_item){.type = type, .count = count, .data = data};
    memcpy(item->name, name, strlen(name));
}

void state_list_add_within(struct state_list *list, const char *name, enum hdf5_type type,
                           size_t count, void *data, double least, double most)
{
    CHECK(type != HDF5_U8 && least <= most);
    state_list_add(list, name, type, count, data);
    struct state_item *item = &list->items[list->n - 1];
    item->bounded = true;
    item->least = least;
    item->most = most;
}

static double element(const struct state_item *item, size_t i)
{
    switch (item->type) {
    case HDF5_I32:
        return ((const int32_t *)item->data)[i];
    case HDF5_I64:
        return (double)((const int64_t *)item->data)[i];
    case HDF5_F32:
        return (double)((const float *)item->data)[i];
    case HDF5_F64:
        return ((const double *)item->data)[i];
    case HDF5_U8:
    case HDF5_OTHER:
        break;
    }
    return 0.0;
}

enum status state_list_check(const struct state_list *list, const char *path)
{
    for (int k = 0; k < list->n; k++) {
        const struct state_item *item = &list->items[k];
        for (size_t i = 0; i < item->count && item->bounded; i++) {
            const double value = element(item, i);
            if (!(value >= item->least && value <= item->most)) {
                FAIL(ERR_INPUT,
                     "%s: '%s' holds %.17g at element %zu, expected %.17g to %.17g; it was not "
                     "written by this program, or is damaged",
                     path, item->name, value, i, item->least, item->most);
            }
        }
    }
    return OK;
}

static uint64_t checksum(const struct state_list *list)
{
    uint64_t hash = HASH_BEGIN;
    for (int i = 0; i < list->n; i++) {
        const struct state_item *item = &list->items[i];
        const uint64_t described[2] = {(uint64_t)item->type, item->count};
        hash = hash_bytes(hash, item->name, sizeof item->name);
        hash = hash_bytes(hash, described, sizeof described);
        hash = hash_words(hash, item->data, item->count * hdf5_type_bytes(item->type));
    }
    return hash;
}

static struct hdf5_item make_item(const char *name, enum hdf5_type type, size_t count,
                                  const void *data)
{
    return (struct hdf5_item){
        .name = name, .array = {type, 1, {(int64_t)count}, count}, .data = data};
}

enum status state_list_save(const struct state_list *list, const char *identity, const char *path)
{
    const size_t length = strlen(identity);
    const int64_t sums[N_CHECKSUMS] = {
        [CHECKSUM_OF_IDENTITY] = (int64_t)hash_bytes(HASH_BEGIN, identity, length),
        [CHECKSUM_OF_ITEMS] = (int64_t)checksum(list),
    };
    struct hdf5_item items[STATE_LIST_MAX + 2];
    int n = 0;
    items[n++] = make_item("identity", HDF5_U8, length, identity);
    items[n++] = make_item("checksum", HDF5_I64, N_CHECKSUMS, sums);
    for (int i = 0; i < list->n; i++) {
        const struct state_item *item = &list->items[i];
        items[n++] = make_item(item->name, item->type, item->count, item->data);
    }
    return hdf5_write(path, items, n);
}

static enum status compare_identity(const char *path, const char *theirs, size_t length,
                                    const char *identity)
{
    if (length != strlen(identity) || memcmp(theirs, identity, length) != 0) {
        FAIL(ERR_CONFIG,
             "%s: was written by a run with another config; choose another run folder with "
             "--run-dir, or remove this file to start afresh",
             path);
    }
    return OK;
}

static enum status check_identity(struct hdf5_file *file, const char *identity, const char *path,
                                  const int64_t *sums)
{
    struct hdf5_array array;
    TRY(hdf5_describe(file, "identity", &array));
    char *theirs = malloc(array.count + 1);
    if (theirs == NULL) {
        FAIL(ERR_MEMORY, "%s: no memory for its identity of %zu bytes", path, array.count);
    }
    enum status status = hdf5_read(file, "identity", HDF5_U8, array.count, theirs);
    if (status == OK &&
        (int64_t)hash_bytes(HASH_BEGIN, theirs, array.count) != sums[CHECKSUM_OF_IDENTITY]) {
        status = status_fail(ERR_INPUT, __FILE__, __LINE__,
                             "%s: is damaged: the checksum of its identity does not fit", path);
    }
    if (status == OK) {
        status = compare_identity(path, theirs, array.count, identity);
    }
    free(theirs);
    return status;
}

static enum status read_items(struct hdf5_file *file, const struct state_list *list)
{
    struct hdf5_wanted wanted[STATE_LIST_MAX];
    for (int i = 0; i < list->n; i++) {
        const struct state_item *item = &list->items[i];
        wanted[i] = (struct hdf5_wanted){.name = item->name,
                                         .type = item->type,
                                         .exact = true,
                                         .count = item->count,
                                         .to = item->data};
    }
    return hdf5_read_all(file, wanted, list->n);
}

static enum status load_from(struct hdf5_file *file, struct state_list *list, const char *identity,
                             const char *path)
{
    int64_t sums[N_CHECKSUMS];
    TRY(hdf5_read(file, "checksum", HDF5_I64, N_CHECKSUMS, sums));
    TRY(check_identity(file, identity, path, sums));
    TRY(read_items(file, list));
    if ((int64_t)checksum(list) != sums[CHECKSUM_OF_ITEMS]) {
        FAIL(ERR_INPUT, "%s: is damaged: the checksum of its content does not fit", path);
    }
    return state_list_check(list, path);
}

enum status state_list_load(struct state_list *list, const char *identity, const char *path)
{
    struct hdf5_file *file;
    TRY(hdf5_open(path, &file));
    const enum status status = load_from(file, list, identity, path);
    hdf5_close(file);
    return status;
}
