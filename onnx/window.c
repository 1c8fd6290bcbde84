// Kernel, strides, dilations and padding, said in so many ways.
#include "onnx/window.h"

#include <string.h>

enum { MOST_STEP = 1 << 20, MOST_WINDOW = 1 << 24 };

// `spatial` numbers between least and MOST_STEP; the fallback where the node does not say them.
static enum status read_pair(const struct onnx_call *call, const char *name, int spatial,
                             int64_t least, int64_t fallback, int64_t *out)
{
    int n = 0;
    TRY(onnx_attribute_ints(call->node, name, spatial, out, &n));
    if (n < 0) {
        for (int i = 0; i < spatial; i++) {
            out[i] = fallback;
        }
        n = spatial;
    }
    if (n != spatial) {
        FAIL(ERR_INPUT, "attribute \"%s\" has %d numbers, expected %d", name, n, spatial);
    }
    for (int i = 0; i < n; i++) {
        if (out[i] < least || out[i] > MOST_STEP) {
            FAIL(ERR_UNSUPPORTED, "attribute \"%s\" holds %lld, expected %lld to %d", name,
                 (long long)out[i], (long long)least, MOST_STEP);
        }
    }
    return OK;
}

static enum status read_kernel(const struct onnx_call *call, int spatial, const int64_t *given,
                               int64_t *out)
{
    TRY(read_pair(call, "kernel_shape", spatial, 0, 0, out));
    for (int i = 0; i < spatial; i++) {
        if (given != NULL && out[i] != 0 && out[i] != given[i]) {
            FAIL(ERR_INPUT, "kernel_shape says %lld, but the weights have %lld", (long long)out[i],
                 (long long)given[i]);
        }
        out[i] = given != NULL ? given[i] : out[i];
        if (out[i] < 1 || out[i] > MOST_STEP) {
            FAIL(ERR_INPUT, "its kernel has a size of %lld, expected 1 to %d", (long long)out[i],
                 MOST_STEP);
        }
    }
    return OK;
}

struct axis {
    int64_t in, kernel, stride, dilation, extent; // extent: of the dilated kernel
    int64_t before, after, out;
};

// SAME: as many outputs as strides fit the input; an odd zero goes behind (UPPER) or before
// (LOWER).
static void pad_same(struct axis *axis, bool upper)
{
    const int64_t out = (axis->in + axis->stride - 1) / axis->stride;
    const int64_t need = (out - 1) * axis->stride + axis->extent - axis->in;
    const int64_t total = need > 0 ? need : 0;
    axis->before = upper ? total / 2 : total - total / 2;
    axis->after = total - axis->before;
}

static enum status count_outputs(struct axis *axis, bool ceil_mode)
{
    const int64_t room = axis->in + axis->before + axis->after - axis->extent;
    if (axis->extent > MOST_WINDOW || room < 0) {
        FAIL(ERR_INPUT, "its window of %lld does not fit %lld padded values",
             (long long)axis->extent, (long long)(room + axis->extent));
    }
    axis->out = (room + (ceil_mode ? axis->stride - 1 : 0)) / axis->stride + 1;
    if (ceil_mode && (axis->out - 1) * axis->stride >= axis->in + axis->before) {
        axis->out--; // a window that would begin in the padding behind
    }
    return OK;
}

static enum status read_padding(const struct onnx_call *call, int spatial, struct axis axes[2])
{
    const char *how;
    TRY(onnx_attribute_text(call->node, "auto_pad", "NOTSET", &how));
    if (strcmp(how, "SAME_UPPER") == 0 || strcmp(how, "SAME_LOWER") == 0) {
        for (int i = 0; i < spatial; i++) {
            pad_same(&axes[i], strcmp(how, "SAME_UPPER") == 0);
        }
        return OK;
    }
    if (strcmp(how, "VALID") == 0) {
        return OK;
    }
    if (strcmp(how, "NOTSET") != 0 && how[0] != '\0') {
        FAIL(ERR_INPUT, "auto_pad \"%.50s\" is none of ONNX's", how);
    }
    int64_t pads[4] = {0};
    TRY(read_pair(call, "pads", 2 * spatial, 0, 0, pads));
    for (int i = 0; i < spatial; i++) {
        axes[i].before = pads[i];
        axes[i].after = pads[spatial + i];
    }
    return OK;
}

enum status onnx_read_window(const struct onnx_call *call, int spatial, const int64_t *kernel,
                             struct node *node)
{
    CHECK(spatial == 1 || spatial == 2);
    int64_t sizes[2] = {1, 1}, strides[2] = {1, 1}, dilations[2] = {1, 1}, ceil_mode;
    TRY(read_kernel(call, spatial, kernel, sizes));
    TRY(read_pair(call, "strides", spatial, 1, 1, strides));
    TRY(read_pair(call, "dilations", spatial, 1, 1, dilations));
    TRY(onnx_attribute_int(call->node, "ceil_mode", 0, &ceil_mode));
    struct axis axes[2] = {{.in = node->h}, {.in = node->w}};
    for (int i = 0; i < 2; i++) {
        axes[i].kernel = sizes[i];
        axes[i].stride = strides[i];
        axes[i].dilation = dilations[i];
        axes[i].extent = (sizes[i] - 1) * dilations[i] + 1;
    }
    TRY(read_padding(call, spatial, axes));
    for (int i = 0; i < 2; i++) {
        TRY(count_outputs(&axes[i], ceil_mode != 0));
        node->kernel[i] = (int)sizes[i];
        node->stride[i] = (int)strides[i];
        node->dilation[i] = (int)dilations[i];
        node->pad[i] = (int)axes[i].before;
        node->pad[2 + i] = (int)axes[i].after;
    }
    node->ceil_mode = ceil_mode != 0;
    node->h = (int)axes[0].out;
    node->w = (int)axes[1].out;
    return OK;
}
