// Decisions, and layers that several spaces are made of.
#include "search_space/nas_parts.h"

#include <stdarg.h>
#include <stdio.h>

enum { NAME_BYTES = 96 };

enum status nas_decisions_begin(struct nas_space *space, int most)
{
    if (most > NAS_MOST_DECISIONS) {
        FAIL(ERR_CONFIG, "%d decisions, at most %d are possible: fewer stages or layers", most,
             NAS_MOST_DECISIONS);
    }
    ARENA_NEW(&space->arena, space->decisions, (size_t)most);
    space->n_decisions = 0;
    return OK;
}

static enum status copy_choices(struct nas_space *space, const struct nas_decision *like,
                                struct nas_decision *out)
{
    const int n = like->n_choices;
    int *values;
    float *position;
    ARENA_NEW(&space->arena, values, (size_t)n);
    ARENA_NEW(&space->arena, position, (size_t)n);
    for (int i = 0; i < n; i++) {
        values[i] = like->values[i];
        position[i] = like->categorical ? (float)(i + 1) / (float)n
                                        : (float)like->values[i] / (float)like->values[n - 1];
    }
    out->values = values;
    out->position = position;
    if (like->labels != NULL) {
        const char **labels;
        ARENA_NEW(&space->arena, labels, (size_t)n);
        for (int i = 0; i < n; i++) {
            labels[i] = like->labels[i];
        }
        out->labels = labels;
    }
    return OK;
}

enum status nas_decision_add(struct nas_space *space, const struct nas_decision *like,
                             struct nas_pick *pick, const char *format, ...)
{
    CHECK(like->n_choices >= 1 && like->n_choices <= NAS_MOST_CHOICES);
    char name[NAME_BYTES];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    CHECK(length > 0 && length < NAME_BYTES);
    struct nas_decision decision = *like;
    decision.least = 0;
    decision.name = arena_copy_text(&space->arena, name);
    if (decision.name == NULL) {
        return ERR_MEMORY;
    }
    TRY(copy_choices(space, like, &decision));
    const bool decides = decision.n_choices > 1;
    if (pick != NULL) {
        *pick = (struct nas_pick){decides ? space->n_decisions : -1, decision.values};
    }
    if (decides) {
        CHECK(space->n_decisions < NAS_MOST_DECISIONS);
        space->decisions[space->n_decisions++] = decision;
    }
    return OK;
}

enum status nas_check_values(const struct int_list *values, int least, const char *what)
{
    if (values->n < 1 || values->n > NAS_MOST_CHOICES) {
        FAIL(ERR_CONFIG, "%s: %d values, expected 1 to %d", what, values->n, NAS_MOST_CHOICES);
    }
    for (int i = 0; i < values->n; i++) {
        if (values->values[i] < least) {
            FAIL(ERR_CONFIG, "%s: %d, expected at least %d", what, values->values[i], least);
        }
        if (i > 0 && values->values[i] <= values->values[i - 1]) {
            FAIL(ERR_CONFIG, "%s: %d comes behind %d; values must ascend", what, values->values[i],
                 values->values[i - 1]);
        }
    }
    return OK;
}

struct zoo_cursor nas_cursor(struct graph *graph, int input)
{
    struct zoo_cursor cursor = zoo_begin(graph);
    cursor.node = input;
    return cursor;
}

int nas_strided(int extent, int stride)
{
    return (extent - 1) / stride + 1;
}

struct nas_unit nas_unit_next(const struct nas_space *space, const struct nas_unit *last, int kind)
{
    const struct nas_input *in = &space->input;
    const int h = last != NULL ? last->out_h : in->h, w = last != NULL ? last->out_w : in->w;
    const int c = last != NULL ? last->out_c : in->c;
    return (struct nas_unit){
        .kind = kind, .h = h, .w = w, .c = c, .out_h = h, .out_w = w, .out_c = c};
}

struct nas_unit nas_unit_classifier(const struct nas_space *space, const struct nas_unit *last,
                                    int kind)
{
    struct nas_unit unit = nas_unit_next(space, last, kind);
    unit.out_h = unit.out_w = 1;
    unit.out_c = space->input.classes;
    return unit;
}

enum status nas_add_node(struct zoo_cursor *cursor, const char *name, const struct node *like,
                         const int *inputs, int n)
{
    char full[NAME_BYTES];
    const int length = snprintf(full, sizeof full, "%s%s", cursor->prefix, name);
    CHECK(length > 0 && length < NAME_BYTES);
    return graph_add(cursor->graph, full, like, inputs, n, &cursor->node);
}

enum status nas_add_conv(struct zoo_cursor *cursor, const char *name, const struct nas_conv *conv)
{
    struct node node = node_default(NODE_CONV);
    for (int axis = 0; axis < 2; axis++) {
        node.kernel[axis] = conv->kernel[axis];
        node.stride[axis] = conv->stride[axis];
        node.pad[axis] = node.pad[axis + 2] = conv->kernel[axis] / 2;
    }
    node.c = conv->out_c;
    node.bias = conv->bias;
    node.groups = conv->depthwise ? cursor->graph->nodes[cursor->node].c : 1;
    return nas_add_node(cursor, name, &node, &cursor->node, 1);
}

enum status nas_add_conv_bn(struct zoo_cursor *cursor, const char *name,
                            const struct nas_conv *conv, struct activation act)
{
    char with[NAME_BYTES];
    TRY(nas_add_conv(cursor, name, conv));
    snprintf(with, sizeof with, "%s_bn", name);
    TRY(zoo_batchnorm(cursor, with));
    if (act.kind == ACT_NONE) {
        return OK;
    }
    snprintf(with, sizeof with, "%s_act", name);
    return zoo_act(cursor, with, act);
}

// One number per channel, from the means of all of them, multiplies its map.
static enum status add_squeeze_excite(struct zoo_cursor *cursor, int squeeze)
{
    const int map = cursor->node, c = cursor->graph->nodes[map].c;
    const struct activation gate = {.kind = ACT_HARD_SIGMOID, .a = 1.0F / 6, .b = 0.5F};
    const struct nas_conv narrow = {
        .out_c = squeeze, .kernel = {1, 1}, .stride = {1, 1}, .bias = true};
    const struct nas_conv widen = {.out_c = c, .kernel = {1, 1}, .stride = {1, 1}, .bias = true};
    TRY(zoo_global_pool(cursor, "se_pool"));
    TRY(nas_add_conv(cursor, "se_reduce", &narrow));
    TRY(zoo_act(cursor, "se_relu", ACTIVATION_RELU));
    TRY(nas_add_conv(cursor, "se_expand", &widen));
    TRY(zoo_act(cursor, "se_gate", gate));
    const struct node multiply = node_default(NODE_MULTIPLY);
    return nas_add_node(cursor, "se", &multiply, (int[2]){map, cursor->node}, 2);
}

enum status nas_add_mbconv(struct zoo_cursor *cursor, const struct nas_mbconv *block)
{
    const int input = cursor->node;
    const struct nas_conv expand = {.out_c = block->mid, .kernel = {1, 1}, .stride = {1, 1}};
    const struct nas_conv filter = {.out_c = block->mid,
                                    .kernel = {block->kernel[0], block->kernel[1]},
                                    .stride = {block->stride[0], block->stride[1]},
                                    .depthwise = true};
    const struct nas_conv project = {.out_c = block->out_c, .kernel = {1, 1}, .stride = {1, 1}};
    TRY(nas_add_conv_bn(cursor, "expand", &expand, block->act));
    TRY(nas_add_conv_bn(cursor, "depthwise", &filter, block->act));
    if (block->squeeze > 0) {
        TRY(add_squeeze_excite(cursor, block->squeeze));
    }
    TRY(nas_add_conv_bn(cursor, "project", &project, ACTIVATION_NONE));
    const struct node *in = &cursor->graph->nodes[input];
    const bool same = block->stride[0] == 1 && block->stride[1] == 1 && in->c == block->out_c;
    return same ? zoo_add(cursor, "add", input) : OK;
}

enum status nas_add_classifier(struct zoo_cursor *cursor, int classes)
{
    zoo_prefix(cursor, "%s", "");
    TRY(zoo_global_pool(cursor, "pool"));
    return zoo_linear(cursor, "classifier", classes);
}
