// The space of NAS-Bench-Macro (Su et al. 2021): eight layers, each nothing, an inverted residual
// with kernel 3 and expansion 3, or one with kernel 5 and expansion 6. On 32x32x3 inputs with 10
// classes these are the networks of its table.
#include "search_space/nas_parts.h"

enum { LAYERS = 8, STAGES = 3, STEM_C = 32, HEAD_C = 1280 };
enum operation { IDENTITY, MB3, MB6, OPERATIONS };
enum unit_kind { STEM, LAYER, HEAD, CLASSIFIER };
enum { OPERATION, STRIDE }; // values of a LAYER

static const char *const labels[OPERATIONS] = {"identity", "mb3", "mb6"};
static const struct {
    int stage, layer, c, stride;
} layers[LAYERS] = {{0, 0, 64, 2},  {0, 1, 64, 1},  {1, 0, 128, 2}, {1, 1, 128, 1},
                    {1, 2, 128, 1}, {2, 0, 256, 2}, {2, 1, 256, 1}, {2, 2, 256, 1}};

static enum status open(struct nas_space *space, const void *options)
{
    (void)options;
    static const int values[OPERATIONS] = {IDENTITY, MB3, MB6};
    TRY(nas_decisions_begin(space, LAYERS));
    for (int l = 0; l < LAYERS; l++) {
        const struct nas_decision decision = {.role = NAS_OPERATION,
                                              .categorical = true,
                                              .stage = layers[l].stage,
                                              .layer = layers[l].layer,
                                              .n_choices = OPERATIONS,
                                              .values = values,
                                              .labels = labels};
        TRY(nas_decision_add(space, &decision, NULL, "layer%d.operation", l + 1));
    }
    return OK;
}

static int units(const struct nas_space *space, const int16_t *choice, struct nas_unit *out)
{
    int n = 0;
    out[n] = nas_unit_next(space, NULL, STEM);
    out[n++].out_c = STEM_C;
    for (int l = 0; l < LAYERS; l++, n++) {
        struct nas_unit *unit = &out[n];
        const int stride = layers[l].stride;
        *unit = nas_unit_next(space, unit - 1, LAYER);
        unit->out_h = nas_strided(unit->h, stride);
        unit->out_w = nas_strided(unit->w, stride);
        unit->out_c = layers[l].c;
        unit->stage = layers[l].stage;
        unit->layer = layers[l].layer;
        unit->values[OPERATION] = choice[l];
        unit->values[STRIDE] = stride;
    }
    out[n] = nas_unit_next(space, &out[n - 1], HEAD);
    out[n++].out_c = HEAD_C;
    out[n] = nas_unit_classifier(space, &out[n - 1], CLASSIFIER);
    return n + 1;
}

static enum status add_conv(struct zoo_cursor *cursor, const char *name, int out_c, int kernel,
                            int stride, struct activation act)
{
    const struct nas_conv conv = {
        .out_c = out_c, .kernel = {kernel, kernel}, .stride = {stride, stride}};
    return nas_add_conv_bn(cursor, name, &conv, act);
}

// Operations have names of their own: they share nothing.
static enum status add_layer(struct zoo_cursor *cursor, const struct nas_unit *unit)
{
    const int operation = unit->values[OPERATION], stride = unit->values[STRIDE];
    zoo_prefix(cursor, "stage%d.%d.%s.", unit->stage + 1, unit->layer, labels[operation]);
    if (operation == IDENTITY) {
        const bool same = stride == 1 && unit->c == unit->out_c;
        return same ? OK : add_conv(cursor, "conv", unit->out_c, 1, stride, ACTIVATION_NONE);
    }
    const int kernel = operation == MB3 ? 3 : 5;
    const struct nas_mbconv block = {.mid = unit->c * (operation == MB3 ? 3 : 6),
                                     .out_c = unit->out_c,
                                     .kernel = {kernel, kernel},
                                     .stride = {stride, stride},
                                     .act = ACTIVATION_RELU};
    return nas_add_mbconv(cursor, &block);
}

static enum status build(const struct nas_space *space, const struct nas_unit *unit,
                         struct graph *graph, int input, int *output)
{
    struct zoo_cursor cursor = nas_cursor(graph, input);
    switch ((enum unit_kind)unit->kind) {
    case STEM:
        TRY(add_conv(&cursor, "stem", STEM_C, 3, 1, ACTIVATION_RELU));
        break;
    case LAYER:
        TRY(add_layer(&cursor, unit));
        break;
    case HEAD:
        TRY(add_conv(&cursor, "head", HEAD_C, 1, 1, ACTIVATION_RELU));
        break;
    case CLASSIFIER:
        TRY(nas_add_classifier(&cursor, space->input.classes));
        break;
    }
    *output = cursor.node;
    return OK;
}

// Every operation in all layers.
static bool cover(const struct nas_space *space, int number, int16_t *choice)
{
    (void)space;
    for (int l = 0; l < LAYERS && number < OPERATIONS; l++) {
        choice[l] = (int16_t)(OPERATIONS - 1 - number);
    }
    return number < OPERATIONS;
}

const struct option nas_macro_option_table[] = {{.key = NULL}};
const struct nas_space_type nas_macro = {
    .name = "macro",
    .about = "eight layers, each nothing or one of two inverted residuals (NAS-Bench-Macro)",
    .open = open,
    .units = units,
    .build = build,
    .cover = cover,
};
