#include "envs/prune/prune_candidates.h"

#include "core/clock.h"
#include "nn/calibrate_params.h"
#include "nn/network_input.h"
#include "search_space/candidate_program.h"

#include <stdlib.h>

struct prune_candidates {
    const struct prune_study *study;
    const struct candidate_ops *ops;
    struct candidate_program program;
    struct candidates *candidates;
    struct arena arena, scratch; // scratch: of a call
    int most;
    struct candidate_choice *choices; // [most], as the next
    struct candidate_score *scores;
};

static enum status open_choices(struct prune_candidates *c)
{
    const struct candidate_network *network = &c->program.network;
    const size_t most = (size_t)c->most;
    ARENA_NEW(&c->arena, c->choices, most);
    ARENA_NEW(&c->arena, c->scores, most);
    for (int k = 0; k < c->most; k++) {
        int *widths, *channels;
        ARENA_NEW(&c->arena, widths, (size_t)network->n_axes);
        ARENA_NEW(&c->arena, channels, (size_t)network->n_channels);
        c->choices[k] = (struct candidate_choice){.widths = widths, .channels = channels};
    }
    return OK;
}

static enum status open_parts(struct prune_candidates *c, const struct scorer *scorer,
                              const struct prune_candidates_options *options)
{
    const struct host_network *network = c->study->network;
    const struct host_dataset *data = c->study->network->subject.images;
    const struct plan_input input = network_plan_input(&network->subject.info);
    const int n_scoring = scoring_images(scorer->scoring, data);
    int images;
    const uint8_t *calibration = scorer_calibration(scorer, &network->subject, &images);
    const int batches = images >= 2 ? calibrate_batches(images) : 0;
    if (batches == 0) {
        FAIL(ERR_UNSUPPORTED, "%d calibration images are too few for many candidates at once",
             images);
    }
    TRY(candidate_program_open(&network->graph, &network->groups, network->params, c->study->refit,
                               &c->program));
    const struct candidate_data resident = {
        .floats = input.f32,
        .mean = input.mean,
        .std = input.std,
        .calibration = calibration,
        .batch = calibrate_batch(images),
        .batches = batches,
        .scoring = data->validation,
        .labels = data->labels,
        .n_scoring = n_scoring,
        .reference = network->subject.logits,
        .n_reference = network->subject.logits != NULL ? n_scoring : 0,
    };
    const struct candidate_options how = {
        .most = options->most,
        .memory_bytes = options->memory_bytes,
    };
    TRY(open_choices(c));
    return c->ops->open(scorer->backend, &c->program.network, &resident, &how, &c->candidates);
}

enum status prune_candidates_open(const struct scorer *scorer, const struct prune_study *study,
                                  const struct prune_candidates_options *options,
                                  struct prune_candidates **out)
{
    const struct candidate_ops *ops = scorer->backend->ops->candidates;
    if (ops == NULL) {
        FAIL(ERR_UNSUPPORTED, "the backend '%s' scores candidates one by one",
             scorer->backend->ops->name);
    }
    struct prune_candidates *c = calloc(1, sizeof *c);
    if (c == NULL) {
        FAIL(ERR_MEMORY, "no memory for scoring many candidates at once");
    }
    c->study = study;
    c->ops = ops;
    c->most = options->most;
    const enum status code = open_parts(c, scorer, options);
    if (code != OK) {
        prune_candidates_close(c);
        return code;
    }
    *out = c;
    return OK;
}

static enum status choose(struct prune_candidates *c, const int *widths, int k)
{
    const struct host_network *network = c->study->network;
    struct keep keep;
    TRY(ranking_keep(&network->groups, &network->ranking, widths, &c->scratch, &keep));
    candidate_program_choose(&c->program, &keep, c->choices[k].widths, c->choices[k].channels);
    arena_reset(&c->scratch);
    return OK;
}

enum status prune_candidates_score(struct prune_candidates *c, const int *const *widths, int n,
                                   struct cached_score *out, double *seconds)
{
    CHECK(n <= c->most);
    for (int k = 0; k < n; k++) {
        TRY(choose(c, widths[k], k));
    }
    const double start = clock_seconds();
    TRY(c->ops->run(c->candidates, c->choices, n, c->scores));
    *seconds = clock_seconds() - start;
    for (int k = 0; k < n; k++) {
        const struct candidate_score *score = &c->scores[k];
        out[k] = score->diverged ? (struct cached_score){.diverged = true}
                                 : (struct cached_score){.right = score->right,
                                                         .loss = score->loss,
                                                         .distance = score->distance};
    }
    return OK;
}

void prune_candidates_close(struct prune_candidates *c)
{
    if (c == NULL) {
        return;
    }
    c->ops->close(c->candidates);
    candidate_program_close(&c->program);
    arena_close(&c->scratch);
    arena_close(&c->arena);
    free(c);
}
