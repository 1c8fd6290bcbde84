#include "envs/prune/prune_score.h"

#include <stdlib.h>

enum status prune_cut(const struct prune_study *study, const int *widths, struct graph *graph,
                      float **params)
{
    const struct host_network *network = study->network;
    struct arena arena = {0};
    struct keep keep;
    struct graph small = {0};
    float *values = NULL;
    enum status code = ranking_keep(&network->groups, &network->ranking, widths, &arena, &keep);
    if (code == OK) {
        code = slim_network(&network->graph, &network->groups, network->params, &keep, &small,
                            &values);
    }
    if (code == OK && study->refit != NULL) {
        code = refit_apply(study->refit, &keep, &small, values);
    }
    arena_close(&arena);
    if (code != OK) {
        graph_close(&small);
        free(values);
        return code;
    }
    *graph = small;
    *params = values;
    return OK;
}

bool prune_refits(const struct scoring_options *scoring, const struct graph *graph,
                  const struct groups *groups)
{
    return scoring->refit == REFIT_ON ||
           (scoring->refit == REFIT_AUTO && refit_check(graph, groups) == OK);
}

enum status prune_score_counts(const struct scorer *scorer, const struct prune_study *study,
                               const int *widths, const struct score_counts *counts,
                               struct cached_score *out, double *seconds)
{
    struct graph graph;
    float *params;
    TRY(prune_cut(study, widths, &graph, &params));
    const struct scored_candidate candidate = {.graph = &graph, .params = params};
    const enum status code =
        scoring_score_candidate(scorer, &study->network->subject, &candidate, counts, out, seconds);
    graph_close(&graph);
    free(params);
    return code;
}

enum status prune_score_widths(const struct scorer *scorer, const struct prune_study *study,
                               const int *widths, struct cached_score *out, double *seconds)
{
    const int images = scoring_images(scorer->scoring, study->network->subject.images);
    struct score score;
    const struct score_counts counts = {.n = 1, .images = &images, .scores = &score};
    return prune_score_counts(scorer, study, widths, &counts, out, seconds);
}
