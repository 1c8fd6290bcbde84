#include "compute/cuda/cuda_patch_plan.h"

// Bytes: of a patch unless one row needs more; of a block's weights unless 16 channels' need more;
// of a block, such that most devices have them.
enum { PATCH_BYTES = 64 * 1024, WEIGHT_BYTES = 48 * 1024, BLOCK_BYTES = 99 * 1024 };
enum { CHANNELS = 32, CHANNELS_OF_ONE_TAP = 64 }; // of a patch at most
// Two to four blocks for each of a large device's processors, which share the tiles.
enum { PRODUCT_BLOCKS = 528, WEIGHTS_BLOCKS = 264 };
enum { MOST_BLOCKS = 65535 }; // the grid's y and z

static int round_up(int count, int multiple)
{
    return (count + multiple - 1) / multiple * multiple;
}

static int taps_of(const struct op *op)
{
    return op->kernel[0] * op->kernel[1];
}

// Bytes from row to row: an odd number of 16, so that eight rows fall into different banks.
static int row_bytes(int columns)
{
    return columns * 2 + (columns % 16 == 0 ? 16 : 0);
}

static void set_tensors(struct cuda_patch_call *call, const struct op *op)
{
    const bool data = op->kind == OP_CONV_BACKWARD_DATA;
    call->from_h = data ? op->out_h : op->in_h;
    call->from_w = data ? op->out_w : op->in_w;
    call->from_c = data ? op->out_c : op->in_c;
    call->to_h = data ? op->in_h : op->out_h;
    call->to_w = data ? op->in_w : op->out_w;
    call->to_c = data ? op->in_c : op->out_c;
    for (int i = 0; i < 2; i++) {
        const int reach = (op->kernel[i] - 1) * op->dilation[i];
        call->stride[i] = data ? 1 : op->stride[i];
        call->spread[i] = data ? op->stride[i] : 1;
        call->first[i] = data ? op->pad[i] - reach : -op->pad[i];
    }
}

// Rows or whole images of a tile, and its patch.
static void set_tile(struct cuda_patch_call *call, int images, int rows)
{
    const struct op *op = &call->op;
    call->images = images;
    call->rows = rows;
    call->pixels = images * rows * call->to_w;
    call->patch_h = (rows - 1) * call->stride[0] + (op->kernel[0] - 1) * op->dilation[0] + 1;
    call->patch_w = (call->to_w - 1) * call->stride[1] + (op->kernel[1] - 1) * op->dilation[1] + 1;
    call->patch_bytes = images * call->patch_h * call->patch_w * call->pitch;
}

// As many pixels as fit.
static void choose_tile(struct cuda_patch_call *call)
{
    int images = PATCH_PIXELS / (call->to_h * call->to_w);
    images = images > call->op.n ? call->op.n : images;
    int rows = images > 0 ? call->to_h : PATCH_PIXELS / call->to_w;
    images = images > 0 ? images : 1;
    set_tile(call, images, rows);
    while (call->patch_bytes > PATCH_BYTES && images > 1) {
        set_tile(call, --images, rows);
    }
    while (call->patch_bytes > PATCH_BYTES && rows > 1) {
        set_tile(call, 1, --rows);
    }
    call->image_tiles = cuda_tiles(call->to_h, rows);
    call->tiles = cuda_tiles(call->op.n, images) * call->image_tiles;
}

static void set_patch(struct cuda_patch_call *call, int channels)
{
    const struct op *op = &call->op;
    const bool data = op->kind == OP_CONV_BACKWARD_DATA;
    call->channels = channels;
    call->chunks = cuda_tiles(call->from_c, channels);
    call->pitch = row_bytes(channels);
    choose_tile(call);
    call->line = call->patch_w * (channels / 4);
    call->items = call->images * call->patch_h * call->line;
    call->by_line = quick_divisor(call->line);
    call->by_quads = quick_divisor(channels / 4);
    call->by_h = quick_divisor(call->patch_h);
    call->by_rows = quick_divisor(call->rows);
    call->by_w = quick_divisor(call->to_w);
    const int down = op->dilation[0] * call->patch_w * call->pitch;
    const int along = op->dilation[1] * call->pitch;
    call->tap_step[0] = data ? -down : down;
    call->tap_step[1] = data ? -along : along;
    call->tap_first = data ? (op->kernel[0] - 1) * down + (op->kernel[1] - 1) * along : 0;
}

static void plan_product(struct cuda_patch *patch)
{
    struct cuda_patch_call *call = &patch->call;
    const struct op *op = &call->op;
    const int columns = call->to_c <= 16 ? 16 : 32, taps = taps_of(op);
    const int most = taps == 1 ? CHANNELS_OF_ONE_TAP : CHANNELS;
    const int chunks = cuda_tiles(call->from_c, most);
    int channels = round_up(cuda_tiles(call->from_c, chunks), 16);
    while (channels > 16 && taps * channels * row_bytes(columns) > WEIGHT_BYTES) {
        channels -= 16;
    }
    set_patch(call, channels);
    patch->number = columns == 16 ? CUDA_patch_product_16 : CUDA_patch_product_32;
    const int blocks = call->tiles < PRODUCT_BLOCKS ? call->tiles : PRODUCT_BLOCKS;
    patch->grid = (struct cuda_grid){blocks, cuda_tiles(call->to_c, columns), 1, PATCH_THREADS,
                                     (size_t)call->patch_bytes +
                                         (size_t)taps * (size_t)(channels * row_bytes(columns))};
}

static void plan_weights(struct cuda_patch *patch)
{
    struct cuda_patch_call *call = &patch->call;
    const struct op *op = &call->op;
    const int inputs = op->in_c <= 16 && op->out_c <= 32 ? 16 : 32;
    const int outputs = inputs == 16 && op->out_c <= 16 ? 16 : 32;
    set_patch(call, inputs);
    patch->number = inputs == 32    ? CUDA_patch_weights_32_32
                    : outputs == 32 ? CUDA_patch_weights_16_32
                                    : CUDA_patch_weights_16_16;
    struct cuda_grid grid = {1, cuda_tiles(op->in_c, inputs) * cuda_tiles(op->out_c, outputs),
                             cuda_tiles(taps_of(op), PATCH_TAPS), PATCH_THREADS, PATCH_SUM_BYTES};
    const int splits = WEIGHTS_BLOCKS / (grid.y * grid.z);
    grid.x = splits < 1 ? 1 : splits > call->tiles ? call->tiles : splits;
    call->splits = grid.x;
    const size_t bytes = (size_t)call->patch_bytes +
                         (size_t)PATCH_PIXELS * ((size_t)row_bytes(outputs) + sizeof(int));
    grid.shared_bytes = bytes > grid.shared_bytes ? bytes : grid.shared_bytes;
    patch->grid = grid;
}

bool cuda_patch_plan(const struct op *op, int padded, struct cuda_patch *patch)
{
    *patch = (struct cuda_patch){.call = {.op = *op, .padded = padded, .splits = 1}};
    set_tensors(&patch->call, op);
    if (op->groups != 1 || patch->call.to_w > PATCH_PIXELS) {
        return false;
    }
    if (op->kind == OP_CONV_BACKWARD_WEIGHTS) {
        plan_weights(patch);
    } else {
        plan_product(patch);
    }
    return patch->grid.shared_bytes <= BLOCK_BYTES && patch->grid.y <= MOST_BLOCKS;
}

static bool aligned(const void *address, size_t bytes)
{
    return (uintptr_t)address % bytes == 0;
}

void cuda_patch_launch(struct backend *backend, const struct cuda_patch *patch, const float *from,
                       const float *right, const float *bias, float *to)
{
    struct cuda_patch_call call = patch->call;
    call.from = from;
    call.right = right;
    call.bias = call.op.kind == OP_CONV ? bias : NULL;
    if (call.op.kind != OP_CONV) {
        call.op.sum = false;
        call.op.act.kind = ACT_NONE;
    }
    call.to = to;
    call.vector_from = call.from_c % 4 == 0 && aligned(from, 16);
    call.vector_right = call.op.out_c % 4 == 0 && aligned(right, 16);
    call.pairs = call.to_c % 2 == 0 && aligned(to, 8);
    cuda_launch(backend, patch->number, &patch->grid, &call, sizeof call);
}
