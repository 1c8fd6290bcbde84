// Measures two kernels on one shape of each class, in turn, and takes the best time of each, so
// that a core that is busy elsewhere for a moment changes nothing.
#include "compute/cpu/cpu_conv_choice.h"

#include "compute/cpu/cpu_conv_direct_int8.h"
#include "compute/cpu/cpu_conv_narrow.h"
#include "compute/cpu/cpu_conv_shape.h"
#include "core/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// Class k of channel counts: up to 8 << k; the last one has all beyond it too.
enum { LEAST = 8, CLASSES = 5, MOST = LEAST << (CLASSES - 1) };
enum { SIDE = 8, IMAGES = 4, ROUNDS = 5, ALIGNMENT = 64 };
enum choice { UNKNOWN, OWN, ONEDNN };

static _Atomic int choices[CLASSES][CLASSES]; // [in][out]

static int class_of(int channels)
{
    int class = 0;
    while (class < CLASSES - 1 && channels > LEAST << class) {
        class ++;
    }
    return class;
}

static struct op class_op(int in_c, int out_c)
{
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
                       .bias = true};
}

struct trial {
    struct kernel *kernel; // owned
    void *memory;          // owned: x, y, packed weights, scratch
    struct op_args args;
    double best; // seconds
};

static enum status open_trial(struct trial *trial)
{
    struct kernel *kernel = trial->kernel;
    const struct op *op = &kernel->op;
    const size_t pixels = (size_t)op->n * SIDE * SIDE;
    const size_t sizes[] = {
        cpu_conv_align(pixels * (size_t)op->in_c), cpu_conv_align(pixels * (size_t)op->out_c),
        cpu_conv_align(kernel->packed_bytes), cpu_conv_align(kernel->scratch_bytes + 1)};
    const size_t n_weights = (size_t)op->in_c * (size_t)op->out_c * 9;
    const float bias[MOST] = {0};
    const struct op_quantization quantization = {0.02F, 0.02F, 1.0F};
    char *at = aligned_alloc(ALIGNMENT, sizes[0] + sizes[1] + sizes[2] + sizes[3]);
    float *weights = malloc(n_weights * sizeof *weights);
    trial->memory = at;
    if (at == NULL || weights == NULL) {
        free(weights);
        FAIL(ERR_MEMORY, "no memory to measure a convolution");
    }
    memset(at, 1, sizes[0]);
    for (size_t i = 0; i < n_weights; i++) {
        weights[i] = (float)(i % 7) - 3.0F;
    }
    trial->args = (struct op_args){.in = {at, at + sizes[0] + sizes[1]},
                                   .out = {at + sizes[0]},
                                   .scratch = at + sizes[0] + sizes[1] + sizes[2]};
    const enum status status =
        kernel->ops->pack(kernel, weights, bias, &quantization, at + sizes[0] + sizes[1], 0);
    free(weights);
    return status;
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
    struct trial own = {0}, dnnl = {0};
    enum status code = OK;
    TRY_GOTO(code, cpu_conv_own_int8_open(backend, op, &own.kernel), done);
    TRY_GOTO(code, cpu_conv_dnnl_open(backend, op, &dnnl.kernel), done);
    TRY_GOTO(code, open_trial(&own), done);
    TRY_GOTO(code, open_trial(&dnnl), done);
    for (int round = 0; round < ROUNDS; round++) {
        time_trial(&own);
        time_trial(&dnnl);
    }
    *out = own.best <= dnnl.best ? OWN : ONEDNN;
done:
    kernel_close(own.kernel);
    kernel_close(dnnl.kernel);
    free(own.memory);
    free(dnnl.memory);
    return code;
}

static enum choice choose(struct backend *backend, int in, int out)
{
    const char *asked = getenv("DIKDIK_INT8_KERNELS");
    if (asked != NULL && strcmp(asked, "own") == 0) {
        return OWN;
    }
    if (asked != NULL && strcmp(asked, "onednn") == 0) {
        return ONEDNN;
    }
    _Atomic int *known = &choices[in][out];
    enum choice choice = (enum choice)atomic_load(known);
    if (choice == UNKNOWN) {
        const struct op op = class_op(LEAST << in, LEAST << out);
        if (measure(backend, &op, &choice) != OK) {
            choice = OWN; // what cannot be measured is left as it is without AMX
        }
        int first = UNKNOWN; // another thread's result stays, if it was earlier
        if (!atomic_compare_exchange_strong(known, &first, (int)choice)) {
            choice = (enum choice)first;
        }
    }
    return choice;
}

bool cpu_conv_takes_own_int8(struct backend *backend, const struct op *op)
{
    const bool fits = cpu_conv_narrow_fits(backend, op) || cpu_conv_direct_int8_fits(backend, op);
    return fits && choose(backend, class_of(op->in_c), class_of(op->out_c)) == OWN;
}

enum status cpu_conv_own_int8_open(struct backend *backend, const struct op *op,
                                   struct kernel **out)
{
    return cpu_conv_narrow_fits(backend, op) ? cpu_conv_narrow_open(backend, op, out)
                                             : cpu_conv_direct_int8_open(backend, op, out);
}
