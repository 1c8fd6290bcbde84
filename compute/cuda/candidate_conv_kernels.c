// Convolutions of many candidates, a step at a time: a block computes a run of output pixels times
// up to CANDIDATE_TILE channels. The rows of the input that these pixels see lie in shared memory,
// a slab of their channels at a time.
#include "compute/cuda/candidate_product.h"

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
    const struct candidate_window *window = &a->filter.window;
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
    const int top = run->first % out_pixels / a->out.w * window->stride[0] - window->pad[0];
    const int bottom = last % out_pixels / a->out.w * window->stride[0] - window->pad[0] +
                       (window->kernel[0] - 1) * window->dilation[0];
    run->row = run->first / out_pixels * h + least(greatest(top, 0), h - 1);
    const int end = last / out_pixels * h + least(greatest(bottom, 0), h - 1) + 1;
    run->rows = greatest(end - run->row, 1);
    return true;
}

// A block's shared memory: zeros, taps, pixels, weights. `p` gets the parts; whole: the input in
// memory.
DEVICE void set_product(const struct candidate_conv_args *a, const struct conv_run *run,
                        const struct candidate_view *whole, int slab, struct product *p)
{
    const int taps = a->filter.window.kernel[0] * a->filter.window.kernel[1];
    p->in = *whole;
    p->in.chunks = least(a->filter.slab, whole->chunks - slab * a->filter.slab);
    candidate_swizzle(p->in.chunks, &p->in.shift, &p->in.mask);
    p->inner = candidate_inner(taps, p->in.chunks);
    unsigned char *shared = shared_memory();
    p->zeros = shared;
    p->taps = (struct tap_entry *)(shared + CANDIDATE_CHUNK);
    p->in.data = shared + CANDIDATE_CHUNK +
                 (size_t)candidate_inner(taps, a->filter.slab) * sizeof(struct tap_entry);
    p->weights = p->in.data +
                 (size_t)run->rows * (size_t)whole->w * (size_t)a->filter.slab * CANDIDATE_CHUNK;
}

// The slab's chunks of the run's input pixels, their weights and taps.
DEVICE void load_slab(const struct candidate_conv_args *a, const struct conv_run *run,
                      const struct candidate_view *whole, int slab, int width_padded,
                      const struct product *p)
{
    const struct candidate_window *window = &a->filter.window;
    const int64_t first = (int64_t)(run->first_image * whole->h + run->row) * whole->w;
    const int chunks = p->in.chunks, count = run->rows * whole->w * chunks;
    for (int i = thread_id(); i < count; i += thread_count()) {
        const int pixel = i / chunks, chunk = i % chunks;
        copy_async_16(candidate_chunk(&p->in, pixel, chunk),
                      candidate_chunk(whole, first + pixel, slab * a->filter.slab + chunk), 1);
    }
    const int slab_inner = candidate_inner(window->kernel[0] * window->kernel[1], a->filter.slab);
    const unsigned char *from =
        a->filter.weights + (size_t)run->candidate * a->filter.weights_stride +
        ((size_t)slab * (size_t)slab_inner * (size_t)width_padded + (size_t)run->channel) *
            CANDIDATE_CHUNK;
    for (int i = thread_id(); i < p->inner * p->columns; i += thread_count()) {
        const int inner = i / p->columns, column = i % p->columns;
        copy_async_16(
            p->weights + (size_t)i * CANDIDATE_CHUNK,
            from + ((size_t)inner * (size_t)width_padded + (size_t)column) * CANDIDATE_CHUNK, 1);
    }
    copy_async_commit();
    for (int i = thread_id(); i < p->inner; i += thread_count()) {
        p->taps[i] = make_tap(window, whole->w, i, chunks, 0);
    }
}

// The block's sums per channel, of values and of their squares: over a lane's pixels, over the
// lanes of a warp that have the same channels, over warps.
DEVICE void add_up(const struct candidate_conv_args *a, const struct conv_run *run, int width,
                   const struct product_end *e, const int most, float sums[ROWS][MOST_TILES][4])
{
    double *all =
        (double *)(void *)(shared_memory() + CANDIDATE_CHUNK); // [warp][2][tile's channel]
    block_sync(); // nobody reads pixels and weights any more
    UNROLL
    for (int t = 0; t < most; t++) {
        UNROLL
        for (int k = 0; k < 2; k++) {
            double sum = 0.0, squares = 0.0;
            UNROLL
            for (int i = 0; i < 2 * ROWS; i++) {
                const int pixel = e->pixel + i / 2 * 16 + i % 2 * 8 + lane_id() / 4;
                const double value = pixel < e->end ? (double)sums[i / 2][t][i % 2 * 2 + k] : 0.0;
                sum += value;
                squares += value * value;
            }
            UNROLL
            for (int mask = 4; mask < WARP; mask *= 2) {
                sum += warp_xor_f64(sum, mask);
                squares += warp_xor_f64(squares, mask);
            }
            if (lane_id() < 4) {
                const int channel = t * 8 + lane_id() * 2 + k;
                double *to = all + (size_t)warp_id() * 2 * CANDIDATE_TILE + channel;
                to[0] = sum;
                to[CANDIDATE_TILE] = squares;
            }
        }
    }
    block_sync();
    const int part = block_x() % a->blocks, segments = grid_x() / a->blocks;
    double *to = a->sums + (((size_t)run->candidate * (size_t)segments + (size_t)run->segment) *
                                (size_t)a->blocks +
                            (size_t)part) *
                               2 * (size_t)a->channels;
    for (int i = thread_id(); i < 2 * a->tile; i += thread_count()) {
        const int channel = i % a->tile, which = i / a->tile;
        double sum = 0.0;
        for (int w = 0; w < thread_count() / WARP; w++) {
            sum += all[((size_t)w * 2 + (size_t)which) * CANDIDATE_TILE + (size_t)channel];
        }
        if (channel < e->tiles * 8 && run->channel + channel < width) {
            to[(size_t)which * (size_t)a->channels + (size_t)(run->channel + channel)] = sum;
        }
    }
}

DEVICE void convolve(const struct candidate_conv_args *a, const struct conv_run *run,
                     const int precision, const int most)
{
    struct candidate_where where;
    where.lists = &a->lists;
    where.candidate = run->candidate;
    where.bf16 = precision == PRECISION_BF16;
    where.shared = NULL;
    struct product_end end;
    const struct candidate_view in = candidate_view_of(&where, &a->in);
    end.out = candidate_view_of(&where, &a->out);
    const int padded = candidate_padded(end.out.width), warp = warp_id() * 16 * ROWS;
    struct product p;
    p.columns = least(a->tile, padded - run->channel);
    p.tiles = p.columns / 8;
    struct product_pixel pixels[ROWS];
    float sums[ROWS][MOST_TILES][4];
    clear_sums(most, sums);
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        find_pixel(&a->filter.window, &in, end.out.h, end.out.w,
                   run->first + warp + r * 16 + lane_id() % 16, run->end, run->row, &pixels[r]);
    }
    if (thread_id() < 4) {
        ((uint32_t *)shared_memory())[thread_id()] = 0;
    }
    for (int slab = 0; slab * a->filter.slab < in.chunks; slab++) {
        set_product(a, run, &in, slab, &p);
        block_sync(); // nobody reads the last slab any more
        load_slab(a, run, &in, slab, padded, &p);
        copy_async_wait(0);
        block_sync();
        if (warp < run->end - run->first) {
            multiply_all(&p, pixels, precision, most, sums);
        }
    }
    end.affine = a->filter.affine;
    end.act = a->filter.act;
    end.adds = a->sum.data != NULL;
    end.sum = end.adds ? candidate_view_of(&where, &a->sum) : end.out;
    end.candidate = run->candidate;
    end.segment = run->segment;
    end.before = (int64_t)run->first_image * end.out.h * end.out.w;
    end.pixel = run->first + warp;
    end.end = run->end;
    end.channel = run->channel;
    end.tiles = p.tiles;
    write_sums(&end, most, sums);
    if (a->sums != NULL) {
        add_up(a, run, end.out.width, &end, most, sums);
    }
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
    convolve_any(a, PRECISION_FLOAT32);
}

BLOCK_KERNEL(candidate_conv_tf32, struct candidate_conv_args, CANDIDATE_THREADS)
{
    convolve_any(a, PRECISION_TF32);
}

BLOCK_KERNEL(candidate_conv_bf16, struct candidate_conv_args, CANDIDATE_THREADS)
{
    convolve_any(a, PRECISION_BF16);
}
