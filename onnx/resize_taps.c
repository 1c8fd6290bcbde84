// ONNX's words for a resize are looked up where our node of that name computes the same; else every
// node is compared with the file's formula, output by output.
#include "onnx/resize_taps.h"

#include <math.h>
#include <string.h>

enum { MOST_COMPARED = 1 << 14 };

struct word {
    const char *name;
    int value;
};

static bool find_word(const struct word *words, const char *name, int *out)
{
    for (; words->name != NULL; words++) {
        if (strcmp(words->name, name) == 0) {
            *out = words->value;
            return true;
        }
    }
    return false;
}

static bool find_by_name(const struct onnx_resize *resize, bool nearest, int *mode, int *where)
{
    static const struct word places[] = {
        {"half_pixel", RESIZE_HALF_PIXEL},
        {"half_pixel_symmetric", RESIZE_HALF_PIXEL}, // the same, where scales are exact
        {"asymmetric", RESIZE_ASYMMETRIC},
        {"align_corners", RESIZE_ALIGN_CORNERS},
        {"pytorch_half_pixel", RESIZE_PYTORCH_HALF_PIXEL},
        {NULL, 0},
    };
    static const struct word roundings[] = {
        {"round_prefer_floor", RESIZE_NEAREST_ROUND},
        {"floor", RESIZE_NEAREST_FLOOR},
        {"ceil", RESIZE_NEAREST_CEIL},
        {NULL, 0},
    };
    *mode = RESIZE_LINEAR;
    return resize->exact && find_word(places, resize->coordinates, where) &&
           (!nearest || find_word(roundings, resize->rounding, mode));
}

// ---- by comparison

// Where output `at` lies, by ONNX's formulas. NAN for words that are none of them.
static double place_of(const struct onnx_resize *resize, int axis, int at)
{
    const double in = resize->in[axis], out = resize->out[axis], scale = resize->scale[axis];
    const double length = scale * in; // of the output, before it was cut to a whole number
    const double half_pixel = (at + 0.5) / scale - 0.5;
    if (strcmp(resize->coordinates, "half_pixel") == 0) {
        return half_pixel;
    }
    if (strcmp(resize->coordinates, "half_pixel_symmetric") == 0) {
        return in / 2.0 * (1.0 - out / length) + half_pixel;
    }
    if (strcmp(resize->coordinates, "pytorch_half_pixel") == 0) {
        return length > 1 ? half_pixel : 0.0;
    }
    if (strcmp(resize->coordinates, "align_corners") == 0) {
        return length > 1 ? at * (in - 1.0) / (length - 1.0) : 0.0;
    }
    return strcmp(resize->coordinates, "asymmetric") == 0 ? at / scale : (double)NAN;
}

static double round_place(const char *rounding, double place)
{
    if (strcmp(rounding, "round_prefer_floor") == 0) {
        return ceil(place - 0.5);
    }
    if (strcmp(rounding, "round_prefer_ceil") == 0) {
        return floor(place + 0.5);
    }
    if (strcmp(rounding, "floor") == 0) {
        return floor(place);
    }
    return strcmp(rounding, "ceil") == 0 ? ceil(place) : (double)NAN;
}

static bool is_same(const struct onnx_resize *resize, bool nearest, enum resize_mode mode,
                    enum resize_coordinates where)
{
    for (int axis = 0; axis < 2; axis++) {
        const int in = resize->in[axis];
        for (int at = 0; at < resize->out[axis]; at++) {
            const struct resize_tap tap = resize_tap_at(mode, where, in, resize->out[axis], at);
            double place = place_of(resize, axis, at);
            place = nearest ? round_place(resize->rounding, place) : place;
            place = place < 0.0 ? 0.0 : place > in - 1.0 ? in - 1.0 : place;
            if (!(fabs(place - (tap.low + tap.share)) < 1e-6)) { // NaN too
                return false;
            }
        }
    }
    return true;
}

enum status onnx_find_resize(const struct onnx_resize *resize, enum resize_mode *mode,
                             enum resize_coordinates *coordinates)
{
    const bool nearest = strcmp(resize->mode, "nearest") == 0;
    const bool linear =
        strcmp(resize->mode, "linear") == 0 || strcmp(resize->mode, "bilinear") == 0;
    int how = 0, where = 0;
    if ((nearest || linear) && find_by_name(resize, nearest, &how, &where)) {
        *mode = (enum resize_mode)how;
        *coordinates = (enum resize_coordinates)where;
        return OK;
    }
    const bool small = resize->out[0] <= MOST_COMPARED && resize->out[1] <= MOST_COMPARED;
    for (how = 0; how < RESIZE_MODE_COUNT && small && (nearest || linear); how++) {
        for (where = 0; where < RESIZE_COORDINATES_COUNT; where++) {
            if ((how == RESIZE_LINEAR) == linear &&
                is_same(resize, nearest, (enum resize_mode)how, (enum resize_coordinates)where)) {
                *mode = (enum resize_mode)how;
                *coordinates = (enum resize_coordinates)where;
                return OK;
            }
        }
    }
    FAIL(ERR_UNSUPPORTED,
         "it resizes %d x %d to %d x %d in mode \"%.50s\" (%.50s, %.50s, scales %g and %g), which "
         "no node does",
         resize->in[0], resize->in[1], resize->out[0], resize->out[1], resize->mode,
         resize->coordinates, nearest ? resize->rounding : "not rounded", resize->scale[0],
         resize->scale[1]);
}
