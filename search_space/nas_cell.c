// The space of NAS-Bench-201 (Dong & Yang 2020): a stem, three stages of equal cells at C, 2 C and
// 4 C channels with residual blocks of stride 2 between them, pooling and a linear layer. A choice
// is the cell. On 32x32x3 inputs, 16 channels and 5 cells a stage these are its networks.
#include "search_space/nas_cell.h"

#include "search_space/nas_parts.h"

#include <stddef.h>
#include <stdio.h>

enum { STAGES = 3 };
enum unit_kind { STEM, CELL, REDUCTION, HEAD }; // values of a CELL: its operations

struct cell_options {
    int channels, cells;
};
#define AT(field) offsetof(struct cell_options, field)
const struct option nas_cell_option_table[] = {
    {"channels", "of the first stage; each further one has twice as many", OPTION_INT, SHAPES_BASE,
     AT(channels), .fallback = 16, .least = 1, .most = 1024},
    {"cells", "per stage", OPTION_INT, SHAPES_BASE, AT(cells), .fallback = 5, .least = 1,
     .most = 40},
    {.key = NULL},
};

struct cell_space {
    struct cell_options options;
    const int16_t *representative; // [CELL_CELLS]
};

static const char *const labels[CELL_OPERATIONS] = {[CELL_NONE] = "none",
                                                    [CELL_SKIP] = "skip_connect",
                                                    [CELL_POOL] = "avg_pool_3x3",
                                                    [CELL_CONV1] = "nor_conv_1x1",
                                                    [CELL_CONV3] = "nor_conv_3x3"};

static enum status open(struct nas_space *space, const void *with)
{
    static const int values[CELL_OPERATIONS] = {CELL_NONE, CELL_SKIP, CELL_POOL, CELL_CONV1,
                                                CELL_CONV3};
    struct cell_space *own;
    ARENA_NEW(&space->arena, own, 1);
    space->own = own;
    own->options = *(const struct cell_options *)with;
    TRY(cell_find_equals(&space->arena, &own->representative));
    TRY(nas_decisions_begin(space, CELL_EDGES));
    for (int e = 0; e < CELL_EDGES; e++) {
        const struct nas_decision decision = {.role = NAS_OPERATION,
                                              .categorical = true,
                                              .layer = e,
                                              .n_choices = CELL_OPERATIONS,
                                              .values = values,
                                              .labels = labels};
        TRY(nas_decision_add(space, &decision, NULL, "edge%d-%d", cell_edges[e].from,
                             cell_edges[e].to));
    }
    return OK;
}

static void canonical(const struct nas_space *space, int16_t *choice)
{
    const struct cell_space *own = space->own;
    int cell = 0;
    for (int e = 0; e < CELL_EDGES; e++) {
        cell = cell * CELL_OPERATIONS + choice[e];
    }
    cell = own->representative[cell];
    for (int e = CELL_EDGES - 1; e >= 0; e--, cell /= CELL_OPERATIONS) {
        choice[e] = (int16_t)(cell % CELL_OPERATIONS);
    }
}

// The unit behind `last`, in its stage.
static struct nas_unit cell_unit(const struct nas_space *space, const struct nas_unit *last,
                                 const int16_t *choice)
{
    struct nas_unit unit = nas_unit_next(space, last, CELL);
    unit.stage = last->stage;
    unit.layer = last->layer + 1;
    for (int e = 0; e < CELL_EDGES; e++) {
        unit.values[e] = choice[e];
    }
    return unit;
}

static struct nas_unit reduction_unit(const struct nas_space *space, const struct nas_unit *last,
                                      int stage)
{
    struct nas_unit unit = nas_unit_next(space, last, REDUCTION);
    unit.out_h = nas_strided(unit.h, 2);
    unit.out_w = nas_strided(unit.w, 2);
    unit.out_c = 2 * unit.c;
    unit.stage = stage;
    unit.layer = -1;
    return unit;
}

static int units(const struct nas_space *space, const int16_t *choice, struct nas_unit *out)
{
    const struct cell_space *own = space->own;
    int n = 0;
    out[n] = nas_unit_next(space, NULL, STEM);
    out[n].out_c = own->options.channels;
    out[n++].layer = -1;
    for (int s = 0; s < STAGES; s++) {
        if (s > 0) {
            out[n] = reduction_unit(space, &out[n - 1], s);
            n++;
        }
        for (int i = 0; i < own->options.cells; i++, n++) {
            out[n] = cell_unit(space, &out[n - 1], choice);
        }
    }
    out[n] = nas_unit_classifier(space, &out[n - 1], HEAD);
    return n + 1;
}

// Activation, convolution, BatchNorm, in this order.
static enum status add_conv(struct zoo_cursor *cursor, const char *name, int out_c, int kernel,
                            int stride)
{
    char with[64];
    const struct nas_conv conv = {
        .out_c = out_c, .kernel = {kernel, kernel}, .stride = {stride, stride}};
    snprintf(with, sizeof with, "%s_relu", name);
    TRY(zoo_act(cursor, with, ACTIVATION_RELU));
    return nas_add_conv_bn(cursor, name, &conv, ACTIVATION_NONE);
}

static enum status add_pool(struct zoo_cursor *cursor, const char *name, int kernel, int stride)
{
    struct node pool = node_default(NODE_AVG_POOL);
    pool.ceil_mode = stride > 1; // a last odd row stays
    for (int axis = 0; axis < 2; axis++) {
        pool.kernel[axis] = kernel;
        pool.stride[axis] = stride;
        pool.pad[axis] = pool.pad[axis + 2] = (kernel - 1) / 2;
    }
    return nas_add_node(cursor, name, &pool, &cursor->node, 1);
}

// Operations have names of their own: they share nothing.
static enum status add_operation(struct zoo_cursor *cursor, int edge, int operation)
{
    char name[48];
    const int c = cursor->graph->nodes[cursor->node].c;
    snprintf(name, sizeof name, "edge%d-%d.%s", cell_edges[edge].from, cell_edges[edge].to,
             labels[operation]);
    switch ((enum cell_operation)operation) {
    case CELL_NONE:
    case CELL_SKIP:
        return OK;
    case CELL_POOL:
        return add_pool(cursor, name, 3, 1);
    case CELL_CONV1:
        return add_conv(cursor, name, c, 1, 1);
    case CELL_CONV3:
        return add_conv(cursor, name, c, 3, 1);
    }
    return OK;
}

// A map of zeros: the input moved out of sight below.
static enum status add_zeros(struct zoo_cursor *cursor)
{
    const int h = cursor->graph->nodes[cursor->node].h;
    struct node pad = node_default(NODE_PAD);
    pad.pad[0] = h;
    TRY(nas_add_node(cursor, "shift", &pad, &cursor->node, 1));
    pad.pad[0] = 0;
    pad.pad[2] = -h;
    return nas_add_node(cursor, "zeros", &pad, &cursor->node, 1);
}

// The cursor's end becomes the sum of the terms [n].
static enum status add_sum(struct zoo_cursor *cursor, int number, const int *terms, int n)
{
    char name[16];
    const struct node add = node_default(NODE_ADD);
    snprintf(name, sizeof name, "node%d", number);
    cursor->node = terms[0];
    return n == 1 ? OK : nas_add_node(cursor, name, &add, terms, n);
}

static enum status add_cell(struct zoo_cursor *cursor, const struct nas_unit *unit)
{
    int nodes[CELL_NODES] = {cursor->node, -1, -1, -1}; // -1: zero
    for (int to = 1; to < CELL_NODES; to++) {
        int terms[CELL_NODES], n = 0;
        for (int e = 0; e < CELL_EDGES; e++) {
            const int from = nodes[cell_edges[e].from];
            if (cell_edges[e].to == to && from >= 0 && unit->values[e] != CELL_NONE) {
                cursor->node = from;
                TRY(add_operation(cursor, e, unit->values[e]));
                terms[n++] = cursor->node;
            }
        }
        if (n > 0) {
            TRY(add_sum(cursor, to, terms, n));
            nodes[to] = cursor->node;
        }
    }
    const int output = nodes[CELL_NODES - 1];
    cursor->node = output < 0 ? nodes[0] : output;
    return output < 0 ? add_zeros(cursor) : OK;
}

static enum status add_reduction(struct zoo_cursor *cursor, const struct nas_unit *unit)
{
    const int input = cursor->node;
    TRY(add_conv(cursor, "conv_a", unit->out_c, 3, 2));
    TRY(add_conv(cursor, "conv_b", unit->out_c, 3, 1));
    struct zoo_cursor side = *cursor;
    side.node = input;
    const struct nas_conv widen = {.out_c = unit->out_c, .kernel = {1, 1}, .stride = {1, 1}};
    TRY(add_pool(&side, "shortcut_pool", 2, 2));
    TRY(nas_add_conv(&side, "shortcut", &widen));
    return zoo_add(cursor, "add", side.node);
}

static enum status build(const struct nas_space *space, const struct nas_unit *unit,
                         struct graph *graph, int input, int *output)
{
    struct zoo_cursor cursor = nas_cursor(graph, input);
    const struct nas_conv stem = {.out_c = unit->out_c, .kernel = {3, 3}, .stride = {1, 1}};
    switch ((enum unit_kind)unit->kind) {
    case STEM:
        TRY(nas_add_conv_bn(&cursor, "stem", &stem, ACTIVATION_NONE));
        break;
    case CELL:
        zoo_prefix(&cursor, "stage%d.%d.", unit->stage + 1, unit->layer);
        TRY(add_cell(&cursor, unit));
        break;
    case REDUCTION:
        zoo_prefix(&cursor, "stage%d.reduction.", unit->stage + 1);
        TRY(add_reduction(&cursor, unit));
        break;
    case HEAD:
        TRY(zoo_batchnorm(&cursor, "head_bn"));
        TRY(zoo_act(&cursor, "head_relu", ACTIVATION_RELU));
        TRY(nas_add_classifier(&cursor, space->input.classes));
        break;
    }
    *output = cursor.node;
    return OK;
}

// All edges with the larger, then with the smaller convolution: nothing else has parameters.
static bool cover(const struct nas_space *space, int number, int16_t *choice)
{
    (void)space;
    for (int e = 0; e < CELL_EDGES; e++) {
        choice[e] = number == 0 ? CELL_CONV3 : CELL_CONV1;
    }
    return number < 2;
}

const struct nas_space_type nas_cell = {
    .name = "cell",
    .about = "stages of one cell with an operation on each of six edges (NAS-Bench-201)",
    .options = nas_cell_option_table,
    .options_bytes = sizeof(struct cell_options),
    .open = open,
    .units = units,
    .build = build,
    .canonical = canonical,
    .cover = cover,
};
