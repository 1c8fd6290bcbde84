#include "nn/score.h"

#include "core/clock.h"

#include <math.h>

// Cross-entropy of one row of logits.
static double row_loss(const float *logits, int classes, int32_t label, bool *correct)
{
    int best = 0;
    for (int k = 1; k < classes; k++) {
        if (logits[k] > logits[best]) {
            best = k;
        }
    }
    const double greatest = (double)logits[best];
    double sum = 0;
    for (int k = 0; k < classes; k++) {
        sum += exp((double)logits[k] - greatest);
    }
    *correct = best == label;
    return log(sum) + greatest - (double)logits[label];
}

enum status score_add(struct infer_plan *plan, const struct score_batch *batch, struct score *score)
{
    const double start = clock_seconds();
    TRY(infer_run(plan, batch->images, batch->n, batch->logits));
    score->seconds += clock_seconds() - start;
    for (int i = 0; i < batch->n; i++) {
        bool correct;
        score->loss += row_loss(batch->logits + (size_t)i * (size_t)batch->classes, batch->classes,
                                batch->labels[i], &correct);
        score->right += correct;
    }
    score->images += batch->n;
    return OK;
}
