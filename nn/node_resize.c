// RESIZE: its input at another height and width, each pixel the nearest one or a mean of its
// neighbours.
#include "nn/infer_internal.h"
#include "nn/lower_backward.h"
#include "nn/node_type.h"

static enum status shape(const struct graph *graph, struct node *node)
{
    (void)graph;
    node->h = node->size[0];
    node->w = node->size[1];
    return OK;
}

static enum status backward(struct backward *b, const struct compound *compound)
{
    return backward_unary(b, compound, OP_RESIZE_BACKWARD);
}

static const char *const methods[] = {"nearest_floor", "nearest_round", "nearest_ceil", "linear",
                                      NULL};
static const char *const coordinate_names[] = {"half_pixel", "asymmetric", "align_corners",
                                               "pytorch_half_pixel", NULL};

static const struct node_attribute attributes[] = {
    NODE_INTS("size", size, 2, 1),
    NODE_CHOICE("method", resize, methods),
    NODE_CHOICE("coordinates", coordinates, coordinate_names),
    {.key = NULL},
};

const struct node_type node_type_resize = {
    .name = "resize",
    .least_inputs = 1,
    .most_inputs = 1,
    .attributes = attributes,
    .shape = shape,
    .op = OP_RESIZE,
    .forward = lower_plain,
    .backward = backward,
    .infer = infer_plain,
    .int8_output = INT8_FLOAT,
    .sign = SIGN_OF_INPUTS,
    .pieces = node_pieces_same,
    .moments = node_moments_same,
};
