// What the agent sees before each step, everything in [0, 1]: the 13 layer features of MTACP (Ma &
// Fang 2023), taken of the group's first convolution, then the task, where its wall lies, and what
// is known of the group before anything has been tried. Nothing depends on what else the run
// prunes, so that a policy means the same on a network or task that it has not seen.
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
    X(DATA)          /* beta: the data set, by the contrast of its pixels: 2 * mean deviation */   \
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
    X(HIGH)          /* greatest legal share */                                                    \
    X(STEPS)         /* how deep the network is: log2(steps) / 8 */                                \
    X(STAGE)         /* resolution lost on the way: log2(image's places / the group's) / 12 */     \
    X(MACS_LEFT)     /* of the MACs that can still be cut, the share that this group reaches */    \
    X(PARAMS_LEFT)   /* as MACS_LEFT, of parameters */                                             \
    X(TIGHT)         /* of what can still be cut, the share that has to be */                      \
    X(COVER)         /* what this group can cut / what has to be cut; 1 when nothing has to */     \
    X(NORM_1) X(NORM_2) X(NORM_3) X(NORM_4) X(NORM_5) X(NORM_6) X(NORM_7)        /* kept of the */ \
                     /* group's l1 norm by the largest 1/8, 2/8 .. 7/8 of its channels */          \
    X(GAMMA_1) X(GAMMA_2) X(GAMMA_3) X(GAMMA_4) X(GAMMA_5) X(GAMMA_6) X(GAMMA_7) /* likewise of */ \
                     /* BatchNorm's |gamma| */                                                     \
    X(ERROR_1) X(ERROR_2) X(ERROR_3) X(ERROR_4) X(ERROR_5) X(ERROR_6) X(ERROR_7) /* square root */ \
                     /* of the guessed error (error_curve.h) with 1/8 .. 7/8 of its channels */    \
    X(ERROR_UNIFORM) /* the same at the share of UNIFORM */                                        \
    X(RELATIVE)      /* ERROR_UNIFORM / (itself + the mean over all groups) */                     \
    X(HINT)          /* the share that the guessed errors speak for (prune_hint.h) */              \
    X(HINT_ERROR)    /* as ERROR_UNIFORM, at that share */                                         \
    X(HINT_REST)     /* mean of HINT over the groups that come after */
// clang-format on

enum prune_feature {
#define X(name) PRUNE_FEATURE_##name,
    PRUNE_FEATURES(X)
#undef X
        PRUNE_FEATURE_COUNT
};
enum { PRUNE_FEATURE_SHARES = 7 }; // eighths at which curves are shown

// Works out study->fixed. Memory from `arena`.
enum status prune_features_fix(struct prune_study *study, struct arena *arena);
// obs [PRUNE_FEATURE_COUNT] out, for the walk's next step; low, high: its least and greatest legal
// widths. Overwrites walk->scratch.
void prune_features(const struct prune_walk *walk, int low, int high, float *obs);
