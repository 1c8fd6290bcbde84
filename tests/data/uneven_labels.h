// Labels of classes of very different sizes.
#pragma once
#include <stdint.h>

enum { UNEVEN_N = 1000, UNEVEN_CLASSES = 7 };
// Label k about k + 1 times as often as label 0; members: how often each.
void uneven_labels(int32_t labels[UNEVEN_N], int members[UNEVEN_CLASSES]);
