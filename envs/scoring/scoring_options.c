// Config rows "scoring.*".
#include "envs/scoring/scoring.h"

static const char *const dtypes[] = {
    [SCORING_AUTO] = "auto", [SCORING_INT8] = "int8", [SCORING_FLOAT32] = "float32", NULL};
static const char *const rewards[] = {[REWARD_ACCURACY] = "accuracy",
                                      [REWARD_LOSS] = "loss",
                                      [REWARD_DISTILLATION] = "distillation",
                                      NULL};
static const char *const refits[] = {
    [REFIT_AUTO] = "auto", [REFIT_ON] = "on", [REFIT_OFF] = "off", NULL};

#define AT(field) .offset = offsetof(struct scoring_options, field)
const struct option scoring_option_table[] = {
    {"calibration_images", "training images for the BatchNorm statistics of each candidate",
     OPTION_INT, AT(calibration_images), .fallback = 64, .least = 2, .most = 1e6},
    {"calibration_pool",
     "training images that those are chosen from, such that the uncut network's statistics on the "
     "few are those on all; 0: drawn at random",
     OPTION_INT, AT(calibration_pool), .fallback = 2048, .least = 0, .most = 1e6},
    {"images", "search-validation images that each candidate is scored on; 0 = all", OPTION_INT,
     AT(images), .fallback = 1000, .least = 0, .most = 1e9},
    {"validation_share", "of the training images, set apart for the search", OPTION_DOUBLE,
     AT(validation_share), .fallback = 0.1, .least = 0.001, .most = 0.9, .shapes = SHAPES_BASE},
    {"dtype", "what candidates compute in; auto: int8 where the processor is fast at it",
     OPTION_CHOICE, AT(dtype), .fallback_text = "auto", .choices = dtypes},
    {"reward",
     "what a candidate earns: its accuracy; minus its cross-entropy loss, which is less noisy; or "
     "minus a loss of distillation, which adds the distance of its logits from the uncut network's "
     "and is less noisy still. Re-scoring goes by it too",
     OPTION_CHOICE, AT(reward), .fallback_text = "distillation", .choices = rewards},
    {"refit",
     "refit the kept weights of each candidate by least squares; auto: unless a layer of the "
     "network is too large for it",
     OPTION_CHOICE, AT(refit), .fallback_text = "auto", .choices = refits},
    {"refit_images", "training images that refit samples", OPTION_INT, AT(refit_images),
     .fallback = 512, .least = 1, .most = 1e6},
    {.key = NULL},
};
