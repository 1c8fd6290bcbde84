// Measures two kernels on one shape of each class, in turn, and takes the best time of each, so
// that a core that is busy elsewhere for a moment changes nothing.
#include "compute/cpu/cpu_conv_choice.h"

#include "compute/cpu/cpu_conv_narrow.h"
#include "core/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { EIGHT = 8, SIDE = 16, IMAGES = 4, ROUNDS = 5, ALIGNMENT = 64 };
enum choice { UNKNOWN, NARROW, ONEDNN };

static _Atomic int choices[2][2]; // [more than 8 channels in][... out]

static struct op class_op(bool wide_in, bool wide_out)
{
    const int in_c = wide_in ? 2 * EIGHT : EIGHT, out_c = wide_out ? 2 * EIGHT : EIGHT;
    return (struct op){.kind = OP_CONV,
                       .n = IMAGES,
                       .in_h = SIDE,
                       .in_w = SIDE,
                       .in_c = in_c,
                       .out_h = SIDE,
                       .out_w = SIDE,
                       .out_c = out_c,
                       .in_type = DTYPE_U8,
                       .out_type = DTYPE_U8,
                       .act = {.kind = ACT_RELU},
                       .kernel = {3, 3},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .pad = {1, 1, 1, 1},
                       .groups = 1,
                       .bias = true,
                       .factor = 1.0F};
}

struct trial {
    struct kernel *kernel; // owned
    void *memory;          // owned: x, y, packed weights, scratch
    struct op_args args;
    double best; // seconds
};

static size_t align_up(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static enum status open_trial(struct trial *trial)
{
    struct kernel *kernel = trial->kernel;
    const struct op *op = &kernel->op;
    const size_t pixels = (size_t)op->n * SIDE * SIDE;
    const size_t sizes[] = {align_up(pixels * (size_t)op->in_c),
                            align_up(pixels * (size_t)op->out_c), align_up(kernel->packed_bytes),
                            align_up(kernel->scratch_bytes + 1)};
    float weights[4 * EIGHT * EIGHT * 9], bias[2 * EIGHT] = {0};
    const struct op_quantization quantization = {0.02F, 0.02F, 1.0F};
    char *at = aligned_alloc(ALIGNMENT, sizes[0] + sizes[1] + sizes[2] + sizes[3]);
    if (at == NULL) {
        FAIL(ERR_MEMORY, "no memory to measure a convolution");
    }
    trial->memory = at;
    memset(at, 1, sizes[0]);
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        weights[i] = (float)(i % 7) - 3.0F;
    }
    trial->args = (struct op_args){.in = {at, at + sizes[0] + sizes[1]},
                                   .out = {at + sizes[0]},
                                   .scratch = at + sizes[0] + sizes[1] + sizes[2]};
    kernel->ops->pack(kernel, weights, bias, &quantization, at + sizes[0] + sizes[1]);
    return OK;
}

static void time_trial(struct trial *trial)
{
    const double start = clock_seconds();
    trial->kernel->ops->run(trial->kernel, &trial->args);
    const double took = clock_seconds() - start;
    trial->best = trial->best == 0.0 || took < trial->best ? took : trial->best;
}

static enum status measure(struct backend *backend, const struct op *op, enum choice *out)
{
    struct trial narrow = {0}, dnnl = {0};
    enum status code = OK;
    TRY_GOTO(code, cpu_conv_narrow_open(backend, op, &narrow.kernel), done);
    TRY_GOTO(code, cpu_conv_dnnl_open(backend, op, &dnnl.kernel), done);
    TRY_GOTO(code, open_trial(&narrow), done);
    TRY_GOTO(code, open_trial(&dnnl), done);
    for (int round = 0; round < ROUNDS; round++) {
        time_trial(&narrow);
        time_trial(&dnnl);
    }
    *out = narrow.best <= dnnl.best ? NARROW : ONEDNN;
done:
    kernel_close(narrow.kernel);
    kernel_close(dnnl.kernel);
    free(narrow.memory);
    free(dnnl.memory);
    return code;
}

static enum choice choose(struct backend *backend, bool wide_in, bool wide_out)
{
    const char *asked = getenv("DIKDIK_INT8_KERNELS");
    if (asked != NULL && strcmp(asked, "narrow") == 0) {
        return NARROW;
    }
    if (asked != NULL && strcmp(asked, "onednn") == 0) {
        return ONEDNN;
    }
    _Atomic int *known = &choices[wide_in][wide_out];
    enum choice choice = (enum choice)atomic_load(known);
    if (choice == UNKNOWN) {
        const struct op op = class_op(wide_in, wide_out);
        if (measure(backend, &op, &choice) != OK) {
            choice = NARROW; // what cannot be measured is left as it is without AMX
        }
        atomic_store(known, (int)choice);
    }
    return choice;
}

bool cpu_conv_takes_narrow(struct backend *backend, const struct op *op)
{
    return cpu_conv_narrow_fits(backend, op) &&
           choose(backend, op->in_c > EIGHT, op->out_c > EIGHT) == NARROW;
}
