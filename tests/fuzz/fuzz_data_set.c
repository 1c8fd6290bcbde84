// A data set in fuzz_folder(), opened as programs do.
#include "core/log.h"
#include "data/dataset.h"
#include "fuzz_file.h"

#include <stdlib.h>

enum { FETCHED = 4 };

// The first, the last and the first again, as threads that draw batches may ask for them.
static void fetch_some(const struct dataset *dataset)
{
    const int32_t rows[FETCHED] = {0, dataset->n - 1, 0, dataset->n / 2};
    const size_t bytes = dataset_image_bytes(dataset);
    if (dataset->n == 0 || bytes > (size_t)64 << 20) {
        return;
    }
    void *images = malloc(FETCHED * bytes);
    CHECK(images != NULL);
    (void)dataset_fetch(dataset, rows, FETCHED, images);
    free(images);
    for (int i = 0; i < dataset->n; i++) {
        CHECK(dataset->labels[i] >= 0 && dataset->labels[i] < dataset->classes);
    }
}

void fuzz_data_set(const char *name)
{
    struct dataset_options options;
    log_set_level(LOG_QUIET);
    option_defaults(dataset_option_table, &options);
    options.name = name;
    options.path = fuzz_folder();
    options.memory = 64;
    options.threads = 1;
    for (int part = DATASET_TRAIN; part <= DATASET_TEST; part++) {
        struct dataset dataset;
        if (dataset_open(&options, (enum dataset_part)part, &dataset) == OK) {
            fetch_some(&dataset);
            dataset_close(&dataset);
        }
    }
}
