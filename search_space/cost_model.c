// The cost as a polynomial of the group widths: every term's two widths are sums over segments, so
// multiplying out gives
//   total = (constant + sum_g linear[g] w_g + square[g] w_g^2 + sum_{g<j} pair[g][j] w_g w_j) / D
// with D the common divisor of the grouped convolutions' terms (1 without any).
#include "search_space/cost.h"

#include <string.h>

struct cost_model {
    int n;
    int64_t divisor, constant;
    int64_t *linear, *square; // [n]
    int *row;                 // [n + 1]: neighbours of g are entries row[g] .. row[g + 1] - 1
    int *neighbour;
    int64_t *pair;
};

static int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t x = a, y = b;
    CHECK(a > 0 && b > 0);
    while (y > 0) {
        const int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

// Adds coefficient * W(in) * W(out): one product of widths per pair of segments. `dense` [n][n],
// first index the smaller group.
static void add_term(struct cost_model *model, const struct groups *groups, int64_t *dense,
                     const struct cost_term *term)
{
    static const struct segment one = {.group = SEGMENT_FROZEN, .count = 1};
    const struct segment_list unit = {.segments = &one, .n = 1};
    const struct segment_list in = term->in == ONE_WIDE ? unit : groups->outputs[term->in];
    const struct segment_list out = term->out == ONE_WIDE ? unit : groups->outputs[term->out];
    const int64_t scaled = term->coefficient * (model->divisor / term->divisor);
    for (int i = 0; i < in.n; i++) {
        for (int j = 0; j < out.n; j++) {
            const struct segment *a = &in.segments[i], *b = &out.segments[j];
            const int64_t fixed_a = a->group < 0 ? a->count : 1;
            const int64_t fixed_b = b->group < 0 ? b->count : 1;
            const int64_t value = scaled * fixed_a * fixed_b;
            const int low = a->group < b->group ? a->group : b->group;
            const int high = a->group < b->group ? b->group : a->group;
            if (high < 0) {
                model->constant += value;
            } else if (low < 0) {
                model->linear[high] += value;
            } else if (low == high) {
                model->square[low] += value;
            } else {
                dense[(size_t)low * (size_t)model->n + (size_t)high] += value;
            }
        }
    }
}

static int64_t pair_of(const struct cost_model *model, const int64_t *dense, int g, int j)
{
    const int low = g < j ? g : j, high = g < j ? j : g;
    return low == high ? 0 : dense[(size_t)low * (size_t)model->n + (size_t)high];
}

static enum status compress(struct cost_model *model, const int64_t *dense, struct arena *arena)
{
    size_t entries = 0;
    for (int g = 0; g < model->n; g++) {
        for (int j = 0; j < model->n; j++) {
            entries += pair_of(model, dense, g, j) != 0;
        }
    }
    ARENA_NEW(arena, model->row, (size_t)model->n + 1);
    ARENA_NEW(arena, model->neighbour, entries);
    ARENA_NEW(arena, model->pair, entries);
    int at = 0;
    for (int g = 0; g < model->n; g++) {
        model->row[g] = at;
        for (int j = 0; j < model->n; j++) {
            const int64_t value = pair_of(model, dense, g, j);
            if (value != 0) {
                model->neighbour[at] = j;
                model->pair[at++] = value;
            }
        }
    }
    model->row[model->n] = at;
    return OK;
}

static enum status build(const struct graph *graph, const struct groups *groups,
                         enum cost_kind kind, struct arena *arena, struct arena *scratch,
                         struct cost_model *model)
{
    model->n = groups->n;
    model->divisor = 1;
    for (int i = 0; i < graph->n_nodes; i++) {
        struct cost_term terms[NODE_MOST_TERMS];
        const int n = cost_terms_of_node(graph, i, kind, terms);
        for (int t = 0; t < n; t++) {
            model->divisor = common_multiple(model->divisor, terms[t].divisor);
        }
    }
    ARENA_NEW(arena, model->linear, (size_t)model->n);
    ARENA_NEW(arena, model->square, (size_t)model->n);
    int64_t *dense;
    ARENA_NEW(scratch, dense, (size_t)model->n * (size_t)model->n);
    for (int i = 0; i < graph->n_nodes; i++) {
        struct cost_term terms[NODE_MOST_TERMS];
        const int n = cost_terms_of_node(graph, i, kind, terms);
        for (int t = 0; t < n; t++) {
            add_term(model, groups, dense, &terms[t]);
        }
    }
    return compress(model, dense, arena);
}

enum status cost_model_open(const struct graph *graph, const struct groups *groups,
                            enum cost_kind kind, struct arena *arena, struct cost_model **out)
{
    struct cost_model *model;
    ARENA_NEW(arena, model, 1);
    struct arena scratch = {0};
    const enum status status = build(graph, groups, kind, arena, &scratch, model);
    arena_close(&scratch);
    TRY(status);
    *out = model;
    return OK;
}

int64_t cost_model_total(const struct cost_model *model, const int *widths)
{
    int64_t total = model->constant;
    for (int g = 0; g < model->n; g++) {
        int64_t factor = model->linear[g] + model->square[g] * widths[g];
        for (int i = model->row[g]; i < model->row[g + 1]; i++) {
            if (model->neighbour[i] > g) {
                factor += model->pair[i] * widths[model->neighbour[i]];
            }
        }
        total += factor * widths[g];
    }
    return total / model->divisor;
}

int64_t cost_model_with(const struct cost_model *model, const int *widths, int64_t total, int group,
                        int width)
{
    int64_t slope = model->linear[group];
    for (int i = model->row[group]; i < model->row[group + 1]; i++) {
        slope += model->pair[i] * widths[model->neighbour[i]];
    }
    const int64_t old = widths[group], new = width;
    const int64_t change = slope * (new - old) + model->square[group] * (new *new - old *old);
    return total + change / model->divisor;
}
