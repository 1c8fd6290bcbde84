// A run of steps in one launch: a block takes a few images of one candidate through all of them,
// and no value leaves its shared memory before the last. The weights of a step come while the one
// before is computed, where there is room for both.
#include "compute/cuda/candidate_sweep.h"

DEVICE unsigned char *shared_at(int at)
{
    return shared_memory() + at;
}

// Chunks of the inner dimension, all slabs together.
DEVICE int whole_inner(const struct candidate_filter *filter, int chunks)
{
    const int taps = filter->window.kernel[0] * filter->window.kernel[1];
    return chunks / filter->slab * candidate_inner(taps, filter->slab) +
           candidate_inner(taps, chunks % filter->slab);
}

DEVICE void copy_chunks(unsigned char *to, const unsigned char *from, int count)
{
    for (int i = thread_id(); i < count; i += thread_count()) {
        copy_async_16(to + (size_t)i * CANDIDATE_CHUNK, from + (size_t)i * CANDIDATE_CHUNK, 1);
    }
}

// Begins to bring what a step needs besides values: taps and weights.
DEVICE void fetch(const struct candidate_where *where, const struct candidate_fused_step *step)
{
    const struct candidate_filter *filter = &step->element.filter;
    const struct candidate_view in = candidate_view_of(where, &step->in[0]);
    const struct candidate_view out = candidate_view_of(where, &step->out);
    const int taps = filter->window.kernel[0] * filter->window.kernel[1];
    const int columns = candidate_padded(out.width);
    const unsigned char *from = filter->weights + (size_t)where->candidate * filter->weights_stride;
    if (!step->dense) {
        copy_chunks(shared_at(step->weights_at), from,
                    taps * columns * (int)sizeof(float) / CANDIDATE_CHUNK);
        return;
    }
    struct tap_entry *entries = (struct tap_entry *)shared_at(step->weights_at);
    const int inner = whole_inner(filter, in.chunks), each = candidate_inner(taps, filter->slab);
    copy_chunks((unsigned char *)(entries + inner), from, inner * columns);
    for (int i = thread_id(); i < inner; i += thread_count()) {
        const int first = i / each * filter->slab, left = in.chunks - first;
        entries[i] = make_tap(&filter->window, in.w, i % each,
                              left < filter->slab ? left : filter->slab, first);
    }
}

// Tiles [tile, tile + p->tiles) of the pixels from `pixel` on.
DEVICE void fused_task(const struct candidate_window *window, const struct product *p,
                       struct product_end *end, const int precision, const int most)
{
    struct product_pixel pixels[ROWS];
    float sums[ROWS][MOST_TILES][4];
    clear_sums(most, sums);
    UNROLL
    for (int r = 0; r < ROWS; r++) {
        find_pixel(window, &p->in, end->out.h, end->out.w, end->pixel + r * 16 + lane_id() % 16,
                   end->end, 0, &pixels[r]);
    }
    multiply_all(p, pixels, precision, most, sums);
    write_sums(end, most, sums);
}

// A task is 16 * ROWS pixels times `most` tiles of 8 channels; warps take them in turn.
DEVICE void fused_tasks(const struct candidate_window *window, struct product *p,
                        struct product_end *end, const int precision, const int most)
{
    const int groups = (end->end + 16 * ROWS - 1) / (16 * ROWS), tiles = p->columns / 8;
    unsigned char *weights = p->weights;
    for (int task = warp_id(); task < groups * ((tiles + most - 1) / most);
         task += thread_count() / WARP) {
        const int tile = task / groups * most;
        end->pixel = task % groups * 16 * ROWS;
        end->channel = tile * 8;
        end->tiles = p->tiles = tiles - tile < most ? tiles - tile : most;
        p->weights = weights + (size_t)tile * 8 * CANDIDATE_CHUNK;
        fused_task(window, p, end, precision, most);
    }
}

// Two strips times `most` tiles of 8 channels; warps take them in turn.
DEVICE void sweep_tasks(struct product *p, struct product_end *end, int images, const int precision,
                        const int rows, const int most)
{
    const struct strips strips = find_strips(&p->in, images, rows);
    const int pairs = (strips.n + 1) / 2, tiles = p->columns / 8;
    unsigned char *weights = p->weights;
    for (int task = warp_id(); task < pairs * ((tiles + most - 1) / most);
         task += thread_count() / WARP) {
        const int tile = task / pairs * most;
        end->channel = tile * 8;
        end->tiles = p->tiles = tiles - tile < most ? tiles - tile : most;
        p->weights = weights + (size_t)tile * 8 * CANDIDATE_CHUNK;
        sweep_task(p, end, &strips, task % pairs * 2, precision, rows, most);
    }
}

// About how long a block's warps take with so many rows and tiles a task: what a task loads and
// multiplies, and writes.
DEVICE int sweep_time(const struct product *p, int images, int rows, int most)
{
    const int pairs = (images * p->in.h * p->in.w / (STRIP * rows) + 1) / 2;
    const int tasks = pairs * ((p->columns / 8 + most - 1) / most), warps = thread_count() / WARP;
    const int step = 3 * rows * most + 2 * (rows + 2) + 3 * most + 16;
    return (tasks + warps - 1) / warps * ((3 * p->in.chunks + 1) / 2 * step + 20 * rows * most);
}

// The best of the sizes of a task that there are.
DEVICE void sweep(struct product *p, struct product_end *end, int images, const int precision)
{
    int best = 0, least = sweep_time(p, images, 2, 2);
    for (int i = 1; i < 4; i++) {
        const int time = i / 2 == 0 || p->in.h % 4 == 0
                             ? sweep_time(p, images, 2 + i / 2 * 2, 2 + i % 2 * 2)
                             : least;
        best = time < least ? i : best;
        least = time < least ? time : least;
    }
    switch (best) {
    case 0:
        sweep_tasks(p, end, images, precision, 2, 2);
        return;
    case 1:
        sweep_tasks(p, end, images, precision, 2, 4);
        return;
    case 2:
        sweep_tasks(p, end, images, precision, 4, 2);
        return;
    default:
        sweep_tasks(p, end, images, precision, 4, 4);
        return;
    }
}

DEVICE void fused_conv(const struct candidate_where *where, const struct candidate_fused_step *step,
                       int images, const int precision)
{
    struct product p;
    struct product_end end;
    const struct candidate_filter filter = step->element.filter;
    p.in = candidate_shared_view(where, &step->in[0]);
    end.out = candidate_shared_view(where, &step->out);
    p.zeros = shared_memory();
    p.inner = whole_inner(&filter, p.in.chunks);
    p.columns = candidate_padded(end.out.width);
    p.taps = (struct tap_entry *)shared_at(step->weights_at);
    p.weights = (unsigned char *)(p.taps + p.inner);
    end.affine = filter.affine;
    end.act = filter.act;
    end.adds = step->sum.shared;
    end.sum = candidate_shared_view(where, end.adds ? &step->sum : &step->out);
    end.candidate = where->candidate;
    end.segment = 0;
    end.before = 0;
    end.end = images * end.out.h * end.out.w;
    const int groups = (end.end + 16 * ROWS - 1) / (16 * ROWS), tiles = p.columns / 8;
    const int warps = thread_count() / WARP;
    if (can_sweep(&filter.window, &p.in, &end.out) && p.in.chunks <= filter.slab) {
        sweep(&p, &end, images, precision);
    } else if (tiles > 4 && groups * ((tiles + 7) / 8) >= warps) {
        fused_tasks(&filter.window, &p, &end, precision, MOST_TILES);
    } else if (tiles > 2 && groups * ((tiles + 3) / 4) >= warps) {
        fused_tasks(&filter.window, &p, &end, precision, 4);
    } else {
        fused_tasks(&filter.window, &p, &end, precision, 2);
    }
}

DEVICE void fused_element(const struct candidate_where *where,
                          const struct candidate_fused_step *step, int images)
{
    const struct candidate_view out = candidate_view_of(where, &step->out);
    const struct candidate_element element = step->element;
    const float *weights = (const float *)shared_at(step->weights_at < 0 ? 0 : step->weights_at);
    struct candidate_place place;
    const int channels = candidate_place_channels(element.kind);
    for (int64_t i = thread_id(); candidate_find_place(&out, images, channels, i, &place);
         i += thread_count()) {
        candidate_element(where, &element, step->in, &step->sum, weights, &out, &place,
                          element.kind);
    }
}

// What the first step reads, of images [first, first + images).
DEVICE void fused_load(const struct candidate_fused_args *a, const struct candidate_where *where,
                       int first, int images)
{
    const struct candidate_view in = candidate_view_of(where, &a->in);
    const int64_t pixels = (int64_t)in.h * in.w;
    if (a->from.data != NULL) {
        const struct candidate_view from = candidate_view_of(where, &a->from);
        for (int64_t i = thread_id(); i < images * pixels * in.chunks; i += thread_count()) {
            copy_async_16(
                candidate_chunk(&in, i / in.chunks, (int)(i % in.chunks)),
                candidate_chunk(&from, first * pixels + i / in.chunks, (int)(i % in.chunks)), 1);
        }
        return;
    }
    struct candidate_place place;
    for (int64_t i = thread_id(); candidate_find_place(&in, images, 2, i, &place);
         i += thread_count()) {
        candidate_store(&in, place.pixel, place.channel,
                        candidate_raw_pair(&a->image, first * pixels + place.pixel, place.channel));
    }
}

DEVICE void fused_save(const struct candidate_fused_args *a, const struct candidate_where *where,
                       int first, int images)
{
    const struct candidate_view last = candidate_view_of(where, &a->steps[a->n - 1].out);
    const struct candidate_view out = candidate_view_of(where, &a->out);
    struct candidate_place place;
    for (int64_t i = thread_id(); candidate_find_place(&last, images, 2, i, &place);
         i += thread_count()) {
        candidate_store(&out, (int64_t)first * out.h * out.w + place.pixel, place.channel,
                        candidate_load(&last, place.pixel, place.channel));
    }
}

DEVICE void fused_run(const struct candidate_fused_args *a, const int precision)
{
    struct candidate_where where;
    where.lists = &a->lists;
    where.candidate = block_y();
    where.bf16 = precision == PRECISION_BF16;
    where.shared = shared_memory();
    const int first = block_x() * a->each, left = a->images - first;
    const int images = left < a->each ? left : a->each;
    if (thread_id() < 4) {
        ((uint32_t *)shared_memory())[thread_id()] = 0;
    }
    fused_load(a, &where, first, images);
    if (a->steps[0].weights_at >= 0) {
        fetch(&where, &a->steps[0]);
    }
    copy_async_commit();
    copy_async_wait(0);
    block_sync();
    for (int s = 0; s < a->n; s++) {
        const struct candidate_fused_step *step = &a->steps[s];
        if (step->ahead >= 0) {
            fetch(&where, &a->steps[step->ahead]);
        }
        copy_async_commit();
        if (step->ahead == s) { // there was no room for it before
            copy_async_wait(0);
            block_sync();
        }
        if (step->dense) {
            fused_conv(&where, step, images, precision);
        } else {
            fused_element(&where, step, images);
        }
        copy_async_wait(0);
        block_sync();
    }
    fused_save(a, &where, first, images);
}

BLOCK_KERNEL(candidate_fused_f32, struct candidate_fused_args, CANDIDATE_FUSED_THREADS)
{
    fused_run(a, PRECISION_FLOAT32);
}

BLOCK_KERNEL(candidate_fused_tf32, struct candidate_fused_args, CANDIDATE_FUSED_THREADS)
{
    fused_run(a, PRECISION_TF32);
}

BLOCK_KERNEL(candidate_fused_bf16, struct candidate_fused_args, CANDIDATE_FUSED_THREADS)
{
    fused_run(a, PRECISION_BF16);
}
