// Loads patches (cuda_patch_call.h). Only for files of kernels.
#pragma once
#include "compute/cuda/cuda_element.h"
// After it, as C headers have to be.
#include "compute/cuda/cuda_patch_call.h"

enum { PATCH_IN_FLIGHT = 4 }; // loads of a thread before the first is used

// number / divisor by a multiplication; `by` is the quick_divisor of the divisor.
DEVICE int quick_divide(int number, uint32_t by)
{
    return (int)(((uint64_t)(uint32_t)number * by + by) >> 32);
}

struct patch_tile {
    int image, images; // first one, how many there are
    int row, rows;
    int64_t pixel; // its first among the tensor's
    int pixels;
};

DEVICE struct patch_tile patch_tile_of(const struct cuda_patch_call *a, int number)
{
    struct patch_tile tile;
    const int part = number / a->image_tiles;
    tile.image = part * a->images;
    tile.row = (number - part * a->image_tiles) * a->rows;
    tile.images = a->op.n - tile.image < a->images ? a->op.n - tile.image : a->images;
    tile.rows = a->to_h - tile.row < a->rows ? a->to_h - tile.row : a->rows;
    tile.pixel = ((int64_t)tile.image * a->to_h + tile.row) * a->to_w;
    tile.pixels = tile.images * tile.rows * a->to_w;
    return tile;
}

// Where in the patch what tap 0 is offset against lies, for a pixel of a tile. Of a pixel that no
// tile has, any place in it.
DEVICE int patch_pixel_at(const struct cuda_patch_call *a, int pixel)
{
    if (pixel >= a->pixels) {
        return 0;
    }
    const int line = quick_divide(pixel, a->by_w), image = quick_divide(line, a->by_rows);
    const int h = image * a->patch_h + (line - image * a->rows) * a->stride[0];
    return (h * a->patch_w + (pixel - line * a->to_w) * a->stride[1]) * a->pitch;
}

// Four channels from c on of a pixel's `count`, zeros behind them.
DEVICE struct f32x4 patch_load(const float *pixel, int c, int count, int vector)
{
    struct f32x4 run = {0.0F, 0.0F, 0.0F, 0.0F};
    if (c >= count) {
        return run;
    }
    if (vector) {
        return load_f32x4(pixel + c);
    }
    run.x = pixel[c];
    run.y = c + 1 < count ? pixel[c + 1] : 0.0F;
    run.z = c + 2 < count ? pixel[c + 2] : 0.0F;
    run.w = c + 3 < count ? pixel[c + 3] : 0.0F;
    return run;
}

// Four numbers as bf16, at an address that is aligned to 8.
DEVICE void patch_store(unsigned char *at, struct f32x4 run)
{
    *(uint64_t *)(void *)at = bf16_pack(run.x, run.y) | (uint64_t)bf16_pack(run.z, run.w) << 32;
}

// Run number `item` of a patch whose channels begin at `channel`. *at: its place in the patch.
DEVICE struct f32x4 patch_fetch(const struct cuda_patch_call *a, const struct patch_tile *tile,
                                int item, int channel, int *at)
{
    struct f32x4 zeros = {0.0F, 0.0F, 0.0F, 0.0F};
    const int line = quick_divide(item, a->by_line), along = item - line * a->line;
    const int column = quick_divide(along, a->by_quads);
    const int quad = along - column * (a->channels / 4);
    const int image = quick_divide(line, a->by_h);
    int h = tile->row * a->stride[0] + a->first[0] + line - image * a->patch_h;
    int w = a->first[1] + column;
    *at = (line * a->patch_w + column) * a->pitch + quad * 8;
    if (h < 0 || w < 0 || image >= tile->images) {
        return zeros;
    }
    if (a->spread[0] * a->spread[1] > 1) {
        const int over = h % a->spread[0] + w % a->spread[1];
        h = over == 0 ? h / a->spread[0] : a->from_h;
        w /= a->spread[1];
    }
    if (h >= a->from_h || w >= a->from_w) {
        return zeros;
    }
    const int pixel = ((tile->image + image) * a->from_h + h) * a->from_w + w;
    return patch_load(a->from + (int64_t)pixel * a->from_c, channel + quad * 4, a->from_c,
                      a->vector_from);
}

DEVICE void patch_fill(const struct cuda_patch_call *a, const struct patch_tile *tile, int channel,
                       unsigned char *patch)
{
    for (int first = thread_id(); first < a->items; first += PATCH_IN_FLIGHT * PATCH_THREADS) {
        struct f32x4 runs[PATCH_IN_FLIGHT];
        int at[PATCH_IN_FLIGHT];
        UNROLL
        for (int i = 0; i < PATCH_IN_FLIGHT; i++) {
            if (first + i * PATCH_THREADS < a->items) {
                runs[i] = patch_fetch(a, tile, first + i * PATCH_THREADS, channel, &at[i]);
            }
        }
        UNROLL
        for (int i = 0; i < PATCH_IN_FLIGHT; i++) {
            if (first + i * PATCH_THREADS < a->items) {
                patch_store(patch + at[i], runs[i]);
            }
        }
    }
}

// Bytes from row to row of a side of so many columns: eight rows fall into different banks.
DEVICE int patch_row_bytes(const int columns)
{
    return columns * 2 + 16;
}
