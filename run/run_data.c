// Open data sets, the most recently used one last.
#include "run/run_data.h"

#include "core/machine.h"

#include <string.h>

static size_t set_bytes(const struct dataset *set)
{
    return (size_t)set->n * (size_t)set->h * (size_t)set->w * (size_t)set->c;
}

static void close_first(struct run_data *data)
{
    dataset_close(&data->sets[0].dataset);
    data->n--;
    memmove(&data->sets[0], &data->sets[1], (size_t)data->n * sizeof data->sets[0]);
}

static void make_room(struct run_data *data)
{
    const size_t most = machine_memory_bytes() / 4 / (size_t)machine_cores();
    size_t bytes = 0;
    for (int i = 0; i < data->n; i++) {
        bytes += set_bytes(&data->sets[i].dataset);
    }
    while (data->n > 0 && (bytes > most || data->n == RUN_DATA_MOST)) {
        bytes -= set_bytes(&data->sets[0].dataset);
        close_first(data);
    }
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
    make_room(data);
    struct run_open_data *set = &data->sets[data->n];
    *set = (struct run_open_data){.options = *options, .part = part};
    TRY(dataset_open(options, part, &set->dataset));
    *out = &data->sets[data->n++].dataset;
    return OK;
}

void run_data_close(struct run_data *data)
{
    while (data->n > 0) {
        close_first(data);
    }
}
