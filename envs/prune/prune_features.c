#include "envs/prune/prune_features.h"

#include <math.h>

// The first member that is a layer of its own; a padded shortcut can be a member too.
static const struct node *first_layer(const struct graph *graph, const struct channel_group *group)
{
    for (int i = 0; i < group->n_members; i++) {
        const struct node *node = &graph->nodes[group->members[i]];
        if (node->params[0] >= 0) {
            return node;
        }
    }
    CHECK(!"a group that no layer produces");
    return NULL;
}

static double log_share(double value, double most_bits)
{
    return log2(fmax(value, 1)) / most_bits;
}

// All groups whole, but those decided.
static int *decided_or_full(const struct prune_walk *walk)
{
    const struct prune_study *study = walk->study;
    const int *widths = wall_widths(walk->wall);
    for (int g = 0; g < study->network->groups.n; g++) {
        walk->scratch[g] = widths[g];
    }
    for (int s = walk->step; s < study->n_steps; s++) {
        const int g = study->steps[s];
        walk->scratch[g] = study->network->groups.groups[g].channels;
    }
    return walk->scratch;
}

static bool share_holds(const struct prune_walk *walk, double share)
{
    const struct prune_study *study = walk->study;
    int *widths = decided_or_full(walk);
    const int *least = wall_widths(walk->wall);
    for (int s = walk->step; s < study->n_steps; s++) {
        const int g = study->steps[s], width = (int)lround(share * widths[g]);
        widths[g] = width > least[g] ? width : least[g];
    }
    for (int k = 0; k < COST_KINDS; k++) {
        if (walk->limits[k] != INT64_MAX &&
            cost_model_total(study->models[k], widths) > walk->limits[k]) {
            return false;
        }
    }
    return true;
}

static double uniform_share(const struct prune_walk *walk)
{
    enum { HALVINGS = 10 };
    double low = 0, high = 1;
    if (share_holds(walk, high)) {
        return high;
    }
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2;
        if (share_holds(walk, middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static double slack(const struct prune_walk *walk)
{
    double least = 1;
    for (int k = 0; k < COST_KINDS; k++) {
        if (walk->limits[k] != INT64_MAX) {
            const double limit = (double)walk->limits[k];
            least = fmin(least, (limit - (double)wall_cost(walk->wall, (enum cost_kind)k)) / limit);
        }
    }
    return least;
}

static double budget_share(const struct prune_walk *walk, enum cost_kind kind)
{
    return walk->limits[kind] == INT64_MAX
               ? 1
               : (double)walk->limits[kind] / (double)walk->study->full[kind];
}

// A curve of host_prior at a share of the group's channels, linear between widths. at_none: its
// value with no channel at all.
static double curve_at(const float *curve, int channels, double share, double at_none)
{
    const double width = share * channels;
    const int below = (int)width < channels ? (int)width : channels - 1;
    const double low = below > 0 ? (double)curve[below - 1] : at_none;
    return low + (width - below) * ((double)curve[below] - low);
}

static double error_share(const struct prune_study *study, int step, double share)
{
    const int channels = study->network->groups.groups[study->steps[step]].channels;
    return sqrt(curve_at(study->network->prior.error + study->first[step], channels, share, 1));
}

static void fix_layer(const struct prune_study *study, int step, double *f)
{
    const struct graph *graph = &study->network->graph;
    const struct network_info *info = &study->network->subject.info;
    const struct channel_group *group = &study->network->groups.groups[study->steps[step]];
    const struct node *layer = first_layer(graph, group);
    const struct node *input = &graph->nodes[layer->inputs[0]];
    f[PRUNE_FEATURE_LAYER] = (double)step / study->n_steps;
    f[PRUNE_FEATURE_IN_CHANNELS] = log_share(input->c, 12);
    f[PRUNE_FEATURE_OUT_CHANNELS] = log_share(group->channels, 12);
    f[PRUNE_FEATURE_HEIGHT] = log_share(input->h, 9);
    f[PRUNE_FEATURE_WIDTH] = log_share(input->w, 9);
    f[PRUNE_FEATURE_STRIDE] = (layer->stride[0] - 1) / 3.0;
    f[PRUNE_FEATURE_KERNEL] = ((layer->h > 1 ? layer->kernel[0] : layer->kernel[1]) - 1) / 10.0;
    for (int c = 0; c < info->c; c++) { // floats have no scale of their own: as usual pixels
        f[PRUNE_FEATURE_DATA] += (info->floats ? 0.5 : 2 * (double)info->std[c]) / info->c;
    }
    const double places = (double)info->h * info->w;
    f[PRUNE_FEATURE_CLASSES] = log_share(info->classes, 10);
    f[PRUNE_FEATURE_INPUT_SIZE] = log_share(places, 18);
    f[PRUNE_FEATURE_BASE_ACCURACY] = study->network->subject.base_accuracy;
    f[PRUNE_FEATURE_STEPS] = log_share(study->n_steps, 8);
    f[PRUNE_FEATURE_STAGE] = log_share(places / ((double)layer->h * layer->w), 12);
}

enum status prune_features_fix(struct prune_study *study, struct arena *arena)
{
    const struct host_prior *prior = &study->network->prior;
    ARENA_NEW(arena, study->fixed, (size_t)study->n_steps * PRUNE_FEATURE_COUNT);
    for (int s = 0; s < study->n_steps; s++) {
        const int channels = study->network->groups.groups[study->steps[s]].channels;
        const int first = study->first[s];
        double f[PRUNE_FEATURE_COUNT] = {0};
        fix_layer(study, s, f);
        for (int i = 0; i < PRUNE_FEATURE_SHARES; i++) {
            const double share = (i + 1) / (PRUNE_FEATURE_SHARES + 1.0);
            f[PRUNE_FEATURE_NORM_1 + i] = curve_at(prior->norm + first, channels, share, 0);
            f[PRUNE_FEATURE_GAMMA_1 + i] = curve_at(prior->gamma + first, channels, share, 0);
            f[PRUNE_FEATURE_ERROR_1 + i] = error_share(study, s, share);
        }
        for (int i = 0; i < PRUNE_FEATURE_COUNT; i++) {
            study->fixed[s * PRUNE_FEATURE_COUNT + i] = (float)fmin(fmax(f[i], 0), 1);
        }
    }
    return OK;
}

// What the walk has to do with one kind of cost.
struct cost_sight {
    double most;  // with everything undecided whole
    double least; // with everything undecided at its least
    double reach; // of it, what would go with all channels of the next group
    double here;  // likewise, with all that the wall lets go
};

static struct cost_sight look_at(const struct prune_walk *walk, enum cost_kind kind,
                                 const int *widths)
{
    const struct cost_model *model = walk->study->models[kind];
    const int group = walk->study->steps[walk->step];
    const int64_t most = cost_model_total(model, widths);
    const int64_t without = cost_model_with(model, widths, most, group, 0);
    const int64_t least =
        cost_model_with(model, widths, most, group, wall_widths(walk->wall)[group]);
    return (struct cost_sight){.most = (double)most,
                               .least = (double)wall_cost(walk->wall, kind),
                               .reach = (double)(most - without),
                               .here = (double)(most - least)};
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static void cost_features(const struct prune_walk *walk, double *f)
{
    const struct prune_study *study = walk->study;
    const int *widths = decided_or_full(walk);
    f[PRUNE_FEATURE_COVER] = 1;
    for (int k = 0; k < COST_KINDS; k++) {
        const struct cost_sight cost = look_at(walk, (enum cost_kind)k, widths);
        const double full = (double)study->full[k];
        const double open = cost.most - cost.least; // can still be cut
        if (k != COST_BYTES) {                      // which parameters stand for
            f[k == COST_MACS ? PRUNE_FEATURE_MACS_HERE : PRUNE_FEATURE_PARAMS_HERE] =
                sqrt(cost.reach / full);
            f[k == COST_MACS ? PRUNE_FEATURE_MACS_LEFT : PRUNE_FEATURE_PARAMS_LEFT] =
                ratio(cost.here, open);
            f[k == COST_MACS ? PRUNE_FEATURE_MACS_BUDGET : PRUNE_FEATURE_PARAMS_BUDGET] =
                budget_share(walk, (enum cost_kind)k);
        }
        if (k == COST_MACS) {
            f[PRUNE_FEATURE_MACS_REDUCED] = 1 - cost.most / full;
            f[PRUNE_FEATURE_MACS_REST] = open / full;
        }
        const double excess = cost.most - (double)walk->limits[k];
        if (walk->limits[k] != INT64_MAX && excess > 0) {
            f[PRUNE_FEATURE_TIGHT] = fmax(f[PRUNE_FEATURE_TIGHT], excess / open);
            f[PRUNE_FEATURE_COVER] = fmin(f[PRUNE_FEATURE_COVER], cost.here / excess);
        }
    }
}

static void error_features(const struct prune_walk *walk, double *f)
{
    const struct prune_study *study = walk->study;
    const double uniform = f[PRUNE_FEATURE_UNIFORM];
    double mean = 0, rest = 0;
    for (int s = 0; s < study->n_steps; s++) {
        mean += error_share(study, s, uniform) / study->n_steps;
    }
    for (int s = walk->step; s < study->n_steps; s++) {
        const int group = study->steps[s];
        const double share =
            (double)walk->hint.widths[group] / study->network->groups.groups[group].channels;
        if (s == walk->step) {
            f[PRUNE_FEATURE_HINT] = share;
        } else {
            rest += share / (study->n_steps - walk->step - 1);
        }
    }
    const double here = error_share(study, walk->step, uniform);
    f[PRUNE_FEATURE_ERROR_UNIFORM] = here;
    f[PRUNE_FEATURE_RELATIVE] = ratio(here, here + mean);
    f[PRUNE_FEATURE_HINT_ERROR] = error_share(study, walk->step, f[PRUNE_FEATURE_HINT]);
    f[PRUNE_FEATURE_HINT_REST] = rest;
}

void prune_features(const struct prune_walk *walk, int low, int high, float *obs)
{
    const struct prune_study *study = walk->study;
    const int channels = study->network->groups.groups[study->steps[walk->step]].channels;
    double f[PRUNE_FEATURE_COUNT];
    for (int i = 0; i < PRUNE_FEATURE_COUNT; i++) {
        f[i] = (double)study->fixed[walk->step * PRUNE_FEATURE_COUNT + i];
    }
    f[PRUNE_FEATURE_LAST_SHARE] = walk->last_share;
    f[PRUNE_FEATURE_UNIFORM] = uniform_share(walk);
    f[PRUNE_FEATURE_SLACK] = slack(walk);
    f[PRUNE_FEATURE_LOW] = (double)low / channels;
    f[PRUNE_FEATURE_HIGH] = (double)high / channels;
    cost_features(walk, f);
    error_features(walk, f);
    for (int i = 0; i < PRUNE_FEATURE_COUNT; i++) {
        obs[i] = (float)fmin(fmax(f[i], 0), 1);
    }
}
