// convolution -> the node -> convolution -> linear; what needs two maps of one shape gets two
// convolutions.
#include "kind_case.h"

#include "test_unit.h"

static const struct activation acts[] = {
    {.kind = ACT_RELU},
    {.kind = ACT_CLIP, .a = -0.4F, .b = 0.7F},
    {.kind = ACT_LEAKY, .a = 0.2F},
    {.kind = ACT_SIGMOID},
    {.kind = ACT_HARD_SIGMOID, .a = 0.3F, .b = 0.4F},
    {.kind = ACT_HARD_SWISH},
    {.kind = ACT_SILU},
};
enum { N_ACTS = sizeof acts / sizeof acts[0], N_RESIZE = 16 };

_Static_assert(N_ACTS == ACT_KIND_COUNT - 1, "every activation but none");

int kind_case_count(enum node_kind kind)
{
    switch (kind) {
    case NODE_INPUT:
    case NODE_LSTM:
        return 0;
    case NODE_ACT:
        return N_ACTS;
    case NODE_RESIZE:
        return N_RESIZE;
    case NODE_CONV:
        return 3;
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
    case NODE_MULTIPLY:
        return 2;
    default:
        return 1;
    }
}

static void set_window(struct node *node, int variant)
{
    node->kernel[0] = 3;
    node->kernel[1] = 2;
    node->stride[0] = 2;
    node->pad[0] = node->pad[3] = 1;
    node->ceil_mode = variant > 0;
    node->count_pad = node->kind == NODE_AVG_POOL && variant > 0;
}

static void set_attributes(struct node *node, int variant)
{
    switch (node->kind) {
    case NODE_CONV:
        set_window(node, 0);
        node->c = 6;
        node->groups = variant == 0 ? 1 : variant == 1 ? 2 : 6;
        node->dilation[1] = 2;
        node->bias = variant != 1;
        break;
    case NODE_LINEAR:
        node->c = 6;
        node->bias = true;
        break;
    case NODE_ACT:
        node->act = acts[variant];
        break;
    case NODE_SLICE:
        node->from = 1;
        node->c = 3;
        break;
    case NODE_SHUFFLE:
        node->groups = 3;
        break;
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
        set_window(node, variant);
        break;
    case NODE_PAD:
        node->pad[0] = 2;
        node->pad[1] = -1;
        node->stride[1] = 2;
        node->pad_channels[0] = 1;
        node->pad_channels[1] = 2;
        break;
    case NODE_RESIZE:
        node->size[0] = 10;
        node->size[1] = 4;
        node->resize = (enum resize_mode)(variant / 4);
        node->coordinates = (enum resize_coordinates)(variant % 4);
        break;
    case NODE_DROPOUT:
        node->rate = 0.3F;
        break;
    case NODE_BATCHNORM:
        node->epsilon = 1e-2F;
        break;
    default:
        break;
    }
}

static int add_conv(struct graph *graph, const char *name, int input)
{
    const struct conv_attributes attributes = {
        .out_c = 6, .kernel_h = 3, .kernel_w = 3, .stride = 1, .pad = 1, .bias = true};
    int node;
    assert_ok(graph_add_conv(graph, name, input, &attributes, &node));
    return node;
}

void kind_case_build(enum node_kind kind, int variant, struct graph *out)
{
    int inputs[3], n = 1, node;
    assert_ok(graph_begin(out, 7, 6, 3));
    inputs[0] = add_conv(out, "before", 0);
    const struct node_type *type = node_type_of(kind);
    while (n < 3 && n < type->most_inputs) {
        inputs[n] = add_conv(out, n == 1 ? "second" : "third", 0);
        n++;
    }
    if (kind == NODE_MULTIPLY && variant > 0) {
        assert_ok(graph_add_global_pool(out, "gate", inputs[1], &inputs[1]));
    }
    struct node like = node_default(kind);
    set_attributes(&like, variant);
    assert_ok(graph_add(out, "node", &like, inputs, n, &node));
    node = add_conv(out, "behind", node);
    assert_ok(graph_add_linear(out, "classes", node, 5, true, &node));
    assert_ok(graph_finish(out));
}
