// Open data sets, the most recently used one last.
#include "run/run_data.h"

#include <string.h>

static void close_first(struct run_data *data)
{
    dataset_close(&data->sets[0].dataset);
    data->n--;
    memmove(&data->sets[0], &data->sets[1], (size_t)data->n * sizeof data->sets[0]);
}

static size_t bytes_kept(const struct run_data *data)
{
    size_t bytes = 0;
    for (int i = 0; i < data->n; i++) {
        bytes += data->sets[i].dataset.mapped_bytes;
    }
    return bytes;
}

// For a part that is described, not loaded.
static void make_room(struct run_data *data, const struct dataset *next)
{
    const size_t most = next->most_bytes, bytes = dataset_image_bytes(next) * (size_t)next->n;
    const size_t others = bytes <= most ? most - bytes : most; // what is streamed takes none
    while (data->n > 0 && (data->n == RUN_DATA_MOST || bytes_kept(data) > others)) {
        close_first(data);
    }
}

static enum status load(struct run_data *data, struct dataset *next)
{
    make_room(data, next);
    const enum status status = dataset_load(next);
    if (status != OK) {
        dataset_close(next);
    }
    return status;
}

void run_data_share(struct run_data *data, int processes)
{
    if (processes > data->sharers) {
        run_data_close(data);
    }
    data->sharers = processes;
    dataset_share_memory(processes);
}

enum status run_data_open(struct run_data *data, const struct dataset_options *options,
                          enum dataset_part part, const struct dataset **out)
{
    for (int i = 0; i < data->n; i++) {
        const struct run_open_data set = data->sets[i];
        if (set.part == part && dataset_options_same(&set.options, options)) {
            const size_t behind = (size_t)(data->n - 1 - i);
            memmove(&data->sets[i], &data->sets[i + 1], behind * sizeof set);
            data->sets[data->n - 1] = set;
            *out = &data->sets[data->n - 1].dataset;
            return OK;
        }
    }
    struct run_open_data set = {.options = *options, .part = part};
    TRY(dataset_describe(options, part, &set.dataset));
    TRY(load(data, &set.dataset));
    data->sets[data->n] = set;
    *out = &data->sets[data->n++].dataset;
    return OK;
}

void run_data_close(struct run_data *data)
{
    while (data->n > 0) {
        close_first(data);
    }
}
