// Starts, ends, axes and steps: attributes until opset 9, inputs since.
#include "onnx/slices.h"

#include <limits.h>

// A start or end within [low, high], counted from the end where it is negative.
static int64_t clamp(int64_t at, int64_t size, int64_t low, int64_t high)
{
    if (at < 0) {
        at = at < -size ? -1 : at + size; // below the front, whatever the number
    }
    return at < low ? low : at > high ? high : at;
}

static enum status read_range(int64_t size, int64_t start, int64_t end, int64_t step,
                              struct onnx_range *out)
{
    struct onnx_range range = {.step = step};
    if (size == ONNX_BATCH) {
        range.whole = start == 0 && step == 1 && (end >= INT_MAX || end == ONNX_BATCH);
        if (!range.whole) {
            FAIL(ERR_UNSUPPORTED, "it takes some images of a batch");
        }
        range.count = size;
        *out = range;
        return OK;
    }
    if (step == 0 || step == INT64_MIN) {
        FAIL(ERR_INPUT, "its step is %lld", (long long)step);
    }
    if (start == ONNX_BATCH || end == ONNX_BATCH || step == ONNX_BATCH) {
        FAIL(ERR_UNSUPPORTED, "its range depends on the number of images");
    }
    if (step > 0) {
        range.start = clamp(start, size, 0, size);
        const int64_t stop = clamp(end, size, 0, size);
        range.count = stop > range.start ? (stop - range.start - 1) / step + 1 : 0;
    } else {
        range.start = clamp(start, size, -1, size - 1);
        const int64_t stop = clamp(end, size, -1, size - 1);
        range.count = stop < range.start ? (range.start - stop - 1) / -step + 1 : 0;
    }
    range.whole = range.start == 0 && step == 1 && range.count == size;
    if (range.count == 0) {
        range.start = 0; // never a place outside
    }
    *out = range;
    return OK;
}

enum status onnx_read_slices(const struct onnx_call *call, const int64_t *dims, int rank,
                             struct onnx_range ranges[ONNX_MAX_RANK])
{
    int64_t starts[ONNX_MAX_RANK], ends[ONNX_MAX_RANK], axes[ONNX_MAX_RANK], steps[ONNX_MAX_RANK];
    int n_starts = 0, n_ends = 0, n_axes = 0, n_steps = 0;
    TRY(onnx_attribute_or_input(call, "starts", 1, ONNX_MAX_RANK, starts, &n_starts));
    TRY(onnx_attribute_or_input(call, "ends", 2, ONNX_MAX_RANK, ends, &n_ends));
    TRY(onnx_attribute_or_input(call, "axes", 3, ONNX_MAX_RANK, axes, &n_axes));
    TRY(onnx_attribute_or_input(call, "steps", 4, ONNX_MAX_RANK, steps, &n_steps));
    if (n_starts < 0 || n_ends != n_starts || (n_axes >= 0 && n_axes != n_starts) ||
        (n_steps >= 0 && n_steps != n_starts) || n_starts > rank) {
        FAIL(ERR_INPUT, "it has %d starts, %d ends, %d axes and %d steps for %d dimensions",
             n_starts, n_ends, n_axes, n_steps, rank);
    }
    for (int i = 0; i < rank; i++) {
        ranges[i] = (struct onnx_range){.step = 1, .count = dims[i], .whole = true};
    }
    for (int i = 0; i < n_starts; i++) {
        int axis = i;
        if (n_axes >= 0) {
            TRY(onnx_axis(axes[i], rank, &axis));
        }
        TRY(read_range(dims[axis], starts[i], ends[i], n_steps >= 0 ? steps[i] : 1, &ranges[axis]));
    }
    return OK;
}
