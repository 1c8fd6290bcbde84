// What the agent sees before each step, everything in [0, 1]: the decision, what has been decided,
// what that costs and leaves, the task. Nothing depends on what else the run searches, so that a
// policy means the same in a task or space that it has not seen.
#pragma once
#include "envs/nas/nas_walk.h"
#include "envs/scoring/host_subject.h"

// clang-format off
#define NAS_FEATURES(X)                                                                            \
    X(STEP)          /* step / steps */                                                            \
    X(STEPS)         /* log2(steps) / 7 */                                                         \
    X(IS_DEPTH) X(IS_WIDTH) X(IS_KERNEL) X(IS_EXPANSION) X(IS_OPERATION) /* what it is about */    \
    X(CATEGORICAL)   /* choices have no order */                                                   \
    X(STAGE)         /* stage / 8 */                                                               \
    X(LAYER)         /* (layer + 1) / 16; 0 of a whole stage */                                    \
    X(CHOICES)       /* their number / 16 */                                                       \
    X(LOW)           /* position of the first legal choice */                                      \
    X(HIGH)          /* of the last one */                                                         \
    X(FREE)          /* share of the choices that is legal */                                      \
    X(RECENT_1) X(RECENT_2) X(RECENT_3) X(RECENT_4) X(RECENT_5) X(RECENT_6) X(RECENT_7)            \
    X(RECENT_8)      /* positions taken 1 to 8 steps ago; 0 before the first */                    \
    X(SAME)          /* position taken last in a decision of this role; 0 if in none */            \
    X(ABOVE)         /* likewise in this layer of the stage before */                              \
    X(MEAN_DEPTH) X(MEAN_WIDTH) X(MEAN_KERNEL) X(MEAN_EXPANSION)                                   \
    X(MEAN_OPERATION) /* mean position of the decisions of each role so far; 0 of none */          \
    X(TAKEN_1) X(TAKEN_2) X(TAKEN_3) X(TAKEN_4) X(TAKEN_5) X(TAKEN_6) X(TAKEN_7)                   \
    X(TAKEN_8)       /* share of the decisions without order that took the 1st, 2nd .. choice */   \
    X(MACS_BUDGET) X(PARAMS_BUDGET) X(BYTES_BUDGET) /* limit / the largest network's; 1 of none */ \
    X(MACS_LEAST) X(PARAMS_LEAST) X(BYTES_LEAST) /* with the rest at its least / the largest's */  \
    X(MACS_MOST) X(PARAMS_MOST) X(BYTES_MOST)    /* with the rest at its greatest */               \
    X(MACS_HERE) X(PARAMS_HERE) X(BYTES_HERE)    /* of what is open, this decision's share */      \
    X(TIGHT)         /* of what is open, the share that must not be used */                        \
    X(SLACK)         /* what the rest may use above its least / the whole limit */                 \
    X(UNIFORM)       /* the share at which all of the rest just fits */                            \
    X(CLASSES)       /* log2(classes) / 10 */                                                      \
    X(INPUT_SIZE)    /* log2(height * width of an image) / 18 */                                   \
    X(INPUT_CHANNELS) /* log2(channels) / 8 */                                                     \
    X(DATA)          /* contrast of the images: 2 * mean deviation of pixels */                    \
    X(BASE_ACCURACY) /* of the largest network */
// clang-format on

enum nas_feature {
#define X(name) NAS_FEATURE_##name,
    NAS_FEATURES(X)
#undef X
        NAS_FEATURE_OBJECTIVE,
    NAS_FEATURE_COUNT = NAS_FEATURE_OBJECTIVE + OBJECTIVE_FEATURES
};
// obs [NAS_FEATURE_COUNT] out, for the walk's next step; legal [its choices].
void nas_features(const struct nas_walk *walk, const struct host_subject *subject,
                  const uint8_t *legal, float *obs);
