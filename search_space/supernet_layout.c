// The layout of a supernet's block: the union of its networks' parameters by name, each at its
// greatest size; then what only supernets have, BatchNorms of other widths and the transforms of
// kernels.
#include "search_space/supernet_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct layout {
    struct supernet *supernet;
    int capacity;
};

void supernet_transform_name(char *out, size_t n, const char *weight, int h, int w)
{
    snprintf(out, n, "%s@kernel%dx%d", weight, h, w);
}

void supernet_width_name(char *out, size_t n, const char *values, int width)
{
    snprintf(out, n, "%s@width%d", values, width);
}

static bool is_norm(enum param_role role)
{
    return role == PARAM_GAMMA || role == PARAM_BETA || role == PARAM_MEAN || role == PARAM_VAR;
}

static bool is_trainable(const struct supernet_tensor *tensor)
{
    return tensor->role != PARAM_MEAN && tensor->role != PARAM_VAR;
}

// While it is laid out, tensors are in no order.
static int find_added(const struct supernet *s, const char *name)
{
    for (int t = s->n_tensors - 1; t >= 0; t--) {
        if (strcmp(s->tensors[t].name, name) == 0) {
            return t;
        }
    }
    return -1;
}

static enum status add_tensor(struct layout *layout, const char *name, enum param_role role,
                              int n_dims, const int *dims, int transforms)
{
    struct supernet *s = layout->supernet;
    if (s->n_tensors == layout->capacity) {
        struct supernet_tensor *old = s->tensors;
        layout->capacity = layout->capacity > 0 ? 2 * layout->capacity : 256;
        ARENA_NEW(&s->arena, s->tensors, (size_t)layout->capacity);
        if (s->n_tensors > 0) {
            memcpy(s->tensors, old, (size_t)s->n_tensors * sizeof *old);
        }
    }
    struct supernet_tensor *tensor = &s->tensors[s->n_tensors++];
    *tensor = (struct supernet_tensor){
        .role = role, .n_dims = n_dims, .dims = {1, 1, 1, 1}, .transforms = transforms};
    memcpy(tensor->dims, dims, (size_t)n_dims * sizeof *dims);
    tensor->name = arena_format(&s->arena, "%s", name);
    return tensor->name != NULL ? OK : ERR_MEMORY;
}

static enum status add_param(struct layout *layout, const struct param *param)
{
    struct supernet *s = layout->supernet;
    const int found = find_added(s, param->name);
    if (found < 0) {
        return add_tensor(layout, param->name, param->role, param->n_dims, param->dims, -1);
    }
    struct supernet_tensor *tensor = &s->tensors[found];
    CHECK(tensor->n_dims == param->n_dims && tensor->role == param->role);
    for (int d = 0; d < param->n_dims; d++) {
        tensor->dims[d] = param->dims[d] > tensor->dims[d] ? param->dims[d] : tensor->dims[d];
    }
    return OK;
}

static enum status add_covers(struct layout *layout)
{
    const struct nas_space *space = &layout->supernet->space;
    int16_t choice[NAS_MOST_DECISIONS];
    for (int cover = 0; nas_space_cover(space, cover, choice); cover++) {
        struct graph graph;
        TRY(nas_space_build(space, choice, &graph));
        enum status status = OK;
        for (int p = 0; p < graph.n_params && status == OK; p++) {
            status = add_param(layout, &graph.params[p]);
        }
        graph_close(&graph);
        TRY(status);
    }
    return OK;
}

// A smaller kernel gets its transform, a narrower BatchNorm values of its own.
static enum status add_variant(struct layout *layout, const struct param *param)
{
    struct supernet *s = layout->supernet;
    const int shared = find_added(s, param->name);
    CHECK(shared >= 0); // the covering choices have every parameter
    const int *dims = param->dims, *most = s->tensors[shared].dims;
    char name[SUPERNET_NAME];
    if (s->norm_per_width && is_norm(param->role) && dims[0] < most[0]) {
        supernet_width_name(name, sizeof name, param->name, dims[0]);
        return find_added(s, name) >= 0 ? OK : add_tensor(layout, name, param->role, 1, dims, -1);
    }
    if (s->kernel_transform && param->n_dims == 4 && (dims[2] < most[2] || dims[3] < most[3])) {
        const int taps[2] = {dims[2] * dims[3], dims[2] * dims[3]};
        supernet_transform_name(name, sizeof name, param->name, dims[2], dims[3]);
        return find_added(s, name) >= 0 ? OK
                                        : add_tensor(layout, name, PARAM_WEIGHT, 2, taps, shared);
    }
    return OK;
}

static enum status add_variants(void *context, const struct graph *graph)
{
    for (int p = 0; p < graph->n_params; p++) {
        TRY(add_variant(context, &graph->params[p]));
    }
    return OK;
}

// 0: trainable, 1: transform, 2: running statistics.
static int place_of(const struct supernet_tensor *tensor)
{
    return tensor->transforms >= 0 ? 1 : is_trainable(tensor) ? 0 : 2;
}

// In the order of their places, else as they were added; and what a transform is of by its new
// number.
static enum status sort_tensors(struct supernet *s)
{
    struct supernet_tensor *sorted;
    int *moved, n = 0; // [n_tensors] new numbers
    ARENA_NEW(&s->arena, sorted, (size_t)s->n_tensors);
    ARENA_NEW(&s->arena, moved, (size_t)s->n_tensors);
    for (int place = 0; place < 3; place++) {
        for (int t = 0; t < s->n_tensors; t++) {
            if (place_of(&s->tensors[t]) == place) {
                moved[t] = n;
                sorted[n++] = s->tensors[t];
            }
        }
    }
    for (int t = 0; t < n; t++) {
        struct supernet_tensor *tensor = &sorted[t];
        tensor->transforms = tensor->transforms >= 0 ? moved[tensor->transforms] : -1;
        tensor->offset = s->n_floats;
        tensor->count = 1;
        for (int d = 0; d < 4; d++) {
            tensor->count *= (size_t)tensor->dims[d]; // a graph's: far from overflow
        }
        s->n_floats += tensor->count;
        s->n_plain = place_of(tensor) == 0 ? s->n_floats : s->n_plain;
        s->n_trainable = place_of(tensor) < 2 ? s->n_floats : s->n_trainable;
    }
    s->tensors = sorted;
    return OK;
}

struct named {
    const char *name;
    int tensor;
};

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static enum status sort_names(struct supernet *s)
{
    struct named *named;
    ARENA_NEW(&s->arena, named, (size_t)s->n_tensors);
    ARENA_NEW(&s->arena, s->by_name, (size_t)s->n_tensors);
    for (int t = 0; t < s->n_tensors; t++) {
        named[t] = (struct named){s->tensors[t].name, t};
    }
    qsort(named, (size_t)s->n_tensors, sizeof *named, compare_named);
    for (int t = 0; t < s->n_tensors; t++) {
        s->by_name[t] = named[t].tensor;
    }
    return OK;
}

enum status supernet_layout(struct supernet *s)
{
    struct layout layout = {.supernet = s};
    TRY(add_covers(&layout));
    if (s->kernel_transform || s->norm_per_width) {
        TRY(supernet_survey(&s->space, add_variants, &layout));
    }
    TRY(sort_tensors(s));
    return sort_names(s);
}

int supernet_find(const struct supernet *s, const char *name)
{
    int low = 0, high = s->n_tensors - 1;
    while (low <= high) {
        const int middle = low + (high - low) / 2;
        const int order = strcmp(name, s->tensors[s->by_name[middle]].name);
        if (order == 0) {
            return s->by_name[middle];
        }
        if (order < 0) {
            high = middle - 1;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

// The tensor that holds a parameter: a BatchNorm's of its own width, where there is one.
static int tensor_of(const struct supernet *s, const struct param *param)
{
    const int shared = supernet_find(s, param->name);
    if (shared < 0 || !s->norm_per_width || !is_norm(param->role) ||
        param->dims[0] == s->tensors[shared].dims[0]) {
        return shared;
    }
    char name[SUPERNET_NAME];
    supernet_width_name(name, sizeof name, param->name, param->dims[0]);
    const int own = supernet_find(s, name);
    return own >= 0 ? own : shared;
}

static bool fits(const struct supernet_tensor *tensor, const struct param *param)
{
    bool fit = tensor->n_dims == param->n_dims && tensor->role == param->role;
    for (int d = 0; d < 4 && fit; d++) {
        const int less = tensor->dims[d] - param->dims[d];
        fit = less >= 0 && (d < 2 || less % 2 == 0); // a kernel's middle
    }
    // Rows in several blocks have no leading part.
    return fit && (param->repeats == 1 || param->dims[0] == tensor->dims[0]);
}

enum status supernet_locate(const struct supernet *s, const struct param *param,
                            struct supernet_part *out)
{
    const int number = tensor_of(s, param);
    if (number < 0) {
        FAIL(ERR_INPUT, "the supernet of space %s has no parameter \"%s\"", s->space.type->name,
             param->name);
    }
    const struct supernet_tensor *tensor = &s->tensors[number];
    const int *most = tensor->dims, *dims = param->dims;
    if (!fits(tensor, param)) {
        FAIL(ERR_INPUT,
             "the supernet of space %s holds \"%s\" as %dx%dx%dx%d, of which %dx%dx%dx%d is no "
             "part",
             s->space.type->name, param->name, most[0], most[1], most[2], most[3], dims[0], dims[1],
             dims[2], dims[3]);
    }
    const size_t above = (size_t)(most[2] - dims[2]) / 2, left = (size_t)(most[3] - dims[3]) / 2;
    *out = (struct supernet_part){
        .tensor = number,
        .gather = {.kind = OP_GATHER,
                   .n = dims[0],
                   .in_h = dims[1],
                   .in_w = dims[2],
                   .in_c = dims[3],
                   .out_h = most[1],
                   .out_w = most[2],
                   .out_c = most[3]},
        .offset = tensor->offset + above * (size_t)most[3] + left,
        .transform = -1,
    };
    if (s->kernel_transform && param->n_dims == 4 && (dims[2] < most[2] || dims[3] < most[3])) {
        char name[SUPERNET_NAME];
        supernet_transform_name(name, sizeof name, param->name, dims[2], dims[3]);
        out->transform = supernet_find(s, name);
    }
    return OK;
}
