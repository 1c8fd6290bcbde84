// Convolutions of many candidates, as one matrix product each without an unrolled input: a block
// computes a run of output pixels, up to as many as it has threads, times up to CANDIDATE_TILE
// channels. The rows of the input that these pixels see lie in shared memory, and each lane gives
// the matrix instructions the address of the pixel that a tap looks at, or that of zeros where it
// looks beyond the edge. So any kernel, stride, dilation and padding is the same loop.
//
// A row of the left matrix is an output pixel, its columns are (tap, chunk of 16 bytes of
// channels); two chunks make one step of the instruction, for bf16 (16 channels) as for tf32 (8).
// float32 is three tf32 products of what two numbers are in high and low parts.
#include "compute/cuda/candidate_value.h"

enum { MOST_TILES = CANDIDATE_TILE / 8, ROWS = 2 }; // of 8 channels; of 16 pixels, by a warp

// A place in the inner dimension.
struct tap_entry {
    int offset;          // of its pixel from the first one, in pixels of the input
    int16_t row, column; // of the kernel; of padding that makes steps even: beyond any kernel
    int chunk;
    int unused;
};

// What the block holds in shared memory: zeros, the taps, the input's pixels, weights.
struct conv_block {
    unsigned char *zeros, *pixels, *weights;
    struct tap_entry *taps;
    int chunks;                      // of a pixel, here
    int swizzle_shift, swizzle_mask; // so that 8 neighbouring pixels lie in different banks
    int inner;                       // chunks of the inner dimension, even
    int columns;                     // channels of the block, a multiple of 8
};

// Of each of the lane's ROWS pixels.
struct conv_pixel {
    int first;              // the input pixel under the kernel's first tap; may lie outside
    uint32_t rows, columns; // which taps see one
};

DEVICE unsigned char *pixel_chunk(const struct conv_block *block, int pixel, int chunk)
{
    const int place = chunk ^ ((pixel >> block->swizzle_shift) & block->swizzle_mask);
    return block->pixels +
           ((size_t)pixel * (size_t)block->chunks + (size_t)place) * CANDIDATE_CHUNK;
}

DEVICE void set_swizzle(struct conv_block *block)
{
    const int power = block->chunks & -block->chunks; // the greatest that divides
    const int used = power > 8 ? 8 : power;
    block->swizzle_mask = used - 1;
    block->swizzle_shift = used == 1 ? 0 : used == 2 ? 2 : used == 4 ? 1 : 0;
}

DEVICE uint32_t high_part(uint32_t bits)
{
    return bits & 0xffffe000U;
}

DEVICE uint32_t low_part(uint32_t bits)
{
    return f32_bits(bits_f32(bits) - bits_f32(high_part(bits)));
}

DEVICE void multiply(float c[4], const uint32_t a[4], const uint32_t b[2], const int precision)
{
    if (precision == CANDIDATE_BF16) {
        mma_bf16(c, a, b);
    } else if (precision == CANDIDATE_TF32) {
        mma_tf32(c, a, b);
    } else {
        uint32_t a_low[4], b_low[2];
        UNROLL
        for (int i = 0; i < 4; i++) {
            a_low[i] = low_part(a[i]);
        }
        UNROLL
        for (int i = 0; i < 2; i++) {
            b_low[i] = low_part(b[i]);
        }
        mma_tf32(c, a_low, b); // the instruction does not look at low parts
        mma_tf32(c, a, b_low);
        mma_tf32(c, a, b);
    }
}

// What the lane's pixels show under its half of a step.
DEVICE void load_pixels(const struct conv_block *block, const struct conv_pixel pixels[ROWS],
                        int step, const int precision, uint32_t a[ROWS][4])
{
    const struct tap_entry tap = block->taps[step + lane_id() / 16];
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        const bool seen = (pixels[r].rows >> tap.row & pixels[r].columns >> tap.column & 1U) != 0;
        load_matrix_x4(a[r], seen ? pixel_chunk(block, pixels[r].first + tap.offset, tap.chunk)
                                  : block->zeros);
        UNROLL
        for (int i = 0; i < 4 && precision == CANDIDATE_TF32; i++) {
            a[r][i] = tf32_round(bits_f32(a[r][i]));
        }
    }
}

// sums [ROWS][tiles][4] += pixels times weights.
DEVICE void multiply_block(const struct conv_block *block, const struct conv_pixel pixels[ROWS],
                           const int precision, const int tiles, float sums[ROWS][MOST_TILES][4])
{
    const int row = lane_id() % 8, half = lane_id() / 8 % 2, second = lane_id() / 16;
    const int used = block->columns / 8;
    for (int step = 0; step < block->inner; step += 2) {
        uint32_t a[ROWS][4];
        load_pixels(block, pixels, step, precision, a);
        const unsigned char *weights =
            block->weights + (size_t)(step + half) * (size_t)block->columns * CANDIDATE_CHUNK;
        UNROLL
        for (int t = 0; t < tiles; t += 2) {
            if (t < used) { // the same for the whole block
                uint32_t b[4];
                const int tile = t + second < used ? t + second : t;
                load_matrix_x4(b, weights + (size_t)(tile * 8 + row) * CANDIDATE_CHUNK);
                UNROLL
                for (int r = 0; r < ROWS; r++) {
                    multiply(sums[r][t], a[r], b, precision);
                    if (t + 1 < used) {
                        multiply(sums[r][t + 1], a[r], b + 2, precision);
                    }
                }
            }
        }
    }
}

// Which output pixels a block computes and which input pixels they see, all of one segment.
struct conv_run {
    int candidate, segment;
    int first_image; // of the segment
    int first, end;  // output pixels of the segment
    int row, rows;   // of the input, images below one another: the first held, and how many
    int channel;     // the first output channel
};

DEVICE int least(int a, int b)
{
    return a < b ? a : b;
}

DEVICE int greatest(int a, int b)
{
    return a > b ? a : b;
}

// False: this block has nothing to do.
DEVICE bool find_run(const struct candidate_conv_args *a, struct conv_run *run)
{
    const int out_pixels = a->out.h * a->out.w;
    run->candidate = block_z();
    run->segment = block_x() / a->blocks;
    run->first_image = run->segment * a->segments.each;
    run->channel = block_y() * a->tile;
    const int images = least(a->segments.each, a->segments.images - run->first_image);
    run->first = block_x() % a->blocks * a->pixels;
    run->end = least(run->first + a->pixels, images * out_pixels);
    const int width = candidate_width(&a->lists, run->candidate, a->out.axis);
    if (run->first >= run->end || run->channel >= candidate_padded(width)) {
        return false;
    }
    const int last = run->end - 1, h = a->in.h;
    const int top = run->first % out_pixels / a->out.w * a->window.stride[0] - a->window.pad[0];
    const int bottom = last % out_pixels / a->out.w * a->window.stride[0] - a->window.pad[0] +
                       (a->window.kernel[0] - 1) * a->window.dilation[0];
    run->row = run->first / out_pixels * h + least(greatest(top, 0), h - 1);
    const int end = last / out_pixels * h + least(greatest(bottom, 0), h - 1) + 1;
    run->rows = greatest(end - run->row, 1);
    return true;
}

DEVICE void find_pixel(const struct candidate_conv_args *a, const struct conv_run *run, int row,
                       struct conv_pixel *pixel)
{
    const int number = run->first + warp_id() * 16 * ROWS + row * 16 + lane_id() % 16;
    const int out_pixels = a->out.h * a->out.w;
    const int image = number / out_pixels, place = number % out_pixels;
    const int y = place / a->out.w * a->window.stride[0] - a->window.pad[0];
    const int x = place % a->out.w * a->window.stride[1] - a->window.pad[1];
    pixel->first = (image * a->in.h + y - run->row) * a->in.w + x;
    pixel->rows = pixel->columns = 0;
    for (int k = 0; k < a->window.kernel[0]; k++) {
        const int at = y + k * a->window.dilation[0];
        pixel->rows |= (uint32_t)(number < run->end && at >= 0 && at < a->in.h) << k;
    }
    for (int k = 0; k < a->window.kernel[1]; k++) {
        const int at = x + k * a->window.dilation[1];
        pixel->columns |= (uint32_t)(at >= 0 && at < a->in.w) << k;
    }
}

DEVICE void set_block(const struct candidate_conv_args *a, const struct conv_run *run, int chunks,
                      int columns, struct conv_block *block)
{
    const int taps = a->window.kernel[0] * a->window.kernel[1];
    block->chunks = chunks;
    block->inner = candidate_inner(taps, chunks);
    block->columns = columns;
    set_swizzle(block);
    block->zeros = shared_memory();
    block->taps = (struct tap_entry *)(block->zeros + CANDIDATE_CHUNK);
    block->pixels = (unsigned char *)(block->taps + candidate_inner(taps, a->slab));
    block->weights =
        block->pixels + (size_t)run->rows * (size_t)a->in.w * (size_t)a->slab * CANDIDATE_CHUNK;
}

DEVICE void fill_taps(const struct candidate_conv_args *a, const struct conv_block *block)
{
    const int taps = a->window.kernel[0] * a->window.kernel[1];
    for (int i = thread_id(); i < block->inner; i += thread_count()) {
        const int tap = i / block->chunks, row = tap / a->window.kernel[1];
        const int column = tap % a->window.kernel[1];
        struct tap_entry entry;
        entry.offset = row * a->window.dilation[0] * a->in.w + column * a->window.dilation[1];
        entry.row = (int16_t)(tap < taps ? row : CANDIDATE_KERNEL - 1);
        entry.column = (int16_t)(tap < taps ? column : CANDIDATE_KERNEL - 1);
        entry.chunk = i % block->chunks;
        entry.unused = 0;
        block->taps[i] = entry;
    }
}

// Chunks [first, first + block->chunks) of the run's input pixels, and their weights.
DEVICE void load_slab(const struct candidate_conv_args *a, const struct conv_run *run,
                      const struct conv_block *block, int slab, int pixel_bytes, int width_padded)
{
    const int taps = a->window.kernel[0] * a->window.kernel[1];
    const unsigned char *from =
        candidate_values(&a->in, run->candidate) +
        (size_t)(run->first_image * a->in.h + run->row) * (size_t)a->in.w * (size_t)pixel_bytes +
        (size_t)slab * (size_t)a->slab * CANDIDATE_CHUNK;
    const int count = run->rows * a->in.w * block->chunks;
    for (int i = thread_id(); i < count; i += thread_count()) {
        const int pixel = i / block->chunks, chunk = i % block->chunks;
        copy_async_16(pixel_chunk(block, pixel, chunk),
                      from + (size_t)pixel * (size_t)pixel_bytes + (size_t)chunk * CANDIDATE_CHUNK,
                      1);
    }
    const unsigned char *weights =
        a->weights + (size_t)run->candidate * a->weights_stride +
        ((size_t)slab * (size_t)candidate_inner(taps, a->slab) * (size_t)width_padded +
         (size_t)run->channel) *
            CANDIDATE_CHUNK;
    for (int i = thread_id(); i < block->inner * block->columns; i += thread_count()) {
        const int inner = i / block->columns, column = i % block->columns;
        copy_async_16(
            block->weights + (size_t)i * CANDIDATE_CHUNK,
            weights + ((size_t)inner * (size_t)width_padded + (size_t)column) * CANDIDATE_CHUNK, 1);
    }
    copy_async_commit();
}

// Scale, shift, sum, activation, and out to memory.
DEVICE void write_sums(const struct candidate_conv_args *a, const struct conv_run *run, int columns,
                       const int precision, const int tiles, float sums[ROWS][MOST_TILES][4])
{
    const bool bf16 = precision == CANDIDATE_BF16;
    const int width = candidate_width(&a->lists, run->candidate, a->out.axis);
    const int pairs = candidate_padded(width) / 2;
    const int64_t before = (int64_t)run->first_image * a->out.h * a->out.w;
    unsigned char *out = candidate_values(&a->out, run->candidate);
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        UNROLL
        for (int half = 0; half < 2; half++) {
            const int pixel = run->first + (warp_id() * ROWS + r) * 16 + half * 8 + lane_id() / 4;
            UNROLL
            for (int t = 0; t < tiles; t++) {
                const int channel = run->channel + t * 8 + lane_id() % 4 * 2;
                const int64_t at = (before + pixel) * pairs + channel / 2;
                if (pixel < run->end && t * 8 < columns) {
                    struct candidate_pair value;
                    value.low = half == 0 ? sums[r][t][0] : sums[r][t][2];
                    value.high = half == 0 ? sums[r][t][1] : sums[r][t][3];
                    value = candidate_scale(&a->affine, run->candidate, run->segment, channel,
                                            width, value);
                    if (a->sum.data != NULL) {
                        value = candidate_add_pair(
                            value,
                            candidate_load(candidate_values(&a->sum, run->candidate), at, bf16));
                    }
                    candidate_store(out, at, candidate_finish_pair(&a->act, value, channel, width),
                                    bf16);
                }
            }
        }
    }
}

DEVICE void convolve(const struct candidate_conv_args *a, const struct conv_run *run,
                     const int precision, const int tiles)
{
    const int value_bytes = precision == CANDIDATE_BF16 ? 2 : 4;
    const int in_padded = candidate_padded(candidate_width(&a->lists, run->candidate, a->in.axis));
    const int out_padded =
        candidate_padded(candidate_width(&a->lists, run->candidate, a->out.axis));
    const int pixel_bytes = in_padded * value_bytes, chunks = pixel_bytes / CANDIDATE_CHUNK;
    const int columns = least(a->tile, out_padded - run->channel);
    struct conv_pixel pixels[ROWS];
    float sums[ROWS][MOST_TILES][4];
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        find_pixel(a, run, r, &pixels[r]);
        UNROLL
        for (int t = 0; t < tiles; t++) {
            UNROLL
            for (int i = 0; i < 4; i++) {
                sums[r][t][i] = 0.0F;
            }
        }
    }
    if (thread_id() < 4) {
        ((uint32_t *)shared_memory())[thread_id()] = 0;
    }
    for (int slab = 0; slab * a->slab < chunks; slab++) {
        struct conv_block block;
        set_block(a, run, least(a->slab, chunks - slab * a->slab), columns, &block);
        block_sync(); // nobody reads the last slab any more
        load_slab(a, run, &block, slab, pixel_bytes, out_padded);
        fill_taps(a, &block);
        copy_async_wait(0);
        block_sync();
        if (warp_id() * 16 * ROWS < run->end - run->first) {
            multiply_block(&block, pixels, precision, tiles, sums);
        }
    }
    write_sums(a, run, columns, precision, tiles, sums);
}

DEVICE void convolve_any(const struct candidate_conv_args *a, const int precision)
{
    struct conv_run run;
    if (!find_run(a, &run)) {
        return;
    }
    if (a->tile <= 16) {
        convolve(a, &run, precision, 2);
    } else if (a->tile <= 32) {
        convolve(a, &run, precision, 4);
    } else {
        convolve(a, &run, precision, MOST_TILES);
    }
}

BLOCK_KERNEL(candidate_conv_f32, struct candidate_conv_args, CANDIDATE_THREADS)
{
    convolve_any(a, CANDIDATE_F32);
}

BLOCK_KERNEL(candidate_conv_tf32, struct candidate_conv_args, CANDIDATE_THREADS)
{
    convolve_any(a, CANDIDATE_TF32);
}

BLOCK_KERNEL(candidate_conv_bf16, struct candidate_conv_args, CANDIDATE_THREADS)
{
    convolve_any(a, CANDIDATE_BF16);
}
