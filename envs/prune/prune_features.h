// What the agent sees before each step, everything in [0, 1]: the 13 layer features of MTACP (Ma &
// Fang 2023), taken of the group's first convolution, then the task and where its wall lies.
#pragma once
#include "envs/prune/prune_walk.h"

// clang-format off
#define PRUNE_FEATURES(X)                                                                          \
    X(LAYER)         /* l: step / steps */                                                         \
    X(IN_CHANNELS)   /* c: log2(c) / 12 */                                                         \
    X(OUT_CHANNELS)  /* n: log2(channels of the group) / 12 */                                     \
    X(HEIGHT)        /* h of its input: log2(h) / 9 */                                             \
    X(WIDTH)         /* w likewise */                                                              \
    X(STRIDE)        /* (stride - 1) / 3 */                                                        \
    X(KERNEL)        /* k: (kernel height - 1) / 10 */                                             \
    X(MACS_BUDGET)   /* alpha: the limit as a share of the network's own; 1 without one */         \
    X(DATA)          /* beta: which data set, (index + 1) / (how many + 1) */                      \
    X(MACS_HERE)     /* FLOPs[l]: square root of the share of all MACs that the group reaches */   \
    X(MACS_REDUCED)  /* Reduced: share of all MACs that is cut for certain */                      \
    X(MACS_REST)     /* Rest: share of all MACs that the undecided groups can still cut */         \
    X(LAST_SHARE)    /* a[l-1]: what the step before kept; 1 at the first */                       \
    X(PARAMS_BUDGET) /* as MACS_BUDGET, of parameters */                                           \
    X(PARAMS_HERE)   /* as MACS_HERE, of parameters */                                             \
    X(CLASSES)       /* log2(classes) / 10 */                                                      \
    X(INPUT_SIZE)    /* log2(height * width of an image) / 18 */                                   \
    X(BASE_ACCURACY) /* of the uncut network */                                                    \
    X(UNIFORM)       /* the share at which all undecided groups together just use up the rest */   \
    X(SLACK)         /* what the undecided groups may spend above their least / the whole limit */ \
    X(LOW)           /* least legal share of this group */                                         \
    X(HIGH)          /* greatest legal share */
// clang-format on

enum prune_feature {
#define X(name) PRUNE_FEATURE_##name,
    PRUNE_FEATURES(X)
#undef X
        PRUNE_FEATURE_COUNT
};

struct prune_sight {
    int data, n_data; // of the walk's data set, among all
    int low, high;    // widths: least and greatest legal
};
// obs [PRUNE_FEATURE_COUNT] out, for the walk's next step. Overwrites walk->scratch.
void prune_features(const struct prune_walk *walk, const struct prune_sight *sight, float *obs);
