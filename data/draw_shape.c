// Each shape is a function of the distance to its edge (negative inside), in units where it fills
// about the circle of radius 1; the edge is blended over one pixel, which smooths it.
#include "data/draw_shape.h"

#include "core/rng.h"
#include "core/status.h"

#include <math.h>
#include <stddef.h>

static float most(float a, float b)
{
    return a > b ? a : b;
}

static float least(float a, float b)
{
    return a < b ? a : b;
}

static float box(float x, float y, float half_w, float half_h)
{
    return most(fabsf(x) - half_w, fabsf(y) - half_h);
}

// The triangle whose three sides lie `inner` from the centre.
static float three_sides(float x, float y, float inner)
{
    return most(-y, most(0.8660254f * x + 0.5f * y, -0.8660254f * x + 0.5f * y)) - inner;
}

static float circle(float x, float y)
{
    return hypotf(x, y) - 0.9f;
}

static float square(float x, float y)
{
    return box(x, y, 0.8f, 0.8f);
}

static float triangle(float x, float y)
{
    return three_sides(x, y, 0.55f);
}

static float cross(float x, float y)
{
    return least(box(x, y, 1.0f, 0.3f), box(x, y, 0.3f, 1.0f));
}

static float ring(float x, float y)
{
    return fabsf(hypotf(x, y) - 0.75f) - 0.22f;
}

static float star(float x, float y)
{
    return least(three_sides(x, y, 0.5f), three_sides(x, -y, 0.5f));
}

static float bars(float x, float y)
{
    return least(box(x - 0.7f, y, 0.2f, 0.9f),
                 least(box(x, y, 0.2f, 0.9f), box(x + 0.7f, y, 0.2f, 0.9f)));
}

static float crescent(float x, float y)
{
    return most(hypotf(x, y) - 0.95f, 0.75f - hypotf(x - 0.5f, y));
}

static float frame(float x, float y)
{
    return fabsf(most(fabsf(x), fabsf(y)) - 0.7f) - 0.2f;
}

static float angle(float x, float y)
{
    return least(box(x + 0.55f, y, 0.25f, 0.85f), box(x, y + 0.6f, 0.8f, 0.25f));
}

struct shape {
    const char *name;
    float (*edge)(float x, float y);
};
static const struct shape shapes[SHAPE_CLASSES] = {
    {"circle", circle}, {"square", square}, {"triangle", triangle}, {"cross", cross},
    {"ring", ring},     {"star", star},     {"bars", bars},         {"crescent", crescent},
    {"frame", frame},   {"angle", angle},
};

const char *shape_name(int shape)
{
    CHECK(shape >= 0 && shape < SHAPE_CLASSES);
    return shapes[shape].name;
}

enum { MOST_SPECKS = 4 };

struct speck {
    float x, y, radius, colour[3]; // pixels, 0..255
};

// What a picture shows; all lengths in pixels, colours 0..255.
struct scene {
    float x, y, radius, cosine, sine;
    float colour[3], ground[3], slope[2]; // slope: brightness of the ground per pixel
    struct speck specks[MOST_SPECKS];
    int n_specks;
    float noise; // standard deviation
};

static float between(struct rng *rng, float low, float high)
{
    return low + (high - low) * rng_uniform(rng);
}

static void draw_colour(struct rng *rng, float colour[3])
{
    for (int c = 0; c < 3; c++) {
        colour[c] = between(rng, 20, 235);
    }
}

static struct scene make_scene(struct rng *rng, int size)
{
    struct scene s = {.noise = between(rng, 4, 22)};
    const float side = (float)size;
    const float turn = between(rng, 0, 6.2831853f);
    s.radius = side * between(rng, 0.18f, 0.42f);
    const float margin = s.radius * 0.8f;
    s.x = between(rng, margin, side - margin);
    s.y = between(rng, margin, side - margin);
    s.cosine = cosf(turn);
    s.sine = sinf(turn);
    draw_colour(rng, s.ground);
    float distance;
    do { // colours that can be told apart
        draw_colour(rng, s.colour);
        distance = 0;
        for (int c = 0; c < 3; c++) {
            distance += fabsf(s.colour[c] - s.ground[c]);
        }
    } while (distance < 120);
    s.slope[0] = between(rng, -40, 40) / side;
    s.slope[1] = between(rng, -40, 40) / side;
    s.n_specks = (int)rng_below(rng, MOST_SPECKS + 1);
    for (int i = 0; i < s.n_specks; i++) {
        s.specks[i].x = between(rng, 0, side);
        s.specks[i].y = between(rng, 0, side);
        s.specks[i].radius = side * between(rng, 0.02f, 0.06f);
        draw_colour(rng, s.specks[i].colour);
    }
    return s;
}

// How much of a pixel lies inside an edge `distance` pixels away.
static float coverage(float distance)
{
    return least(1, most(0, 0.5f - distance));
}

static void blend(float pixel[3], const float colour[3], float share)
{
    for (int c = 0; c < 3; c++) {
        pixel[c] += share * (colour[c] - pixel[c]);
    }
}

void shape_draw(int shape, uint64_t seed, int part, int64_t index, int size, uint8_t *out)
{
    CHECK(shape >= 0 && shape < SHAPE_CLASSES && size > 0);
    struct rng rng = rng_make(seed, RNG_DRAW, (uint64_t)index, (uint32_t)part);
    const struct scene s = make_scene(&rng, size);
    for (int row = 0; row < size; row++) {
        for (int column = 0; column < size; column++, out += 3) {
            const float x = (float)column + 0.5f, y = (float)row + 0.5f;
            const float dx = x - s.x, dy = y - s.y;
            const float u = (s.cosine * dx + s.sine * dy) / s.radius;
            const float v = (s.cosine * dy - s.sine * dx) / s.radius;
            const float shade =
                s.slope[0] * (x - (float)size / 2) + s.slope[1] * (y - (float)size / 2);
            float pixel[3] = {s.ground[0] + shade, s.ground[1] + shade, s.ground[2] + shade};
            for (int i = 0; i < s.n_specks; i++) {
                const struct speck *speck = &s.specks[i];
                blend(pixel, speck->colour,
                      coverage(hypotf(x - speck->x, y - speck->y) - speck->radius));
            }
            blend(pixel, s.colour, coverage(shapes[shape].edge(u, v) * s.radius));
            for (int c = 0; c < 3; c++) {
                const float value = pixel[c] + s.noise * rng_normal(&rng);
                out[c] = (uint8_t)lrintf(least(255, most(0, value)));
            }
        }
    }
}
