// Learning rates over the updates of a run.
#include "train/train.h"

#include <math.h>

double train_learning_rate(const struct train_recipe *recipe, int64_t step, int64_t steps_per_epoch)
{
    const double pi = 3.14159265358979323846;
    const double rate = recipe->learning_rate;
    const double total = (double)recipe->epochs * (double)steps_per_epoch;
    const double warmup = recipe->warmup_epochs * (double)steps_per_epoch;
    // Linear warm-up: the first update already moves (Goyal et al. 2017, section 2.2).
    if ((double)step < warmup) {
        return rate * fmin(1.0, ((double)step + 1) / warmup);
    }
    if (recipe->schedule == RATE_COSINE) {
        const double t = total > warmup ? ((double)step - warmup) / (total - warmup) : 1;
        return rate * 0.5 * (1 + cos(pi * fmin(t, 1.0)));
    }
    if (recipe->schedule == RATE_STEP) {
        double scaled = rate;
        for (int i = 0; i < recipe->steps->n; i++) {
            if (step >= recipe->steps->values[i] * steps_per_epoch) {
                scaled *= recipe->gamma;
            }
        }
        return scaled;
    }
    return rate;
}
