// Scoring: an inference plan fed with rows of a data set.
#include "train/evaluate.h"

#include "core/interrupt.h"
#include "data/loader.h"
#include "nn/network_input.h"
#include "nn/score.h"

#include <string.h>

enum status evaluate_check_fit(const struct network *network, const struct dataset *dataset)
{
    const struct network_data data = {.name = dataset->name,
                                      .h = dataset->h,
                                      .w = dataset->w,
                                      .c = dataset->c,
                                      .classes = dataset->classes,
                                      .floats = dataset->type != SAMPLE_U8};
    return network_check_data(network, &data);
}

struct scorer {
    struct loader *loader; // owned: the images in the order of their rows
    float *logits;         // [batch][classes]
    int classes;
};

// interruptible: false where ranks must arrive together, so none may leave early.
static enum status scorer_run(const struct scorer *scorer, struct infer_plan *plan, int n,
                              bool interruptible, const struct evaluate_options *options,
                              struct evaluation *out)
{
    struct score score = {0};
    for (int first = 0; first < n; first += options->batch) {
        if (interruptible) {
            TRY(interrupt_check());
        }
        struct batch images;
        TRY(loader_next(scorer->loader, &images));
        const int rows = images.n;
        const struct score_batch batch = {
            .images = images.images,
            .labels = images.labels,
            .n = rows,
            .classes = scorer->classes,
            .logits = scorer->logits,
        };
        TRY(score_add(plan, &batch, &score));
        if (options->logits != NULL) {
            memcpy(options->logits + (size_t)first * (size_t)scorer->classes, scorer->logits,
                   (size_t)rows * (size_t)scorer->classes * sizeof *scorer->logits);
        }
    }
    out->images = n;
    out->accuracy = (double)score.right / (double)n;
    out->loss = score.loss / (double)n;
    out->images_per_second = score.seconds > 0 ? (double)n / score.seconds : 0;
    return OK;
}

static enum status evaluate_with_plan(struct infer_plan *plan, const struct network *network,
                                      struct scorer *scorer, int n, bool interruptible,
                                      const struct evaluate_options *options, struct arena *arena,
                                      struct evaluation *out)
{
    const size_t batch = (size_t)options->batch;
    TRY(infer_load(plan, network->params, options->int8 ? options->ranges : NULL));
    ARENA_NEW(arena, scorer->logits, batch * (size_t)scorer->classes);
    return scorer_run(scorer, plan, n, interruptible, options, out);
}

static enum status open_loader(const struct dataset *dataset, const int32_t *indices, int n,
                               int batch, struct arena *arena, struct loader **out)
{
    const struct loader_options options = {.batch = batch, .ranks = 1};
    int32_t *rows = NULL;
    if (indices == NULL && n < dataset->n) {
        ARENA_NEW(arena, rows, (size_t)n);
        for (int i = 0; i < n; i++) {
            rows[i] = i;
        }
    }
    return loader_open(dataset, indices != NULL ? indices : rows, n, &options, out);
}

static enum status evaluate_rows(struct backend *backend, const struct network *network,
                                 const struct dataset *dataset, const int32_t *indices, int n,
                                 bool interruptible, const struct evaluate_options *options,
                                 struct evaluation *out)
{
    CHECK(options->batch > 0 && n <= (indices != NULL ? n : dataset->n));
    CHECK(!options->int8 || options->ranges != NULL);
    TRY(evaluate_check_fit(network, dataset));
    if (n <= 0) {
        FAIL(ERR_INPUT, "no image of data set \"%s\" is left to score", dataset->name);
    }
    struct evaluate_options fitted = *options;
    fitted.batch = n < options->batch ? n : options->batch;
    const struct infer_options plan_options = {
        .batch = fitted.batch,
        .int8 = options->int8,
        .input = network_plan_input(&network->info),
    };
    struct scorer scorer = {.classes = network->info.classes};
    struct infer_plan *plan;
    struct arena arena = {0};
    TRY(infer_open(backend, &network->graph, &plan_options, &plan));
    enum status code = open_loader(dataset, indices, n, fitted.batch, &arena, &scorer.loader);
    if (code == OK) {
        code = evaluate_with_plan(plan, network, &scorer, n, interruptible, &fitted, &arena, out);
    }
    loader_close(scorer.loader);
    arena_close(&arena);
    infer_close(plan);
    return code;
}

enum status evaluate_network(struct backend *backend, const struct network *network,
                             const struct dataset *dataset, const int32_t *indices, int n,
                             const struct evaluate_options *options, struct evaluation *out)
{
    return evaluate_rows(backend, network, dataset, indices, n, true, options, out);
}

enum status evaluate_network_shared(const struct collective *collective, struct backend *backend,
                                    const struct network *network, const struct dataset *dataset,
                                    const int32_t *indices, int n,
                                    const struct evaluate_options *options, struct evaluation *out)
{
    CHECK(options->logits == NULL);
    if (collective->ranks == 1) {
        return evaluate_network(backend, network, dataset, indices, n, options, out);
    }
    struct arena arena = {0};
    int32_t *rows;
    enum status code = OK;
    const int64_t ranks = collective->ranks;
    const int first = (int)((int64_t)n * collective->rank / ranks);
    const int last = (int)((int64_t)n * (collective->rank + 1) / ranks);
    rows = arena_alloc(&arena, (size_t)(last - first), sizeof *rows);
    if (rows == NULL) {
        return ERR_MEMORY;
    }
    for (int i = first; i < last; i++) {
        rows[i - first] = indices != NULL ? indices[i] : i;
    }
    struct evaluation mine = {0};
    if (last > first) {
        TRY_GOTO(
            code,
            evaluate_rows(backend, network, dataset, rows, last - first, false, options, &mine),
            done);
    }
    double sums[4] = {(double)mine.images, mine.accuracy * (double)mine.images,
                      mine.loss * (double)mine.images, mine.images_per_second};
    TRY_GOTO(code, collective_sum_f64(collective, sums, 4), done);
    *out = (struct evaluation){
        .images = (int64_t)sums[0],
        .accuracy = sums[1] / sums[0],
        .loss = sums[2] / sums[0],
        .images_per_second = sums[3],
    };
done:
    arena_close(&arena);
    return code;
}
