// Packed weights: panels [in_c][out_c], then the bias [out_c].
#include "compute/cpu/cpu_conv_rows.h"

#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_panels.h"
#include "compute/cpu/cpu_vector.h"

static size_t panels_floats(const struct op *op)
{
    return cpu_panels_floats(op->in_c, op->out_c);
}

static enum status rows_pack(struct kernel *kernel, const float *weights, const float *bias,
                             const struct op_quantization *quantization, void *packed, int lane)
{
    const struct op *op = &kernel->op;
    (void)lane;
    CHECK(quantization == NULL);
    float *panels = packed, *to = panels + panels_floats(op);
    cpu_panels_pack(op->in_c, op->out_c, weights, 1, (size_t)op->in_c, panels);
    for (int c = 0; c < op->out_c; c++) {
        to[c] = bias != NULL ? bias[c] : 0.0F;
    }
    return OK;
}

CPU_CLONES static void activate(struct activation act, size_t count, float *y)
{
    for (size_t at = 0; at < count; at += CPU_BLOCK) {
        const size_t left = count - at;
        const int n = left < CPU_BLOCK ? (int)left : CPU_BLOCK;
        float v[CPU_BLOCK];
        cpu_block_load(y + at, n, v);
        cpu_block_activate(act, v);
        cpu_block_store_part(v, n, y + at);
    }
}

static void rows_run(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *panels = args->in[1];
    const size_t pixels = cpu_op_pixels(op), out_c = (size_t)op->out_c;
    float *y = args->out[0];
    cpu_panels_multiply(&(struct cpu_product){.m = (int)pixels,
                                              .n = op->out_c,
                                              .k = op->in_c,
                                              .a = args->in[0],
                                              .a_row = (size_t)op->in_c,
                                              .a_step = 1,
                                              .panels = panels,
                                              .bias = panels + panels_floats(op),
                                              .c = y,
                                              .c_row = out_c});
    if (op->act.kind != ACT_NONE) {
        activate(op->act, pixels * out_c, y);
    }
}

static const struct kernel_ops rows_ops = {
    .open = cpu_conv_rows_open, .run = rows_run, .pack = rows_pack, .close = cpu_kernel_close};

enum status cpu_conv_rows_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    TRY(cpu_kernel_open(backend, op, out));
    (*out)->ops = &rows_ops;
    (*out)->packed_bytes = (panels_floats(op) + (size_t)op->out_c) * sizeof(float);
    return OK;
}
