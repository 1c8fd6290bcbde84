// Small pictures of coloured shapes, drawn from random numbers.
#pragma once
#include <stdint.h>

enum { SHAPE_CLASSES = 10 };

// The shape's name, "circle" ...
const char *shape_name(int shape);

// One picture, out [size][size][3]: a shape 0 .. SHAPE_CLASSES - 1 of random position, size,
// rotation and colour on a shaded ground with specks and noise. A pure function of its arguments.
void shape_draw(int shape, uint64_t seed, int part, int64_t index, int size, uint8_t *out);
