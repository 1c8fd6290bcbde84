#include "envs/prune/prune_features.h"

#include <math.h>

// The first member that is a layer of its own; a padded shortcut can be a member too.
static const struct node *first_layer(const struct graph *graph, const struct channel_group *group)
{
    for (int i = 0; i < group->n_members; i++) {
        const struct node *node = &graph->nodes[group->members[i]];
        if (node->kind == NODE_CONV || node->kind == NODE_LINEAR || node->kind == NODE_LSTM) {
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

// What of the whole cost would go with all channels of a group, given widths where it is whole.
static double reach(const struct prune_study *study, enum cost_kind kind, const int *widths,
                    int group)
{
    const struct cost_model *model = study->models[kind];
    const int64_t whole = cost_model_total(model, widths);
    const int64_t without = cost_model_with(model, widths, whole, group, 0);
    return sqrt((double)(whole - without) / (double)study->full[kind]);
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
    for (int k = 0; k < 2; k++) {
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
    for (int k = 0; k < 2; k++) {
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

static void layer_features(const struct prune_walk *walk, double *f)
{
    const struct prune_study *study = walk->study;
    const struct graph *graph = &study->network->graph;
    const int g = study->steps[walk->step];
    const struct channel_group *group = &study->network->groups.groups[g];
    const struct node *layer = first_layer(graph, group);
    const struct node *input = &graph->nodes[layer->inputs[0]];
    f[PRUNE_FEATURE_LAYER] = (double)walk->step / study->n_steps;
    f[PRUNE_FEATURE_IN_CHANNELS] = log_share(input->c, 12);
    f[PRUNE_FEATURE_OUT_CHANNELS] = log_share(group->channels, 12);
    f[PRUNE_FEATURE_HEIGHT] = log_share(input->h, 9);
    f[PRUNE_FEATURE_WIDTH] = log_share(input->w, 9);
    f[PRUNE_FEATURE_STRIDE] = (layer->stride - 1) / 3.0;
    f[PRUNE_FEATURE_KERNEL] = (layer->kernel_h - 1) / 10.0;
    f[PRUNE_FEATURE_LAST_SHARE] = walk->last_share;
    const double full = (double)study->full[COST_MACS];
    const int *widths = decided_or_full(walk);
    const double most = (double)cost_model_total(study->models[COST_MACS], widths);
    f[PRUNE_FEATURE_MACS_REDUCED] = 1 - most / full;
    f[PRUNE_FEATURE_MACS_REST] = (most - (double)wall_cost(walk->wall, COST_MACS)) / full;
    f[PRUNE_FEATURE_MACS_HERE] = reach(study, COST_MACS, widths, g);
    f[PRUNE_FEATURE_PARAMS_HERE] = reach(study, COST_PARAMS, widths, g);
}

static void task_features(const struct prune_walk *walk, const struct prune_sight *sight, double *f)
{
    const struct prune_study *study = walk->study;
    const struct network_info *info = &study->network->info;
    const int channels = study->network->groups.groups[study->steps[walk->step]].channels;
    f[PRUNE_FEATURE_MACS_BUDGET] = budget_share(walk, COST_MACS);
    f[PRUNE_FEATURE_PARAMS_BUDGET] = budget_share(walk, COST_PARAMS);
    f[PRUNE_FEATURE_DATA] = (sight->data + 1.0) / (sight->n_data + 1.0);
    f[PRUNE_FEATURE_CLASSES] = log_share(info->classes, 10);
    f[PRUNE_FEATURE_INPUT_SIZE] = log_share((double)info->h * info->w, 18);
    f[PRUNE_FEATURE_BASE_ACCURACY] = study->network->base_accuracy;
    f[PRUNE_FEATURE_UNIFORM] = uniform_share(walk);
    f[PRUNE_FEATURE_SLACK] = slack(walk);
    f[PRUNE_FEATURE_LOW] = (double)sight->low / channels;
    f[PRUNE_FEATURE_HIGH] = (double)sight->high / channels;
}

void prune_features(const struct prune_walk *walk, const struct prune_sight *sight, float *obs)
{
    double f[PRUNE_FEATURE_COUNT] = {0};
    layer_features(walk, f);
    task_features(walk, sight, f);
    for (int i = 0; i < PRUNE_FEATURE_COUNT; i++) {
        obs[i] = (float)fmin(fmax(f[i], 0), 1);
    }
}
