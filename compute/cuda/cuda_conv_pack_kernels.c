// Weights and their gradients between PyTorch's order and ours, and sums over the splits of a
// gradient.
#include "compute/cuda/cuda_element.h"
// After it, as C headers have to be.
#include "compute/cuda/cuda_conv_call.h"

// Where weight number i lies among packed ones.
DEVICE int packed_at(const struct cuda_pack_call *a, int i)
{
    const int pair = i / a->taps, tap = i - pair * a->taps;
    const int output = pair / a->inputs, input = pair - output * a->inputs;
    const int group = output / a->outputs;
    return group * a->group_step + tap * a->tap_step + input * a->input_step +
           (output - group * a->outputs) * a->output_step;
}

PLAIN_KERNEL(conv_pack, struct cuda_pack_call, 256)
{
    const int64_t i = global_id();
    if (i < a->count) {
        a->to[packed_at(a, (int)i)] = a->from[i];
    } else if (i - a->count < a->biases) {
        a->to_bias[i - a->count] = a->from_bias[i - a->count];
    }
}

PLAIN_KERNEL(conv_unpack, struct cuda_pack_call, 256)
{
    const int64_t i = global_id();
    if (i < a->count) {
        a->to[i] = a->from[packed_at(a, (int)i)];
    } else if (i - a->count < a->biases) {
        a->to_bias[i - a->count] = a->from_bias[i - a->count];
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
