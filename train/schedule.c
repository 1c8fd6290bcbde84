// Learning rates over the updates of a run.
#include "train/train.h"

#include <math.h>

double train_learning_rate(const struct train_recipe *recipe, int64_t step, int64_t rows)
{
    const double pi = 3.14159265358979323846;
    const double rate = recipe->learning_rate;
    // All in images.
    const int64_t seen = step * recipe->batch;
    const double total = (double)recipe->epochs * (double)rows;
    const double warmup = recipe->warmup_epochs * (double)rows;
    // Linear warm-up: the first update already moves (Goyal et al. 2017, section 2.2).
    if ((double)seen < warmup) {
        return rate * fmin(1.0, (double)(seen + recipe->batch) / warmup);
    }
    if (recipe->schedule == RATE_COSINE) {
        const double t = total > warmup ? ((double)seen - warmup) / (total - warmup) : 1;
        return rate * 0.5 * (1 + cos(pi * fmin(t, 1.0)));
    }
    if (recipe->schedule == RATE_STEP) {
        double scaled = rate;
        for (int i = 0; i < recipe->steps->n; i++) {
            if (seen >= recipe->steps->values[i] * rows) {
                scaled *= recipe->gamma;
            }
        }
        return scaled;
    }
    return rate;
}
