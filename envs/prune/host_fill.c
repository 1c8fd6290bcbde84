#include "envs/prune/host_fill.h"

#include "envs/prune/prune_score.h"
#include "nn/graph_text.h"
#include "nn/network_input.h"
#include "search_space/refit_rank.h"

#include <stdlib.h>

static enum status gather_grams(struct host_fill *fill, int n)
{
    enum { POINTS_PER_IMAGE = 16 };
    struct host_network *network = &fill->networks[n];
    const struct refit_options options = {.images = fill->images.n_more[network->subject.data],
                                          .points_per_image = POINTS_PER_IMAGE,
                                          .lambda = PRUNE_REFIT_LAMBDA,
                                          .seed = fill->seed};
    const struct plan_input input = network_plan_input(&network->subject.info);
    TRY(refit_open(fill->backend, &network->graph, &network->groups, network->params, &input,
                   fill->images.drawn[network->subject.data], &options, &fill->refits[n]));
    size_t count;
    network->grams = refit_grams(fill->refits[n], &count);
    return OK;
}

static enum status load(struct host_fill *fill, int n, const struct scoring_network *asked)
{
    struct host_network *network = &fill->networks[n];
    struct network_origin origin;
    TRY(network_read_origin(asked->file, &origin));
    const enum status code = host_subject_begin(&fill->images, asked, &origin, &network->subject);
    row_set_close(&origin.train_rows);
    TRY(code);
    const struct network_data data = host_network_data(network->subject.images);
    struct network_info fallback;
    network_info_of_data("", &data, &fallback);
    struct network file;
    TRY(network_load(asked->file, &fallback, &file));
    network->subject.info = file.info;
    network->graph = file.graph;
    network->params = fill->params[n] = file.params;
    fill->whole[n] = file.whole;
    network->whole = file.whole != NULL ? file.whole : "";
    row_set_close(&file.train_rows);
    TRY(network_check_data(&file, &data));
    graph_write(&network->graph, &fill->graphs[n]);
    if (fill->graphs[n].failed) {
        FAIL(ERR_MEMORY, "out of memory for a network's graph");
    }
    return OK;
}

static enum status prepare_network(struct host_fill *fill, int n)
{
    const struct prune_config *config = fill->config;
    struct host_network *network = &fill->networks[n];
    TRY(load(fill, n, &config->networks[n]));
    TRY(groups_find(&network->graph, &network->groups));
    const struct criterion_input input = {.graph = &network->graph,
                                          .groups = &network->groups,
                                          .params = network->params,
                                          .seed = fill->seed};
    TRY(host_subject_measure(&fill->images, fill->backend, &network->graph, network->params,
                             &network->subject));
    if (prune_refits(&config->scoring, &network->graph, &network->groups)) {
        TRY(gather_grams(fill, n));
    }
    const bool by_errors = fill->refits[n] != NULL && config->space.by == SPACE_BY_ERRORS;
    TRY(by_errors ? refit_rank(&input, fill->refits[n], &fill->arena, &network->ranking)
                  : criterion_rank(criteria[config->space.criterion], &input, &fill->arena,
                                   &network->ranking));
    return host_prior_make(&input, &network->ranking, fill->refits[n], &fill->arena,
                           &network->prior);
}

enum status host_fill_prepare(struct host_fill *fill)
{
    const size_t n = (size_t)fill->config->n_networks;
    const struct scoring_options *scoring = &fill->config->scoring;
    fill->images = (struct image_fill){
        .scoring = scoring,
        .seed = fill->seed,
        .more = scoring->refit != REFIT_OFF ? scoring->refit_images : 0,
        .arena = &fill->arena,
    };
    TRY(image_fill_open(&fill->images, fill->config->n_networks));
    ARENA_NEW(&fill->arena, fill->networks, n);
    ARENA_NEW(&fill->arena, fill->refits, n);
    ARENA_NEW(&fill->arena, fill->params, n);
    ARENA_NEW(&fill->arena, fill->graphs, n);
    ARENA_NEW(&fill->arena, fill->whole, n);
    fill->n_networks = (int)n;
    for (int i = 0; i < fill->n_networks; i++) {
        const enum status code = prepare_network(fill, i);
        if (code != OK) {
            return status_context(code, "network \"%s\"", fill->config->networks[i].name);
        }
    }
    return OK;
}

void host_fill_close(struct host_fill *fill)
{
    for (int n = 0; n < fill->n_networks; n++) {
        refit_close(fill->refits[n]);
        groups_close(&fill->networks[n].groups);
        graph_close(&fill->networks[n].graph);
        host_subject_close(&fill->networks[n].subject);
        free(fill->params[n]);
        text_close(&fill->graphs[n]);
        free(fill->whole[n]);
    }
    image_fill_close(&fill->images);
    arena_close(&fill->arena);
    *fill = (struct host_fill){0};
}
