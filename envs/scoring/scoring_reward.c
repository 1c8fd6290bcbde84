#include "envs/scoring/scoring_reward.h"

#include <math.h>

#define LEAST_REWARD (-1.0) // however much worse than guessing

int scoring_images(const struct scoring_options *scoring, const struct host_dataset *data)
{
    return scoring->images > 0 && scoring->images < data->n_validation ? scoring->images
                                                                       : data->n_validation;
}

// 1 is none, 0 the one of guessing.
static double of_loss(const struct host_subject *subject, double loss)
{
    return 1 - loss / log(fmax(subject->images->classes, 2));
}

// 1 is none, 0 the one of always giving the mean logits.
static double of_distance(const struct host_subject *subject, double distance)
{
    return 1 - distance / fmax(subject->spread, 1e-12);
}

double scoring_reward_of(enum scoring_reward reward, const struct host_subject *subject,
                         const struct cached_score *score, int images)
{
    const double loss = score->loss / images, distance = score->distance / images;
    if (score->diverged) {
        return reward == REWARD_ACCURACY ? 0 : LEAST_REWARD;
    }
    switch (reward) {
    case REWARD_ACCURACY:
        return (double)score->right / images;
    case REWARD_LOSS:
        return fmax(of_loss(subject, loss), LEAST_REWARD);
    case REWARD_DISTILLATION:
        return fmax((of_loss(subject, loss) + of_distance(subject, distance)) / 2, LEAST_REWARD);
    }
    return 0;
}

// An accuracy counted on n images has the deviation sqrt(p (1 - p) / n); p = 0.8 stands for all,
// and the mean loss on its scale has about the same. That of distillation, less what all candidates
// have in common, has 0.15 to 0.25 an image (ResNets on CIFAR-10).
double scoring_reward_noise(const struct scoring_options *scoring, const struct host_dataset *data)
{
    const double image = scoring->reward == REWARD_DISTILLATION ? 0.15 : 0.4;
    return image / sqrt(scoring_images(scoring, data));
}

// A row, centred, onto the sums over the images [classes] and of all squares.
static void add_row(const float *row, int classes, double *sums, double *squares)
{
    double mean = 0;
    for (int k = 0; k < classes; k++) {
        mean += (double)row[k];
    }
    mean /= classes;
    for (int k = 0; k < classes; k++) {
        const double value = (double)row[k] - mean;
        sums[k] += value;
        *squares += value * value;
    }
}

enum status scoring_spread(const float *logits, int n, int classes, struct arena *arena,
                           double *out)
{
    double squares = 0, common = 0;
    double *sums;
    *out = 0;
    if (n == 0) {
        return OK;
    }
    ARENA_NEW(arena, sums, (size_t)classes);
    for (int i = 0; i < n; i++) {
        add_row(logits + (size_t)i * (size_t)classes, classes, sums, &squares);
    }
    for (int k = 0; k < classes; k++) {
        common += sums[k] / n * (sums[k] / n);
    }
    *out = (squares / n - common) / classes;
    return OK;
}
