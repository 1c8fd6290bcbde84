// Small supernets for tests.
#include "supernet_case.h"

#include "core/config.h"
#include "core/rng.h"

#include <stdio.h>

const char *const supernet_case_mobile =
    "{\"stem_width\": 4, \"head_width\": 12, \"stages\": ["
    "{\"width\": [4, 6], \"depth\": [1, 2], \"kernel\": [3, 5, 7], \"expansion\": [2, 3], "
    "\"stride\": 2, \"activation\": \"silu\", \"squeeze_excite\": true},"
    "{\"width\": [6, 10], \"depth\": [1, 2], \"kernel\": [3, 5, 7], \"expansion\": [2, 3], "
    "\"stride\": 2, \"activation\": \"silu\"}]}";
const char *const supernet_case_resnet = "{\"widths\": [8, 12], \"depths\": [1, 2]}";

static void read_options(const struct nas_space_type *type, const char *text, void *values,
                         struct arena *arena)
{
    struct json *document;
    assert_ok(json_parse(text, strlen(text), "options", &document));
    assert_ok(config_read(document, "options", type->options, values, arena));
    json_close(document);
}

static void make_lively(struct supernet *s)
{
    struct rng rng = rng_make(5, RNG_TEST, 0, 0);
    for (int t = 0; t < s->n_tensors; t++) {
        const struct supernet_tensor *tensor = &s->tensors[t];
        float *values = s->params + tensor->offset;
        for (size_t i = 0; i < tensor->count; i++) {
            if (tensor->role == PARAM_GAMMA || tensor->role == PARAM_VAR) {
                values[i] = 0.6F + rng_uniform(&rng);
            } else if (tensor->role != PARAM_WEIGHT || tensor->transforms >= 0) {
                values[i] += 0.1F * rng_normal(&rng);
            }
        }
    }
}

void supernet_case_open(const struct supernet_setting *setting, struct supernet *out)
{
    struct network_info info = {.h = 8, .w = 8, .c = 3, .classes = 4, .dataset = "shapes"};
    const struct nas_space_type *type = nas_spaces[setting->kind];
    unsigned char values[1024] __attribute__((aligned(16)));
    struct arena arena = {0};
    for (int c = 0; c < 3; c++) {
        info.mean[c] = 0.4F + 0.05F * (float)c;
        info.std[c] = 0.25F;
    }
    const struct supernet_options options = {
        .type = type,
        .options = setting->options != NULL ? values : NULL,
        .info = &info,
        .kernel_transform = setting->kernel_transform,
        .norm_per_width = setting->norm_per_width,
        .seed = 3,
    };
    if (setting->options != NULL) {
        assert_true(type->options_bytes <= sizeof values);
        read_options(type, setting->options, values, &arena);
    }
    assert_ok(supernet_open(&options, out));
    arena_close(&arena);
    make_lively(out);
}

static const struct supernet_tensor *tensor_named(const struct supernet *s, const char *name)
{
    for (int t = 0; t < s->n_tensors; t++) {
        if (strcmp(s->tensors[t].name, name) == 0) {
            return &s->tensors[t];
        }
    }
    return NULL;
}

// The middle of kernel [o][i], times the matrix where there is one.
static void read_kernel(const struct supernet *s, const struct supernet_tensor *from,
                        const struct supernet_tensor *matrix, const int *dims, int o, int i,
                        float *out)
{
    const int kh = dims[2], kw = dims[3], most_h = from->dims[2], most_w = from->dims[3];
    const float *whole =
        s->params + from->offset +
        ((size_t)o * (size_t)from->dims[1] + (size_t)i) * (size_t)most_h * (size_t)most_w;
    double middle[64];
    for (int y = 0; y < kh; y++) {
        for (int x = 0; x < kw; x++) {
            const int row = y + (most_h - kh) / 2, column = x + (most_w - kw) / 2;
            middle[y * kw + x] = (double)whole[row * most_w + column];
        }
    }
    for (int a = 0; a < kh * kw; a++) {
        double sum = matrix == NULL ? middle[a] : 0.0;
        for (int b = 0; matrix != NULL && b < kh * kw; b++) {
            sum += middle[b] * (double)s->params[matrix->offset + (size_t)(a * kh * kw + b)];
        }
        out[a] = (float)sum;
    }
}

float *supernet_case_param(const struct supernet *s, const struct param *param)
{
    char name[300];
    const struct supernet_tensor *from = tensor_named(s, param->name), *matrix = NULL;
    float *values = malloc(param->count * sizeof *values);
    assert_non_null(from);
    assert_non_null(values);
    const int *dims = param->dims;
    const bool norm = param->role != PARAM_WEIGHT && param->role != PARAM_BIAS;
    if (norm && s->norm_per_width && dims[0] != from->dims[0]) {
        snprintf(name, sizeof name, "%s@width%d", param->name, dims[0]);
        from = tensor_named(s, name);
        assert_non_null(from);
    }
    if (s->kernel_transform && (dims[2] != from->dims[2] || dims[3] != from->dims[3])) {
        snprintf(name, sizeof name, "%s@kernel%dx%d", param->name, dims[2], dims[3]);
        matrix = tensor_named(s, name);
        assert_non_null(matrix);
    }
    for (int o = 0; o < dims[0]; o++) {
        for (int i = 0; i < dims[1]; i++) {
            read_kernel(s, from, matrix, dims, o, i,
                        values + ((size_t)o * (size_t)dims[1] + (size_t)i) * (size_t)dims[2] *
                                     (size_t)dims[3]);
        }
    }
    return values;
}
