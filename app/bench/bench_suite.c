// Every model at full and at slimmed widths, in every mode, number format and batch size.
#include "app/bench/bench_suite.h"

#include "app/bench/list.h"
#include "app/slim_widths.h"
#include "search_space/cost.h"
#include "search_space/criterion.h"

#include <stdio.h>
#include <string.h>

#define PEAK_SECONDS 1.5
#define INFER_OPERATIONS 2 // per multiply-add
#define TRAIN_OPERATIONS 6 // forward, and two products of the same size backward

static enum status measure(struct bench_session *session, const struct network *network,
                           const char *widths, const struct bench_case *what)
{
    CHECK(session->n < session->capacity);
    struct bench_result *result = &session->results[session->n];
    snprintf(result->model, sizeof result->model, "%s", network->info.architecture);
    snprintf(result->widths, sizeof result->widths, "%s", widths);
    result->what = *what;
    TRY(bench_network(session->backend, network, what, &result->speed));
    const int operations = what->mode == BENCH_TRAIN ? TRAIN_OPERATIONS : INFER_OPERATIONS;
    const double peak = what->int8 ? session->peak_int8 : session->peak_f32;
    result->macs = cost_of_graph(&network->graph).macs;
    result->gflops = operations * (double)result->macs * result->speed.images_per_second * 1e-9;
    result->share_of_peak = peak > 0 ? result->gflops / peak : 0;
    session->n++;
    progress_update(&session->progress, session->n, "%s %s %s, batch %d: %.0f images/s",
                    result->model, result->widths, what->mode == BENCH_TRAIN ? "train" : "infer",
                    what->batch, result->speed.images_per_second);
    return OK;
}

static enum status measure_widths(struct bench_session *session, const struct network *network,
                                  const char *widths)
{
    static const struct {
        const char *mode, *dtype;
        struct bench_case what;
    } kinds[] = {
        {"infer", "f32", {.mode = BENCH_INFER}},
        {"infer", "int8", {.mode = BENCH_INFER, .int8 = true}},
        {"train", NULL, {.mode = BENCH_TRAIN}},
    };
    const struct bench_config *config = session->config;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        if (!list_has(config->modes, kinds[k].mode) ||
            (kinds[k].dtype != NULL && !list_has(config->dtypes, kinds[k].dtype)) ||
            (kinds[k].what.int8 && session->peak_int8 == 0)) {
            continue;
        }
        for (int b = 0; b < config->batches->n; b++) {
            struct bench_case what = kinds[k].what;
            what.batch = config->batches->values[b];
            what.seconds = config->seconds;
            TRY(measure(session, network, widths, &what));
        }
    }
    return OK;
}

// Cuts a copy of the network uniformly to the configured share of its MACs, residual streams left
// whole.
static enum status slim_copy(const struct bench_config *config, const struct network *network,
                             const struct groups *groups, struct arena *arena, struct network *out)
{
    const struct slim_request request = {
        .macs = config->slim, .widths = "", .groups = GROUPS_INNER, .round_to = config->round_to};
    const struct criterion_input input = {
        .graph = &network->graph, .groups = groups, .params = network->params};
    struct keep keep;
    int *widths;
    ARENA_NEW(arena, widths, (size_t)groups->n);
    TRY(slim_widths_choose(&input, &request, NULL, arena, widths));
    TRY(criterion_keep(criteria[CRITERION_L1], &input, widths, arena, &keep));
    TRY(slim_network(&network->graph, groups, network->params, &keep, &out->graph, &out->params));
    out->info = network->info;
    return OK;
}

static enum status measure_slimmed(struct bench_session *session, const struct network *network)
{
    char widths[BENCH_NAME_CHARS];
    struct groups groups = {0};
    struct arena arena = {0};
    struct network slimmed = {0};
    snprintf(widths, sizeof widths, "macs %g", session->config->slim);
    TRY(groups_find(&network->graph, &groups));
    enum status code = slim_copy(session->config, network, &groups, &arena, &slimmed);
    if (code == OK) {
        code = measure_widths(session, &slimmed, widths);
    }
    network_close(&slimmed);
    arena_close(&arena);
    groups_close(&groups);
    return code;
}

static enum status measure_model(struct bench_session *session, const char *name, int length)
{
    const struct bench_config *config = session->config;
    struct network_info info = {
        .h = config->size, .w = config->size, .c = 3, .classes = config->classes};
    snprintf(info.architecture, sizeof info.architecture, "%.*s", length, name);
    struct network network = {0};
    TRY(network_create(&info, 0, &network));
    enum status code = measure_widths(session, &network, "full");
    if (code == OK && config->slim > 0) {
        code = measure_slimmed(session, &network);
    }
    network_close(&network);
    return code;
}

static enum status measure_peaks(struct bench_session *session)
{
    const struct bench_config *config = session->config;
    TRY(bench_peak(session->backend, false, PEAK_SECONDS, &session->peak_f32));
    log_info("convolution peak, f32: %.1f GFLOP/s", session->peak_f32);
    if (!list_has(config->modes, "infer") || !list_has(config->dtypes, "int8")) {
        return OK;
    }
    if (!session->backend->int8) {
        log_warning("int8 is left out: this backend has no fast 8-bit convolutions here");
        return OK;
    }
    TRY(bench_peak(session->backend, true, PEAK_SECONDS, &session->peak_int8));
    log_info("convolution peak, int8: %.1f GFLOP/s", session->peak_int8);
    return OK;
}

enum status bench_suite_run(struct bench_session *session)
{
    const struct bench_config *config = session->config;
    TRY(measure_peaks(session));
    const int kinds = list_has(config->modes, "infer") *
                          (list_has(config->dtypes, "f32") + (session->peak_int8 > 0)) +
                      list_has(config->modes, "train");
    session->capacity =
        list_count(config->models) * config->batches->n * kinds * (config->slim > 0 ? 2 : 1);
    ARENA_NEW(&session->arena, session->results, (size_t)session->capacity);
    progress_begin(&session->progress, "bench", "measurements", session->capacity);
    enum status code = OK;
    for (const char *at = config->models; code == OK;) {
        const size_t length = strcspn(at, ",");
        code = measure_model(session, at, (int)length);
        if (at[length] == '\0') {
            break;
        }
        at += length + 1;
    }
    progress_end(&session->progress);
    return code;
}
