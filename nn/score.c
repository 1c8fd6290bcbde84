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

// Adding one number to all logits changes nothing that a network says, so it counts as no distance.
static double row_distance(const float *logits, const float *reference, int classes)
{
    double sum = 0, squares = 0;
    for (int k = 0; k < classes; k++) {
        const double difference = (double)logits[k] - (double)reference[k];
        sum += difference;
        squares += difference * difference;
    }
    return fmax(squares / classes - (sum / classes) * (sum / classes), 0);
}

void score_add(struct infer_plan *plan, const struct score_batch *batch, struct score *score)
{
    const double start = clock_seconds();
    infer_run(plan, batch->images, batch->n, batch->logits);
    score->seconds += clock_seconds() - start;
    for (int i = 0; i < batch->n; i++) {
        const size_t row = (size_t)i * (size_t)batch->classes;
        bool correct;
        score->loss += row_loss(batch->logits + row, batch->classes, batch->labels[i], &correct);
        score->right += correct;
        if (batch->reference != NULL) {
            score->distance +=
                row_distance(batch->logits + row, batch->reference + row, batch->classes);
        }
    }
    score->images += batch->n;
}
