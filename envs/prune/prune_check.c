// Whether tasks can be met at all, before anything is opened for them.
#include "core/log.h"
#include "envs/prune/prune_score.h"
#include "envs/prune/prune_walk.h"

static enum status check_tasks(const struct prune_config *config, int network,
                               const struct host_network *checked, struct arena *arena)
{
    struct prune_study study;
    TRY(prune_study_open(checked, &config->space, arena, &study));
    enum status code = OK;
    for (int i = 0; code == OK && i < config->n_tasks; i++) {
        struct prune_walk walk;
        if (config->tasks[i].network == network) {
            code = prune_walk_open(&study, &config->tasks[i], &config->space, arena, &walk);
        }
    }
    prune_study_close(&study);
    return code;
}

static enum status check_refit(const struct prune_config *config, int network,
                               const struct host_network *checked)
{
    const enum scoring_refit refit = config->scoring.refit;
    if (refit == REFIT_OFF) {
        return OK;
    }
    const enum status code = refit_check(&checked->graph, &checked->groups);
    if (code == ERR_UNSUPPORTED && refit == REFIT_AUTO) {
        log_info("network \"%s\": its candidates are not refitted (%s)",
                 config->networks[network].name, status_message());
        return OK;
    }
    return code;
}

enum status prune_check_tasks(const void *config, int network, const struct network_info *info,
                              const struct graph *graph)
{
    struct host_network checked = {.subject.info = *info, .graph = *graph};
    struct arena arena = {0};
    TRY(groups_find(graph, &checked.groups));
    enum status code = host_prior_flat(&checked.groups, &arena, &checked.prior);
    if (code == OK) {
        code = check_refit(config, network, &checked);
    }
    if (code == OK) {
        code = check_tasks(config, network, &checked, &arena);
    }
    groups_close(&checked.groups);
    arena_close(&arena);
    return code;
}

enum status prune_check_images(const void *config, uint64_t seed, const struct dataset *dataset,
                               const struct row_set *train_rows)
{
    const struct prune_config *prune = config;
    return scoring_check_images(&prune->scoring, seed, dataset, train_rows);
}
