#include "deploy/network_timing.h"

#include "core/clock.h"
#include "nn/network_input.h"
#include "nn/plan.h"

enum { FRESH_INPUTS = 8 };

// A network as one of the things that are timed.
struct subject {
    struct infer_plan *plan;
    const uint8_t *images; // [FRESH_INPUTS][batch] images: no run finds its input in the cache
    float *outputs;
    size_t batch_bytes;
    int batch;
};

static enum status open_subject(struct backend *backend, const struct timed_network *timed,
                                const struct timing_options *options, struct arena *arena,
                                struct subject *out)
{
    const struct network *network = timed->network;
    const struct graph *graph = &network->graph;
    const struct infer_options infer = {.batch = options->batch,
                                        .int8 = options->int8,
                                        .input = network_plan_input(&network->info)};
    uint8_t *images;
    out->batch = options->batch;
    out->batch_bytes = (size_t)options->batch * network_image_bytes(&network->info);
    TRY(network_random_images(&network->info, FRESH_INPUTS * options->batch, 0, arena, &images));
    out->images = images;
    const struct node *last = &graph->nodes[graph_output_node(graph)];
    ARENA_NEW(arena, out->outputs,
              (size_t)options->batch * (size_t)last->h * (size_t)last->w * (size_t)last->c);
    TRY(infer_open(backend, graph, &infer, &out->plan));
    return infer_load(out->plan, network->params, options->int8 ? timed->ranges : NULL);
}

static void run_subject(void *context, int64_t number)
{
    const struct subject *subject = context;
    const size_t which = (size_t)(number % FRESH_INPUTS);
    CHECK(infer_run(subject->plan, subject->images + which * subject->batch_bytes, subject->batch,
                    subject->outputs) == OK);
}

static enum status measure(struct backend *backend, const struct timed_network *networks, int n,
                           const struct timing_options *options, struct arena *arena,
                           struct subject *subjects, struct latency_result *results,
                           double *difference)
{
    const struct latency_options latency = {options->seconds, clock_seconds};
    struct latency_case cases[NETWORK_TIMING_MOST + 1];
    struct latency_result all[NETWORK_TIMING_MOST + 1];
    for (int i = 0; i <= n; i++) {
        TRY(open_subject(backend, &networks[i % n], options, arena, &subjects[i]));
        cases[i] = (struct latency_case){run_subject, &subjects[i]};
    }
    TRY(latency_measure(cases, n + 1, &latency, arena, all, difference));
    for (int i = 0; i < n; i++) {
        results[i] = all[i];
    }
    return OK;
}

enum status network_timing(struct backend *backend, const struct timed_network *networks, int n,
                           const struct timing_options *options, struct latency_result *results,
                           double *difference)
{
    struct subject subjects[NETWORK_TIMING_MOST + 1] = {0};
    struct arena arena = {0};
    CHECK(n >= 1 && n <= NETWORK_TIMING_MOST);
    const enum status code =
        measure(backend, networks, n, options, &arena, subjects, results, difference);
    for (int i = 0; i <= n; i++) {
        infer_close(subjects[i].plan);
    }
    arena_close(&arena);
    return code;
}
