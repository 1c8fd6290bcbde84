#include "envs/nas/nas_features.h"

#include "envs/nas/nas_suggest.h"

#include <math.h>
#include <string.h>

static double log_share(double value, double most_bits)
{
    return log2(fmax(value, 1)) / most_bits;
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

// Where a decided choice lies.
static double position(const struct nas_walk *walk, int d)
{
    return (double)walk->study->position[d][walk->choice[d]];
}

static void show_decision(const struct nas_walk *walk, const uint8_t *legal, double *f)
{
    const struct nas_space *space = walk->study->space;
    const struct nas_decision *decision = &space->decisions[walk->step];
    int low = -1, high = 0, free = 0;
    for (int i = 0; i < decision->n_choices; i++) {
        low = low < 0 && legal[i] ? i : low;
        high = legal[i] ? i : high;
        free += legal[i];
    }
    CHECK(low >= 0);
    f[NAS_FEATURE_STEP] = (double)walk->step / space->n_decisions;
    f[NAS_FEATURE_STEPS] = log_share(space->n_decisions, 7);
    f[NAS_FEATURE_IS_DEPTH + (int)decision->role] = 1;
    f[NAS_FEATURE_CATEGORICAL] = decision->categorical;
    f[NAS_FEATURE_STAGE] = decision->stage / 8.0;
    f[NAS_FEATURE_LAYER] = (decision->layer + 1) / 16.0;
    f[NAS_FEATURE_CHOICES] = (double)decision->n_choices / NAS_MOST_CHOICES;
    f[NAS_FEATURE_LOW] = (double)decision->position[low];
    f[NAS_FEATURE_HIGH] = (double)decision->position[high];
    f[NAS_FEATURE_FREE] = (double)free / decision->n_choices;
}

static void show_decided(const struct nas_walk *walk, double *f)
{
    enum { RECENT = 8, TAKEN = 8 };
    const struct nas_decision *decisions = walk->study->space->decisions;
    const struct nas_decision *next = &decisions[walk->step];
    int n[NAS_ROLE_COUNT] = {0}, without_order = 0;
    for (int d = 0; d < walk->step; d++) {
        const struct nas_decision *decision = &decisions[d];
        const double here = position(walk, d);
        if (walk->step - d <= RECENT) {
            f[NAS_FEATURE_RECENT_1 + walk->step - d - 1] = here;
        }
        if (decision->role == next->role) {
            f[NAS_FEATURE_SAME] = here;
            const bool above = decision->layer == next->layer && decision->stage + 1 == next->stage;
            f[NAS_FEATURE_ABOVE] = above ? here : f[NAS_FEATURE_ABOVE];
        }
        f[NAS_FEATURE_MEAN_DEPTH + (int)decision->role] += here;
        n[decision->role]++;
        without_order += decision->categorical;
        if (decision->categorical && walk->choice[d] < TAKEN) {
            f[NAS_FEATURE_TAKEN_1 + walk->choice[d]] += 1;
        }
    }
    for (int role = 0; role < NAS_ROLE_COUNT; role++) {
        f[NAS_FEATURE_MEAN_DEPTH + role] /= n[role] > 0 ? n[role] : 1;
    }
    for (int i = 0; i < TAKEN; i++) {
        f[NAS_FEATURE_TAKEN_1 + i] /= without_order > 0 ? without_order : 1;
    }
}

// What is decided, then the next decision as `here` says, then the rest: each at its cheapest or
// most expensive.
static void cost_with(const struct nas_walk *walk, bool here, bool rest, struct nas_cost *out)
{
    const struct nas_study *study = walk->study;
    int16_t choice[NAS_MOST_DECISIONS];
    memcpy(choice, walk->choice, (size_t)walk->step * sizeof *choice);
    for (int d = walk->step; d < study->space->n_decisions; d++) {
        const bool most = d == walk->step ? here : rest;
        choice[d] = most ? study->by_cost[d][study->n_choices[d] - 1]
                         : (int16_t)study->space->decisions[d].least;
    }
    nas_study_cost(study, choice, out);
}

static void show_costs(const struct nas_walk *walk, double *f)
{
    const struct nas_study *study = walk->study;
    struct nas_cost least, most, spared;
    cost_with(walk, false, false, &least);
    cost_with(walk, true, true, &most);
    cost_with(walk, false, true, &spared);
    f[NAS_FEATURE_SLACK] = 1;
    for (int k = 0; k < COST_KINDS; k++) {
        const double full = (double)study->full.of[k], low = (double)least.of[k];
        const double high = (double)most.of[k], open = high - low;
        const double limit = (double)walk->limits.of[k];
        const bool limited = walk->limits.of[k] != INT64_MAX;
        f[NAS_FEATURE_MACS_BUDGET + k] = limited ? limit / full : 1;
        f[NAS_FEATURE_MACS_LEAST + k] = low / full;
        f[NAS_FEATURE_MACS_MOST + k] = high / full;
        f[NAS_FEATURE_MACS_HERE + k] = ratio(high - (double)spared.of[k], open);
        if (limited) {
            f[NAS_FEATURE_TIGHT] = fmax(f[NAS_FEATURE_TIGHT], ratio(high - limit, open));
            f[NAS_FEATURE_SLACK] = fmin(f[NAS_FEATURE_SLACK], (limit - low) / limit);
        }
    }
    f[NAS_FEATURE_UNIFORM] = nas_uniform_share(study, &walk->limits, walk->choice, walk->step);
}

static void show_task(const struct host_subject *subject, double *f)
{
    const struct network_info *info = &subject->info;
    f[NAS_FEATURE_CLASSES] = log_share(info->classes, 10);
    f[NAS_FEATURE_INPUT_SIZE] = log_share((double)info->h * info->w, 18);
    f[NAS_FEATURE_INPUT_CHANNELS] = log_share(info->c, 8);
    for (int c = 0; c < info->c; c++) { // floats have no scale of their own: as usual pixels
        f[NAS_FEATURE_DATA] += (info->floats ? 0.5 : 2 * (double)info->std[c]) / info->c;
    }
    f[NAS_FEATURE_BASE_ACCURACY] = subject->base_accuracy;
}

void nas_features(const struct nas_walk *walk, const struct host_subject *subject,
                  const uint8_t *legal, float *obs)
{
    double f[NAS_FEATURE_OBJECTIVE] = {0};
    show_decision(walk, legal, f);
    show_decided(walk, f);
    show_costs(walk, f);
    show_task(subject, f);
    for (int i = 0; i < NAS_FEATURE_OBJECTIVE; i++) {
        obs[i] = (float)fmin(fmax(f[i], 0), 1);
    }
    objective_features(&walk->objective, obs + NAS_FEATURE_OBJECTIVE);
}
