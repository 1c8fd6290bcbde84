// Choosing whole groups of rows so that every class comes near to a number of rows. Internal to
// data/.
#pragma once
#include "core/arena.h"

#include <stdint.h>

struct group_choice {
    const int32_t *labels; // [n] class of each row; -1: the row is not there
    const int32_t *groups; // [n] group of each row, 0 .. n_groups - 1
    int n, n_groups, classes;
    const int *wanted;  // [classes] rows
    const bool *barred; // [n_groups] not to be chosen; NULL: none is
    uint64_t seed;      // of the order in which groups are looked at
    uint32_t stream;    // of RNG_SPLIT
    // At least one group is chosen and one is not, where that is possible; otherwise at least one
    // of every class that has rows.
    bool two_sides;
};
// chosen [n_groups] out, false for groups without rows. Groups are taken in random order whenever
// that brings the classes nearer to `wanted` (the sum of what is missing and what is too much);
// then single ones change sides as long as that helps.
enum status group_choice_make(const struct group_choice *choice, struct arena *arena, bool *chosen);
