#include "candidate_case.h"

#include "nn/calibrate_params.h"
#include "nn/score.h"
#include "random_graph.h"
#include "test_device.h"
#include "test_unit.h"

static const float mean[3] = {0.4F, 0.5F, 0.6F}, deviation[3] = {0.2F, 0.25F, 0.3F};

static void *draw_images(struct candidate_case *c, struct rng *rng, int n)
{
    const struct node *input = &c->graph.nodes[0];
    const size_t count = (size_t)n * (size_t)input->h * (size_t)input->w * (size_t)input->c;
    uint8_t *bytes = arena_alloc(&c->arena, count, 1);
    float *floats = arena_alloc(&c->arena, count, sizeof *floats);
    assert_true(bytes != NULL && floats != NULL);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)rng_below(rng, 256);
        floats[i] = 0.5F + 0.3F * rng_normal(rng);
    }
    return c->data.floats ? (void *)floats : (void *)bytes;
}

static void draw_data(struct candidate_case *c, const struct candidate_case_options *options,
                      struct rng *rng)
{
    const int batches = calibrate_batches(options->calibration);
    int32_t *labels = arena_alloc(&c->arena, (size_t)options->scoring, sizeof *labels);
    assert_non_null(labels);
    c->data = (struct candidate_data){.floats = options->floats,
                                      .mean = mean,
                                      .std = deviation,
                                      .batch = options->calibration / batches,
                                      .batches = batches,
                                      .labels = labels,
                                      .n_scoring = options->scoring};
    c->data.calibration = draw_images(c, rng, options->calibration);
    c->data.scoring = draw_images(c, rng, options->scoring);
    float *reference =
        arena_alloc(&c->arena, (size_t)options->scoring * (size_t)c->classes, sizeof *reference);
    assert_non_null(reference);
    for (int i = 0; i < options->scoring * c->classes; i++) {
        reference[i] = rng_normal(rng);
    }
    c->data.reference = reference;
    c->data.n_reference = options->scoring - 2;
    for (int i = 0; i < options->scoring; i++) {
        labels[i] = (int32_t)rng_below(rng, (uint32_t)c->classes);
    }
}

static struct plan_input plan_input_of(const struct candidate_case *c)
{
    return (struct plan_input){.f32 = c->data.floats, .mean = c->data.mean, .std = c->data.std};
}

// Over the images that have a reference, the variance of the differences.
static double distance(const struct candidate_case *c, const float *logits)
{
    double all = 0;
    for (int i = 0; i < c->data.n_reference; i++) {
        double sum = 0, squares = 0;
        for (int k = 0; k < c->classes; k++) {
            const size_t at = (size_t)i * (size_t)c->classes + (size_t)k;
            const double apart = (double)logits[at] - (double)c->data.reference[at];
            sum += apart;
            squares += apart * apart;
        }
        all += squares / c->classes - (sum / c->classes) * (sum / c->classes);
    }
    return all;
}

static void score_one(struct candidate_case *c, struct backend *backend, int k)
{
    struct graph slimmed = {0};
    float *params;
    assert_ok(slim_network(&c->graph, &c->groups, c->params, &c->keeps[k], &slimmed, &params));
    if (c->refit != NULL) {
        assert_ok(refit_apply(c->refit, &c->keeps[k], &slimmed, params));
    }
    const struct calibration calibration = {.input = plan_input_of(c),
                                            .images = c->data.calibration,
                                            .n = c->data.batch * c->data.batches,
                                            .batchnorm = true};
    assert_ok(calibrate_params(backend, &slimmed, params, &calibration));
    const struct infer_options options = {.batch = c->data.n_scoring, .input = plan_input_of(c)};
    struct infer_plan *plan;
    assert_ok(infer_open(backend, &slimmed, &options, &plan));
    assert_ok(infer_load(plan, params, NULL));
    struct score score = {0};
    c->logits[k] =
        arena_alloc(&c->arena, (size_t)c->data.n_scoring * (size_t)c->classes, sizeof **c->logits);
    assert_non_null(c->logits[k]);
    struct score_batch batch = {.images = c->data.scoring,
                                .labels = c->data.labels,
                                .n = c->data.n_scoring,
                                .classes = c->classes,
                                .logits = c->logits[k]};
    assert_ok(score_add(plan, &batch, &score));
    c->expected[k] = (struct candidate_score){
        .right = score.right, .loss = score.loss, .distance = distance(c, c->logits[k])};
    infer_close(plan);
    graph_close(&slimmed);
    free(params);
}

void candidate_case_open(struct candidate_case *c, struct graph *graph,
                         const struct candidate_case_options *options)
{
    const struct backend_options one_thread = {.threads = 1};
    struct rng rng = rng_make(77, RNG_TEST, options->seed, 1);
    struct backend *backend;
    *c = (struct candidate_case){.graph = *graph, .n = options->n};
    c->classes = graph->nodes[graph_output_node(graph)].c;
    c->params = arena_alloc(&c->arena, graph->n_floats, sizeof *c->params);
    assert_non_null(c->params);
    random_graph_params(&c->graph, &rng, c->params);
    assert_ok(groups_find(&c->graph, &c->groups));
    draw_data(c, options, &rng);
    assert_ok(backend_open("cpu", &one_thread, &backend));
    if (options->refit) {
        const struct refit_options refit = {
            .images = options->calibration, .points_per_image = 8, .lambda = 1e-6, .seed = 3};
        const struct plan_input input = plan_input_of(c);
        assert_ok(refit_open(backend, &c->graph, &c->groups, c->params, &input, c->data.calibration,
                             &refit, &c->refit));
    }
    for (int k = 0; k < c->n; k++) {
        c->keeps[k] = random_keep(&c->groups, &rng, &c->arena);
        score_one(c, backend, k);
    }
    backend_close(backend);
}

void candidate_case_close(struct candidate_case *c)
{
    refit_close(c->refit);
    groups_close(&c->groups);
    graph_close(&c->graph);
    arena_close(&c->arena);
}

struct opened {
    struct backend *backend;
    struct candidate_program program;
    struct candidates *candidates;
    struct arena arena;
};

static void open_device(struct opened *o, const struct candidate_case *c,
                        enum backend_precision precision, const struct candidate_options *options)
{
    *o = (struct opened){0};
    assert_ok(test_device_open(precision, &o->backend));
    assert_ok(candidate_program_open(&c->graph, &c->groups, c->params, c->refit, &o->program));
    assert_ok(o->backend->ops->candidates->open(o->backend, &o->program.network, &c->data, options,
                                                &o->candidates));
}

static void close_device(struct opened *o)
{
    o->backend->ops->candidates->close(o->candidates);
    candidate_program_close(&o->program);
    arena_close(&o->arena);
    backend_close(o->backend);
}

// n candidates from the first on, and round.
static void run_device(struct opened *o, const struct candidate_case *c, int first, int n,
                       struct candidate_score *scores)
{
    const struct candidate_network *network = &o->program.network;
    struct candidate_choice choices[CANDIDATE_CASE_MOST];
    for (int k = 0; k < n; k++) {
        int *widths = arena_alloc(&o->arena, (size_t)network->n_axes, sizeof *widths);
        int *channels = arena_alloc(&o->arena, (size_t)network->n_channels, sizeof *channels);
        assert_true(widths != NULL && channels != NULL);
        candidate_program_choose(&o->program, &c->keeps[(first + k) % c->n], widths, channels);
        choices[k] = (struct candidate_choice){.widths = widths, .channels = channels};
    }
    assert_ok(o->backend->ops->candidates->run(o->candidates, choices, n, scores));
}

void candidate_case_run(const struct candidate_case *c, enum backend_precision precision,
                        const struct candidate_options *options, int first, int n,
                        struct candidate_score *scores)
{
    struct opened o;
    open_device(&o, c, precision, options);
    run_device(&o, c, first, n, scores);
    close_device(&o);
}

void candidate_case_repeat(const struct candidate_case *c, enum backend_precision precision,
                           const struct candidate_options *options, int n, int times,
                           struct candidate_score *scores)
{
    struct opened o;
    open_device(&o, c, precision, options);
    for (int first = 0; first < times; first++) {
        run_device(&o, c, first, n, scores);
    }
    close_device(&o);
}
