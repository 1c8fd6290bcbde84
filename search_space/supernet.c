// Supernets: opened with first values, read out of, closed.
#include "search_space/supernet.h"

#include "core/config.h"
#include "search_space/supernet_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(float *values, size_t n, float value)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = value;
    }
}

// What needs no chance: BatchNorms, and transforms, which begin as the identity.
static void init_plain(struct supernet *s)
{
    for (int t = 0; t < s->n_tensors; t++) {
        const struct supernet_tensor *tensor = &s->tensors[t];
        const bool one = tensor->role == PARAM_GAMMA || tensor->role == PARAM_VAR;
        float *values = s->params + tensor->offset;
        fill(values, tensor->count, one ? 1.0F : 0.0F);
        for (int i = 0; tensor->transforms >= 0 && i < tensor->dims[0]; i++) {
            values[(size_t)i * (size_t)tensor->dims[0] + (size_t)i] = 1.0F;
        }
    }
}

// A tensor begins as the first covering network that has it at its greatest size would have it.
static enum status init_covered(struct supernet *s, int cover, const struct graph *graph,
                                uint64_t seed, bool *filled)
{
    float *params = malloc((graph->n_floats + 1) * sizeof *params);
    if (params == NULL) {
        FAIL(ERR_MEMORY, "no memory for the first %zu weights of a supernet", graph->n_floats);
    }
    graph_init_params(graph, seed + (uint64_t)cover, params);
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        const int t = supernet_find(s, param->name);
        if (!filled[t] && s->tensors[t].count == param->count) {
            memcpy(s->params + s->tensors[t].offset, params + param->offset,
                   param->count * sizeof *params);
            filled[t] = true;
        }
    }
    free(params);
    return OK;
}

static enum status init_params(struct supernet *s, uint64_t seed)
{
    int16_t choice[NAS_MOST_DECISIONS];
    bool *filled;
    ARENA_NEW(&s->arena, filled, (size_t)s->n_tensors);
    init_plain(s);
    for (int cover = 0; nas_space_cover(&s->space, cover, choice); cover++) {
        struct graph graph;
        TRY(nas_space_build(&s->space, choice, &graph));
        const enum status status = init_covered(s, cover, &graph, seed, filled);
        graph_close(&graph);
        TRY(status);
    }
    for (int t = 0; t < s->n_tensors; t++) {
        const enum param_role role = s->tensors[t].role;
        const bool plain = (role != PARAM_WEIGHT && role != PARAM_BIAS) || // their values are said
                           s->tensors[t].transforms >= 0;
        CHECK(filled[t] || plain);
    }
    return OK;
}

enum status supernet_open_space(const struct supernet_options *options, struct supernet *s)
{
    const struct nas_space_type *type = options->type;
    const struct network_info *info = options->info;
    const struct nas_input input = {
        .h = info->h, .w = info->w, .c = info->c, .classes = info->classes};
    const void *values = options->options;
    struct text text = {0};
    if (values == NULL && type->options != NULL) {
        void *defaults = arena_alloc(&s->arena, 1, type->options_bytes);
        if (defaults == NULL) {
            return ERR_MEMORY;
        }
        option_defaults(type->options, defaults);
        values = defaults;
    }
    TRY(nas_space_open(type, values, &input, &s->space));
    if (type->options != NULL) {
        struct json_writer writer = {.out = &text};
        config_write(type->options, values, &writer, NULL);
    } else {
        text_add(&text, "{}");
    }
    s->options_text = text.failed ? NULL : arena_format(&s->arena, "%s", text.bytes);
    text_close(&text);
    if (s->options_text == NULL) {
        FAIL(ERR_MEMORY, "no memory for the options of space %s", type->name);
    }
    s->info = *info;
    snprintf(s->info.architecture, sizeof s->info.architecture, "%s", type->name);
    snprintf(s->info.format, sizeof s->info.format, "dikdik");
    s->kernel_transform = options->kernel_transform;
    s->norm_per_width = options->norm_per_width;
    return supernet_layout(s);
}

enum status supernet_alloc(struct supernet *s)
{
    s->params = malloc((s->n_floats + 1) * sizeof *s->params);
    if (s->params == NULL) {
        FAIL(ERR_MEMORY, "no memory for the %zu weights of a supernet of space %s", s->n_floats,
             s->space.type->name);
    }
    return OK;
}

enum status supernet_open(const struct supernet_options *options, struct supernet *out)
{
    struct supernet supernet = {.train_rows = {.known = true}};
    enum status status = supernet_open_space(options, &supernet);
    if (status == OK) {
        status = supernet_alloc(&supernet);
    }
    if (status == OK) {
        status = init_params(&supernet, options->seed);
    }
    if (status != OK) {
        supernet_close(&supernet);
        return status;
    }
    *out = supernet;
    return OK;
}

void supernet_close(struct supernet *s)
{
    nas_space_close(&s->space);
    if (!s->params_lent) {
        free(s->params);
    }
    row_set_close(&s->train_rows);
    arena_close(&s->arena);
    *s = (struct supernet){0};
}

void supernet_lend(struct supernet *s, const float *params)
{
    CHECK(s->params == NULL);
    s->params = (float *)(uintptr_t)params;
    s->params_lent = true;
}

// ---- reading a network out of it
static void gather(const struct op *op, const float *from, float *to)
{
    for (int n = 0; n < op->n; n++) {
        for (int h = 0; h < op->in_h; h++) {
            for (int w = 0; w < op->in_w; w++) {
                const size_t row =
                    ((size_t)n * (size_t)op->out_h + (size_t)h) * (size_t)op->out_w + (size_t)w;
                memcpy(to, from + row * (size_t)op->out_c, (size_t)op->in_c * sizeof *to);
                to += op->in_c;
            }
        }
    }
}

enum { MOST_TAPS = 4096 };

// Every kernel of `taps` values times the matrix, in place.
static void transform(const float *matrix, size_t taps, float *kernels, size_t n)
{
    float before[MOST_TAPS];
    for (size_t k = 0; k < n; k++, kernels += taps) {
        memcpy(before, kernels, taps * sizeof *before);
        for (size_t i = 0; i < taps; i++) {
            double sum = 0.0;
            for (size_t j = 0; j < taps; j++) {
                sum += (double)matrix[i * taps + j] * (double)before[j];
            }
            kernels[i] = (float)sum;
        }
    }
}

static enum status read_params(const struct supernet *s, const struct graph *graph, float *params)
{
    for (int p = 0; p < graph->n_params; p++) {
        const struct param *param = &graph->params[p];
        struct supernet_part part;
        TRY(supernet_locate(s, param, &part));
        float *values = params + param->offset;
        gather(&part.gather, s->params + part.offset, values);
        if (part.transform >= 0) {
            const struct supernet_tensor *matrix = &s->tensors[part.transform];
            const size_t taps = (size_t)matrix->dims[0];
            CHECK(taps <= MOST_TAPS);
            transform(s->params + matrix->offset, taps, values, param->count / taps);
        }
    }
    return OK;
}

enum status supernet_extract(const struct supernet *s, const int16_t *choice, struct network *out)
{
    struct network network = {.info = s->info};
    enum status status = nas_space_build(&s->space, choice, &network.graph);
    if (status == OK) {
        network.params = malloc((network.graph.n_floats + 1) * sizeof *network.params);
        status = network.params != NULL ? read_params(s, &network.graph, network.params)
                                        : status_fail(ERR_MEMORY, __FILE__, __LINE__,
                                                      "no memory for the %zu weights of a network",
                                                      network.graph.n_floats);
    }
    if (status == OK) {
        status = row_set_copy(&s->train_rows, &network.train_rows);
    }
    if (status != OK) {
        network_close(&network);
        return status;
    }
    *out = network;
    return OK;
}

enum status supernet_extract_largest(const struct supernet *s, struct network *out)
{
    int16_t choice[NAS_MOST_DECISIONS];
    nas_space_greatest(&s->space, choice);
    return supernet_extract(s, choice, out);
}
