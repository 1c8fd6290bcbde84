// A data set in files of its own, which can be moved and changed: IDX files of horizontal and
// vertical stripes, with some noise.
#pragma once
#include "run_program.h"

enum { STRIPES_SIDE = 12, STRIPES_TRAIN = 240, STRIPES_TEST = 40 };
// Both parts, with `train` images for training. The shades tell data sets apart.
void stripes_write(const struct program *p, const char *folder, int train, int shade_train,
                   int shade_test);
// prefix: train, or t10k; h: 12, or of images of another shape with as many pixels.
void stripes_write_part(const struct program *p, const char *folder, const char *prefix, int n,
                        int h, int shade);
