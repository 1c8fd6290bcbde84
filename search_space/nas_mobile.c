// Inverted residuals in stages, as in Once-for-All (Cai et al. 2020), at the size of small images:
// a stage's depth and width, and every layer's kernel and expansion are to be chosen. Inputs of one
// row get kernels of one row.
#include "search_space/nas_parts.h"

#include <stddef.h>
#include <stdio.h>

enum {
    MOST_STAGES = 16,
    MOST_DEPTH = 16,
    MOST_WIDTH = 4096,
    MOST_KERNEL = 31,
    MOST_EXPANSION = 16
};
enum { LARGE_INPUT = 64 }; // from this size on the stem halves it
enum { LEAST_HALVED = 4 }; // a map of fewer rows (or columns) is not strided along them
enum { SQUEEZE = 4 };      // squeeze-excite narrows to 1 / SQUEEZE
enum unit_kind { STEM, BLOCK, HEAD, CLASSIFIER };
enum { KERNEL, MID, STRIDE_H, STRIDE_W, SQUEEZED, ACTIVATION }; // values of units

static const char *const activation_names[] = {"relu", "relu6", "hard_swish", "silu", NULL};
static const struct activation activations[] = {
    ACTIVATION_RELU, ACTIVATION_RELU6, {.kind = ACT_HARD_SWISH}, {.kind = ACT_SILU}};

struct stage_options {
    const struct int_list *width, *depth, *kernel, *expansion;
    int stride, activation;
    bool squeeze_excite;
};
#define AT(field) offsetof(struct stage_options, field)
static const struct option stage_table[] = {
    {"width", "channels to choose from", OPTION_INT_LIST, SHAPES_AS_AROUND, AT(width), .least = 1,
     .most = MOST_WIDTH},
    {"depth", "layers to choose from; [2, 3, 4] where nothing is said", OPTION_INT_LIST,
     SHAPES_AS_AROUND, AT(depth), .least = 1, .most = MOST_DEPTH},
    {"kernel", "sizes to choose from in each layer, odd; [3, 5, 7] where nothing is said",
     OPTION_INT_LIST, SHAPES_AS_AROUND, AT(kernel), .least = 1, .most = MOST_KERNEL},
    {"expansion",
     "widening to choose from in each layer, times its input; [3, 4, 6] where nothing is said",
     OPTION_INT_LIST, SHAPES_AS_AROUND, AT(expansion), .least = 1, .most = MOST_EXPANSION},
    {"stride", "of the first layer", OPTION_INT, SHAPES_AS_AROUND, AT(stride), .fallback = 2,
     .least = 1, .most = 4},
    {"activation", "of its layers", OPTION_CHOICE, SHAPES_AS_AROUND, AT(activation),
     .fallback_text = "relu", .choices = activation_names},
    {"squeeze_excite", "channels weighed by what all of them hold", OPTION_BOOL, SHAPES_AS_AROUND,
     AT(squeeze_excite), .fallback = 0},
    {.key = NULL},
};
#undef AT

struct mobile_options {
    int stem_width, stem_stride, head_width;
    const struct object_list *stages;
};
#define AT(field) offsetof(struct mobile_options, field)
const struct option nas_mobile_option_table[] = {
    {"stem_width", "channels of the first convolution", OPTION_INT, SHAPES_BASE, AT(stem_width),
     .fallback = 8, .least = 1, .most = MOST_WIDTH},
    {"stem_stride", "of the first convolution; 0: 2 for inputs of 64x64 and more, else 1",
     OPTION_INT, SHAPES_BASE, AT(stem_stride), .fallback = 0, .least = 0, .most = 4},
    {"head_width", "channels of the last 1x1 convolution; 0: none", OPTION_INT, SHAPES_BASE,
     AT(head_width), .fallback = 128, .least = 0, .most = MOST_WIDTH},
    {"stages", "in order; three of 12 to 16, 20 to 32 and 40 to 64 channels where none is given",
     OPTION_LIST, SHAPES_BASE, AT(stages), .table = stage_table,
     .element_bytes = sizeof(struct stage_options)},
    {.key = NULL},
};
#undef AT

struct layer {
    struct nas_pick kernel, expansion;
};
struct stage {
    struct nas_pick depth, width;
    int most_depth, stride, activation;
    bool squeeze_excite;
    struct layer *layers; // [most_depth]
};
struct mobile_space {
    int stem_width, stem_stride, head_width;
    struct stage *stages;
    int n_stages;
};

static enum status check_stage(const struct stage_options *stage, int number)
{
    const struct {
        const char *key;
        const struct int_list *list;
    } lists[] = {{"width", stage->width},
                 {"depth", stage->depth},
                 {"kernel", stage->kernel},
                 {"expansion", stage->expansion}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        char what[64];
        snprintf(what, sizeof what, "stages[%d].%s", number, lists[i].key);
        TRY(nas_check_values(lists[i].list, 1, what));
    }
    for (int i = 0; i < stage->kernel->n; i++) {
        if (stage->kernel->values[i] % 2 == 0) {
            FAIL(ERR_CONFIG, "stages[%d].kernel: %d is even, but a kernel needs a middle", number,
                 stage->kernel->values[i]);
        }
    }
    return OK;
}

static struct nas_decision decision_of(enum nas_role role, int stage, int layer,
                                       const struct int_list *list)
{
    return (struct nas_decision){
        .role = role, .stage = stage, .layer = layer, .n_choices = list->n, .values = list->values};
}

static enum status add_stage(struct nas_space *space, const struct stage_options *with, int number,
                             struct stage *stage)
{
    const struct nas_decision depth = decision_of(NAS_DEPTH, number, -1, with->depth);
    const struct nas_decision width = decision_of(NAS_WIDTH, number, -1, with->width);
    stage->most_depth = with->depth->values[with->depth->n - 1];
    stage->stride = with->stride;
    stage->activation = with->activation;
    stage->squeeze_excite = with->squeeze_excite;
    ARENA_NEW(&space->arena, stage->layers, (size_t)stage->most_depth);
    TRY(nas_decision_add(space, &depth, &stage->depth, "stage%d.depth", number + 1));
    TRY(nas_decision_add(space, &width, &stage->width, "stage%d.width", number + 1));
    for (int l = 0; l < stage->most_depth; l++) {
        struct layer *layer = &stage->layers[l];
        const struct nas_decision kernel = decision_of(NAS_KERNEL, number, l, with->kernel);
        const struct nas_decision expansion =
            decision_of(NAS_EXPANSION, number, l, with->expansion);
        TRY(nas_decision_add(space, &kernel, &layer->kernel, "stage%d.block%d.kernel", number + 1,
                             l + 1));
        TRY(nas_decision_add(space, &expansion, &layer->expansion, "stage%d.block%d.expansion",
                             number + 1, l + 1));
    }
    return OK;
}

#define LIST(array)                                                                                \
    {                                                                                              \
        .n = sizeof(array) / sizeof(array)[0], .values = (array)                                   \
    }
static const int usual_depths[] = {2, 3, 4}, usual_kernels[] = {3, 5, 7},
                 usual_expansions[] = {3, 4, 6};
static const int usual_first[] = {12, 16}, usual_second[] = {20, 24, 32},
                 usual_third[] = {40, 48, 64};
static const struct int_list usual_depth = LIST(usual_depths), usual_kernel = LIST(usual_kernels),
                             usual_expansion = LIST(usual_expansions);
static const struct int_list usual_width[] = {LIST(usual_first), LIST(usual_second),
                                              LIST(usual_third)};
enum { USUAL_STAGES = sizeof usual_width / sizeof usual_width[0] };

// What the options say of stage `number`, with what they leave out.
static struct stage_options read_stage(const struct object_list *list, int number)
{
    struct stage_options stage;
    option_defaults(stage_table, &stage);
    if (list->n > 0) {
        stage = *(const struct stage_options *)option_list_at(list, number);
    } else {
        stage.width = &usual_width[number];
    }
    stage.depth = stage.depth->n > 0 ? stage.depth : &usual_depth;
    stage.kernel = stage.kernel->n > 0 ? stage.kernel : &usual_kernel;
    stage.expansion = stage.expansion->n > 0 ? stage.expansion : &usual_expansion;
    return stage;
}

static enum status open(struct nas_space *space, const void *with)
{
    const struct mobile_options *from = with;
    const int n = from->stages->n > 0 ? from->stages->n : USUAL_STAGES;
    struct stage_options stages[MOST_STAGES];
    struct mobile_space *own;
    int most = 0;
    if (n > MOST_STAGES) {
        FAIL(ERR_CONFIG, "stages: %d of them, at most %d are possible", n, MOST_STAGES);
    }
    for (int s = 0; s < n; s++) {
        stages[s] = read_stage(from->stages, s);
        TRY(check_stage(&stages[s], s));
        most += 2 + 2 * stages[s].depth->values[stages[s].depth->n - 1];
    }
    TRY(nas_decisions_begin(space, most));
    ARENA_NEW(&space->arena, own, 1);
    ARENA_NEW(&space->arena, own->stages, (size_t)n);
    space->own = own;
    own->n_stages = n;
    own->stem_width = from->stem_width;
    own->head_width = from->head_width;
    const bool large = space->input.h >= LARGE_INPUT && space->input.w >= LARGE_INPUT;
    own->stem_stride = from->stem_stride > 0 ? from->stem_stride : large ? 2 : 1;
    for (int s = 0; s < n; s++) {
        TRY(add_stage(space, &stages[s], s, &own->stages[s]));
    }
    return OK;
}

// Layers that the depth leaves out are as small as can be.
static void canonical(const struct nas_space *space, int16_t *choice)
{
    const struct mobile_space *own = space->own;
    for (int s = 0; s < own->n_stages; s++) {
        const struct stage *stage = &own->stages[s];
        for (int l = nas_picked(&stage->depth, choice); l < stage->most_depth; l++) {
            const int decisions[2] = {stage->layers[l].kernel.decision,
                                      stage->layers[l].expansion.decision};
            for (int i = 0; i < 2; i++) {
                if (decisions[i] >= 0) {
                    choice[decisions[i]] = 0;
                }
            }
        }
    }
}

static void stride_unit(struct nas_unit *unit, int stride)
{
    unit->values[STRIDE_H] = unit->h >= LEAST_HALVED ? stride : 1;
    unit->values[STRIDE_W] = unit->w >= LEAST_HALVED ? stride : 1;
    unit->out_h = nas_strided(unit->h, unit->values[STRIDE_H]);
    unit->out_w = nas_strided(unit->w, unit->values[STRIDE_W]);
}

static struct nas_unit block_unit(const struct nas_space *space, int number, int l,
                                  const struct nas_unit *last, const int16_t *choice)
{
    const struct stage *stage = &((const struct mobile_space *)space->own)->stages[number];
    struct nas_unit unit = nas_unit_next(space, last, BLOCK);
    const int mid = unit.c * nas_picked(&stage->layers[l].expansion, choice);
    stride_unit(&unit, l == 0 ? stage->stride : 1);
    unit.values[KERNEL] = nas_picked(&stage->layers[l].kernel, choice);
    unit.values[MID] = mid;
    unit.values[SQUEEZED] = stage->squeeze_excite ? (mid + SQUEEZE - 1) / SQUEEZE : 0;
    unit.values[ACTIVATION] = stage->activation;
    unit.out_c = nas_picked(&stage->width, choice);
    unit.stage = number;
    unit.layer = l;
    return unit;
}

static int units(const struct nas_space *space, const int16_t *choice, struct nas_unit *out)
{
    const struct mobile_space *own = space->own;
    int n = 0;
    out[n] = nas_unit_next(space, NULL, STEM);
    stride_unit(&out[n], own->stem_stride);
    out[n].out_c = own->stem_width;
    out[n++].values[ACTIVATION] = own->stages[0].activation;
    for (int s = 0; s < own->n_stages; s++) {
        const int depth = nas_picked(&own->stages[s].depth, choice);
        for (int l = 0; l < depth; l++, n++) {
            out[n] = block_unit(space, s, l, &out[n - 1], choice);
        }
    }
    if (own->head_width > 0) {
        out[n] = nas_unit_next(space, &out[n - 1], HEAD);
        out[n].out_c = own->head_width;
        out[n++].values[ACTIVATION] = own->stages[own->n_stages - 1].activation;
    }
    out[n] = nas_unit_classifier(space, &out[n - 1], CLASSIFIER);
    return n + 1;
}

static enum status add_block(struct zoo_cursor *cursor, const struct nas_unit *unit, bool line)
{
    const int kernel = unit->values[KERNEL];
    const struct nas_mbconv block = {.mid = unit->values[MID],
                                     .out_c = unit->out_c,
                                     .kernel = {line ? 1 : kernel, kernel},
                                     .stride = {unit->values[STRIDE_H], unit->values[STRIDE_W]},
                                     .squeeze = unit->values[SQUEEZED],
                                     .act = activations[unit->values[ACTIVATION]]};
    zoo_prefix(cursor, "stage%d.%d.", unit->stage + 1, unit->layer);
    return nas_add_mbconv(cursor, &block);
}

static enum status build(const struct nas_space *space, const struct nas_unit *unit,
                         struct graph *graph, int input, int *output)
{
    const bool line = space->input.h == 1;
    const struct activation act = activations[unit->values[ACTIVATION]];
    const struct nas_conv stem = {.out_c = unit->out_c,
                                  .kernel = {line ? 1 : 3, 3},
                                  .stride = {unit->values[STRIDE_H], unit->values[STRIDE_W]}};
    const struct nas_conv head = {.out_c = unit->out_c, .kernel = {1, 1}, .stride = {1, 1}};
    struct zoo_cursor cursor = nas_cursor(graph, input);
    switch ((enum unit_kind)unit->kind) {
    case STEM:
        TRY(nas_add_conv_bn(&cursor, "stem", &stem, act));
        break;
    case BLOCK:
        TRY(add_block(&cursor, unit, line));
        break;
    case HEAD:
        TRY(nas_add_conv_bn(&cursor, "head", &head, act));
        break;
    case CLASSIFIER:
        TRY(nas_add_classifier(&cursor, space->input.classes));
        break;
    }
    *output = cursor.node;
    return OK;
}

const struct nas_space_type nas_mobile = {
    .name = "mobile",
    .about = "stages of inverted residuals: depth, width, kernels and expansions (Once-for-All)",
    .options = nas_mobile_option_table,
    .options_bytes = sizeof(struct mobile_options),
    .open = open,
    .units = units,
    .build = build,
    .canonical = canonical,
};
