// Checks that every reader makes on what a file claims.
#include "data/reader.h"

#include "core/machine.h"

#include <inttypes.h>
#include <limits.h>

enum status reader_check_shape(const char *file, int64_t n, int64_t h, int64_t w, int64_t c)
{
    if (n < 1 || n > INT32_MAX) {
        FAIL(ERR_INPUT, "%s: expected 1 to %d images, got %" PRId64, file, INT32_MAX, n);
    }
    if (h < 1 || h > READER_MOST_SIDE || w < 1 || w > READER_MOST_SIDE) {
        FAIL(ERR_INPUT, "%s: expected images of 1 to %d pixels a side, got %" PRId64 " x %" PRId64,
             file, READER_MOST_SIDE, h, w);
    }
    if (c < 1 || c > DATASET_MAX_CHANNELS) {
        FAIL(ERR_INPUT, "%s: expected 1 to %d channels, as the last dimension, got %" PRId64, file,
             DATASET_MAX_CHANNELS, c);
    }
    return OK;
}

enum status reader_check_memory(const char *file, int64_t n, int64_t row_bytes)
{
    const size_t most = machine_memory_bytes();
    if (n > 0 && (uint64_t)row_bytes > most / (uint64_t)n) {
        FAIL(ERR_INPUT,
             "%s: %" PRId64 " rows of %" PRId64
             " bytes are more than this machine's memory of %.1f GiB; check the file, or take "
             "fewer images (data.share, data.classes)",
             file, n, row_bytes, (double)most / 0x1p30);
    }
    return OK;
}

enum status reader_check_labels(const char *file, const int32_t *labels, int n, int *classes)
{
    const int limit = *classes > 0 ? *classes : DATASET_MAX_CLASSES;
    int32_t greatest = 0;
    for (int i = 0; i < n; i++) {
        if (labels[i] < 0 || labels[i] >= limit) {
            FAIL(ERR_INPUT, "%s: the label of row %d is %" PRId32 ", expected 0 to %d", file, i,
                 labels[i], limit - 1);
        }
        greatest = labels[i] > greatest ? labels[i] : greatest;
    }
    if (*classes == 0) {
        *classes = greatest + 1;
    }
    return OK;
}
