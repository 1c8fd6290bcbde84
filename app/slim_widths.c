// Widths of all groups from what the user asked for.
#include "app/slim_widths.h"

#include "core/json.h"
#include "search_space/wall.h"
#include "search_space/width_errors.h"

#include <math.h>

enum status slim_request_check(const struct slim_request *request)
{
    const int ways = (request->share > 0) + (request->widths[0] != '\0') +
                     (request->macs > 0 || request->params > 0);
    if (ways != 1) {
        FAIL(ERR_CONFIG, "expected one of --macs (and/or --params), --share and --widths, got %s",
             ways == 0 ? "none" : "several");
    }
    if (request->global && request->macs <= 0 && request->params <= 0) {
        FAIL(ERR_CONFIG, "--global cuts to a budget: give --macs and/or --params");
    }
    return OK;
}

static int common_divisor(int a, int b)
{
    return b == 0 ? a : common_divisor(b, a % b);
}

// The step that a group's widths go in: round_to, and the same count for each of its equal parts.
static int group_step(const struct channel_group *group, int round_to)
{
    const int parts = group->equal_parts > 1 ? group->equal_parts : 1;
    return round_to / common_divisor(round_to, parts) * parts;
}

// round(share * channels), to the nearest step; at least one step, at most all channels.
static int share_of_group(const struct channel_group *group, double share, int round_to)
{
    const int step = group_step(group, round_to);
    const int width = (int)lround(share * group->channels / step) * step;
    const int least = step < group->channels ? step : group->channels;
    if (width < least) {
        return least;
    }
    return width < group->channels ? width : group->channels;
}

static enum status set_width(const struct groups *groups, const struct json *entry,
                             const char *path, int *widths)
{
    const char *name = json_key(entry);
    const int g = groups_find_name(groups, name);
    if (g < 0) {
        FAIL(ERR_CONFIG, "%s: the network has no group \"%s\"; dikdik inspect lists the groups",
             path, name);
    }
    const struct channel_group *group = &groups->groups[g];
    const int parts = group->equal_parts > 1 ? group->equal_parts : 1;
    const double width = json_kind(entry) == JSON_NUMBER ? json_number(entry) : -1;
    if (!(width >= 1 && width <= group->channels) || width != floor(width) ||
        (int)width % parts != 0) {
        FAIL(ERR_CONFIG, "%s: \"%s\": expected a whole number from %d to %d%s%.0d, got %g", path,
             name, parts, group->channels, parts > 1 ? ", a multiple of " : "",
             parts > 1 ? parts : 0, width);
    }
    widths[g] = (int)width;
    return OK;
}

static enum status read_widths(const struct groups *groups, const char *path, int *widths)
{
    struct json *document;
    TRY(json_read_file(path, &document));
    enum status code = OK;
    if (json_kind(document) != JSON_OBJECT) {
        code = status_fail(ERR_CONFIG, __FILE__, __LINE__,
                           "%s: expected an object {\"group\": width, ...}, got %s", path,
                           json_kind_name(json_kind(document)));
    }
    for (int i = 0; code == OK && i < json_count(document); i++) {
        code = set_width(groups, json_at(document, i), path, widths);
    }
    json_close(document);
    return code;
}

static bool keeps_streams(const struct slim_request *request)
{
    return request->groups == GROUPS_INNER;
}

static enum status global_widths(const struct criterion_input *network,
                                 const struct slim_basis *basis, struct wall *wall,
                                 struct arena *arena, int *widths)
{
    if (basis->refit == NULL) {
        return wall_global(wall, basis->importance, widths);
    }
    double *costs;
    float **scores;
    ARENA_NEW(arena, costs, (size_t)network->groups->n);
    wall_channel_costs(wall, costs);
    TRY(width_scores(network, basis->refit, basis->ranking, costs, arena, &scores));
    return wall_global(wall, scores, widths);
}

static enum status widths_to_budget(const struct criterion_input *network,
                                    const struct slim_request *request,
                                    const struct slim_basis *basis, struct arena *arena,
                                    int *widths)
{
    const struct network_cost whole = cost_of_graph(network->graph);
    struct wall_limit limits[COST_KINDS];
    int n = 0;
    if (request->macs > 0) {
        limits[n++] = (struct wall_limit){COST_MACS, wall_budget(request->macs, whole.macs)};
    }
    if (request->params > 0) {
        limits[n++] = (struct wall_limit){COST_PARAMS, wall_budget(request->params, whole.params)};
    }
    const struct wall_options options = {.round_to = request->round_to,
                                         .least_share = request->least_share};
    struct wall *wall;
    TRY(wall_open(network->graph, network->groups, &options, limits, n, arena, &wall));
    if (keeps_streams(request)) {
        const enum status code = wall_keep_streams(wall, network->groups);
        if (code != OK) {
            return status_context(code, "without --groups all");
        }
    }
    return request->global ? global_widths(network, basis, wall, arena, widths)
                           : wall_uniform(wall, widths);
}

enum status slim_widths_choose(const struct criterion_input *network,
                               const struct slim_request *request, const struct slim_basis *basis,
                               struct arena *arena, int *widths)
{
    const struct groups *groups = network->groups;
    if (request->macs > 0 || request->params > 0) {
        return widths_to_budget(network, request, basis, arena, widths);
    }
    for (int g = 0; g < groups->n; g++) {
        const struct channel_group *group = &groups->groups[g];
        const bool cut = request->share > 0 && (group->inner || !keeps_streams(request));
        widths[g] =
            cut ? share_of_group(group, request->share, request->round_to) : group->channels;
    }
    return request->widths[0] != '\0' ? read_widths(groups, request->widths, widths) : OK;
}
