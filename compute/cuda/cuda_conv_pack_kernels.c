// Weights and their gradients between PyTorch's order and ours, and sums over the splits of a
// gradient.
#include "compute/cuda/cuda_element.h"
// After it, as C headers have to be.
#include "compute/cuda/cuda_conv_call.h"

// The weight that lies at place i of packed ones; -1: padding.
DEVICE int weight_at(const struct cuda_pack_call *a, int i)
{
    const int lines = a->data ? a->outputs : a->inputs;
    const int row = i / a->padded, column = i - row * a->padded;
    const int tap_row = row / lines, line = row - tap_row * lines;
    const int group = tap_row / a->taps, tap = tap_row - group * a->taps;
    const int output = a->data ? line : column, input = a->data ? column : line;
    if (output >= a->outputs || input >= a->inputs) {
        return -1;
    }
    return ((group * a->outputs + output) * a->inputs + input) * a->taps + tap;
}

PLAIN_KERNEL(conv_pack, struct cuda_pack_calls, 256)
{
    const struct cuda_pack_call *call = &a->calls[block_y()];
    const int64_t i = global_id();
    if (i < call->count) {
        const int weight = weight_at(call, (int)i);
        call->to[i] = weight >= 0 ? call->from[weight] : 0.0F;
    } else if (i - call->count < call->biases) {
        call->to_bias[i - call->count] = call->from_bias[i - call->count];
    }
}

PLAIN_KERNEL(conv_unpack, struct cuda_pack_calls, 256)
{
    const struct cuda_pack_call *call = &a->calls[block_y()];
    const int64_t i = global_id();
    if (i < call->count) {
        const int weight = weight_at(call, (int)i);
        if (weight >= 0) {
            call->to[weight] = call->from[i];
        }
    } else if (i - call->count < call->biases) {
        call->to_bias[i - call->count] = call->from_bias[i - call->count];
    }
}

// The sum of the splits at `left`, each [groups][rows][columns]: a block takes 32 weights, each
// warp every eighth split.
BLOCK_KERNEL(conv_add_splits, struct cuda_conv_call, CONV_THREADS)
{
    const int64_t count = (int64_t)a->op.groups * a->rows * a->columns;
    const int64_t i = (int64_t)block_x() * WARP + lane_id();
    const int warps = thread_count() / WARP;
    float *sums = (float *)(void *)shared_memory(), sum = 0.0F;
    for (int split = warp_id(); i < count && split < a->splits; split += warps) {
        sum += a->left[split * count + i];
    }
    sums[thread_id()] = sum;
    block_sync();
    if (warp_id() == 0 && i < count) {
        for (int warp = 1; warp < warps; warp++) {
            sum += sums[warp * WARP + lane_id()];
        }
        a->out[i] = sum;
    }
}
