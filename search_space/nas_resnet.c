// ResNets for small images (He et al. 2016, section 4.2) with elastic depth and widths: of every
// stage the number of blocks and the width, of every block the channels between its convolutions.
// Names are those of the zoo's ResNets. Shortcuts have no parameters: channel k of a block's input
// is added to channel k of its output, whatever their widths, so that sharing leading channels
// shares what is added, too.
#include "search_space/nas_parts.h"

#include <math.h>
#include <stddef.h>

enum { MOST_STAGES = 8, MOST_DEPTH = 32, MOST_WIDTH = 4096 };
enum unit_kind { STEM, BLOCK, HEAD };
enum { INNER, STRIDE }; // values of a BLOCK

struct resnet_options {
    const struct int_list *widths, *depths;
    const struct double_list *width_shares, *inner_shares;
    int round_to;
};
#define AT(field) offsetof(struct resnet_options, field)
const struct option nas_resnet_option_table[] = {
    {"widths", "greatest width of each stage; [16, 32, 64] where nothing is said", OPTION_INT_LIST,
     SHAPES_BASE, AT(widths), .least = 1, .most = MOST_WIDTH},
    {"depths", "blocks of a stage to choose from; [1, 2, 3] where nothing is said", OPTION_INT_LIST,
     SHAPES_BASE, AT(depths), .least = 1, .most = MOST_DEPTH},
    {"width_shares",
     "of a stage's greatest width, to choose from; [0.5, 0.75, 1] where nothing is said",
     OPTION_DOUBLE_LIST, SHAPES_BASE, AT(width_shares), .least = 0.01, .most = 1},
    {"inner_shares",
     "of the same, between the convolutions of each block; [0.25, 0.5, 0.75, 1] where nothing is "
     "said",
     OPTION_DOUBLE_LIST, SHAPES_BASE, AT(inner_shares), .least = 0.01, .most = 4},
    {"round_to", "widths are multiples of it", OPTION_INT, SHAPES_BASE, AT(round_to), .fallback = 4,
     .least = 1, .most = 64},
    {.key = NULL},
};

static const int usual_widths[] = {16, 32, 64}, usual_depths[] = {1, 2, 3};
static const double usual_width_shares[] = {0.5, 0.75, 1},
                    usual_inner_shares[] = {0.25, 0.5, 0.75, 1};

struct stage {
    struct nas_pick depth, width;
    int most_depth;
    struct nas_pick *inner; // [most_depth]
};
struct resnet_space {
    int n_stages;
    struct stage *stages;
};

// Multiples of round_to near the shares of `width`, ascending and each once. values
// [NAS_MOST_CHOICES]
static enum status find_widths(const struct double_list *shares, int width, int round_to,
                               const char *what, int *values, int *n)
{
    if (shares->n > NAS_MOST_CHOICES) {
        FAIL(ERR_CONFIG, "%s: %d values, expected at most %d", what, shares->n, NAS_MOST_CHOICES);
    }
    *n = 0;
    for (int i = 0; i < shares->n; i++) {
        const int steps = (int)lround(shares->values[i] * width / round_to);
        const int value = (steps > 1 ? steps : 1) * round_to;
        if (i > 0 && shares->values[i] <= shares->values[i - 1]) {
            FAIL(ERR_CONFIG, "%s: %g comes behind %g; values must ascend", what, shares->values[i],
                 shares->values[i - 1]);
        }
        if (*n == 0 || value > values[*n - 1]) {
            values[(*n)++] = value;
        }
    }
    return OK;
}

static enum status add_stage(struct nas_space *space, const struct resnet_options *with, int number,
                             struct stage *stage)
{
    const int greatest = with->widths->values[number];
    int widths[NAS_MOST_CHOICES], inner[NAS_MOST_CHOICES], n_widths, n_inner;
    TRY(find_widths(with->width_shares, greatest, with->round_to, "width_shares", widths,
                    &n_widths));
    TRY(find_widths(with->inner_shares, greatest, with->round_to, "inner_shares", inner, &n_inner));
    const struct nas_decision depth = {.role = NAS_DEPTH,
                                       .stage = number,
                                       .layer = -1,
                                       .n_choices = with->depths->n,
                                       .values = with->depths->values};
    const struct nas_decision width = {
        .role = NAS_WIDTH, .stage = number, .layer = -1, .n_choices = n_widths, .values = widths};
    stage->most_depth = with->depths->values[with->depths->n - 1];
    ARENA_NEW(&space->arena, stage->inner, (size_t)stage->most_depth);
    TRY(nas_decision_add(space, &depth, &stage->depth, "stage%d.depth", number + 1));
    TRY(nas_decision_add(space, &width, &stage->width, "stage%d.width", number + 1));
    for (int b = 0; b < stage->most_depth; b++) {
        const struct nas_decision between = {
            .role = NAS_WIDTH, .stage = number, .layer = b, .n_choices = n_inner, .values = inner};
        TRY(nas_decision_add(space, &between, &stage->inner[b], "stage%d.block%d.width", number + 1,
                             b + 1));
    }
    return OK;
}

static const struct double_list *shares_or(const struct double_list *given,
                                           const struct double_list *usual)
{
    return given->n > 0 ? given : usual;
}

static enum status open(struct nas_space *space, const void *given)
{
    const struct int_list widths = {.n = 3, .values = usual_widths},
                          depths = {.n = 3, .values = usual_depths};
    const struct double_list width_shares = {.n = 3, .values = usual_width_shares},
                             inner_shares = {.n = 4, .values = usual_inner_shares};
    struct resnet_options with = *(const struct resnet_options *)given;
    struct resnet_space *own;
    with.widths = with.widths->n > 0 ? with.widths : &widths;
    with.depths = with.depths->n > 0 ? with.depths : &depths;
    with.width_shares = shares_or(with.width_shares, &width_shares);
    with.inner_shares = shares_or(with.inner_shares, &inner_shares);
    TRY(nas_check_values(with.depths, 1, "depths"));
    if (with.widths->n > MOST_STAGES) {
        FAIL(ERR_CONFIG, "widths: %d stages, at most %d are possible", with.widths->n, MOST_STAGES);
    }
    const int n = with.widths->n, most_depth = with.depths->values[with.depths->n - 1];
    TRY(nas_decisions_begin(space, n * (2 + most_depth)));
    ARENA_NEW(&space->arena, own, 1);
    ARENA_NEW(&space->arena, own->stages, (size_t)n);
    space->own = own;
    own->n_stages = n;
    for (int s = 0; s < n; s++) {
        TRY(add_stage(space, &with, s, &own->stages[s]));
    }
    return OK;
}

static void canonical(const struct nas_space *space, int16_t *choice)
{
    const struct resnet_space *own = space->own;
    for (int s = 0; s < own->n_stages; s++) {
        const struct stage *stage = &own->stages[s];
        for (int b = nas_picked(&stage->depth, choice); b < stage->most_depth; b++) {
            if (stage->inner[b].decision >= 0) {
                choice[stage->inner[b].decision] = 0;
            }
        }
    }
}

static struct nas_unit block_unit(const struct nas_space *space, int s, int b,
                                  const struct nas_unit *last, const int16_t *choice)
{
    const struct stage *stage = &((const struct resnet_space *)space->own)->stages[s];
    const int stride = s > 0 && b == 0 ? 2 : 1;
    struct nas_unit unit = nas_unit_next(space, last, BLOCK);
    unit.out_h = nas_strided(unit.h, stride);
    unit.out_w = nas_strided(unit.w, stride);
    unit.out_c = nas_picked(&stage->width, choice);
    unit.stage = s;
    unit.layer = b;
    unit.values[INNER] = nas_picked(&stage->inner[b], choice);
    unit.values[STRIDE] = stride;
    return unit;
}

static int units(const struct nas_space *space, const int16_t *choice, struct nas_unit *out)
{
    const struct resnet_space *own = space->own;
    int n = 0;
    out[n] = nas_unit_next(space, NULL, STEM);
    out[n++].out_c = nas_picked(&own->stages[0].width, choice);
    for (int s = 0; s < own->n_stages; s++) {
        const int depth = nas_picked(&own->stages[s].depth, choice);
        for (int b = 0; b < depth; b++, n++) {
            out[n] = block_unit(space, s, b, &out[n - 1], choice);
        }
    }
    out[n] = nas_unit_classifier(space, &out[n - 1], HEAD);
    return n + 1;
}

// Every stride-th pixel; zeros behind the input's channels, or as many of them as there is room
// for.
static enum status add_shortcut(struct zoo_cursor *cursor, int input, int stride, int out_c,
                                int *out)
{
    struct zoo_cursor side = *cursor;
    const int in_c = cursor->graph->nodes[input].c;
    side.node = input;
    if (stride > 1 || out_c > in_c) {
        TRY(zoo_shortcut(&side, "shortcut", stride, 0, out_c > in_c ? out_c - in_c : 0));
    }
    if (out_c < in_c) {
        struct node slice = node_default(NODE_SLICE);
        slice.c = out_c;
        TRY(nas_add_node(&side, "shortcut_slice", &slice, &side.node, 1));
    }
    *out = side.node;
    return OK;
}

static enum status add_block(struct zoo_cursor *cursor, const struct nas_unit *unit)
{
    const int input = cursor->node, stride = unit->values[STRIDE];
    const struct zoo_unit first = {"conv1", "bn1", "relu1",
                                   zoo_square(unit->values[INNER], 3, stride), ACTIVATION_RELU};
    const struct zoo_unit second = {"conv2", "bn2", NULL, zoo_square(unit->out_c, 3, 1),
                                    ACTIVATION_NONE};
    int shortcut;
    zoo_prefix(cursor, "layer%d.%d.", unit->stage + 1, unit->layer);
    TRY(zoo_conv_unit(cursor, &first));
    TRY(zoo_conv_unit(cursor, &second));
    TRY(add_shortcut(cursor, input, stride, unit->out_c, &shortcut));
    TRY(zoo_add(cursor, "add", shortcut));
    return zoo_act(cursor, "relu2", ACTIVATION_RELU);
}

static enum status build(const struct nas_space *space, const struct nas_unit *unit,
                         struct graph *graph, int input, int *output)
{
    struct zoo_cursor cursor = nas_cursor(graph, input);
    const struct zoo_unit stem = {"conv1", "bn1", "relu1", zoo_square(unit->out_c, 3, 1),
                                  ACTIVATION_RELU};
    switch ((enum unit_kind)unit->kind) {
    case STEM:
        TRY(zoo_conv_unit(&cursor, &stem));
        break;
    case BLOCK:
        TRY(add_block(&cursor, unit));
        break;
    case HEAD:
        TRY(zoo_global_pool(&cursor, "avgpool"));
        TRY(zoo_linear(&cursor, "linear", space->input.classes));
        break;
    }
    *output = cursor.node;
    return OK;
}

const struct nas_space_type nas_resnet = {
    .name = "resnet",
    .about = "stages of residual blocks: depth, width, and the width inside of each block",
    .options = nas_resnet_option_table,
    .options_bytes = sizeof(struct resnet_options),
    .open = open,
    .units = units,
    .build = build,
    .canonical = canonical,
};
