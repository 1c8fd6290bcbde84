// Products of two tensors, or of a tensor and one vector per image, with the vector's gradient.
#include "compute/ref/ref_kernel.h"

// Element i of b, for element i of a.
static size_t factor_at(const struct op *op, size_t i)
{
    if (!op->broadcast) {
        return i;
    }
    const size_t channels = (size_t)op->in_c, image = ref_in_count(op) / (size_t)op->n;
    return i / image * channels + i % channels;
}

static void run_multiply(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *a = ref_in(kernel, args, 0), *b = ref_in(kernel, args, 1);
    void *y = ref_out(kernel, args, 0);
    const double factor = ref_factor(kernel, args, 2, op->out_type);
    for (size_t i = 0; i < ref_in_count(op); i++) {
        const double product = (double)a[i] * (double)b[factor_at(op, i)];
        ref_store(y, i, op->out_type, activation_value(op->act, product) * factor);
    }
}

static void run_backward_vector(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *dy = ref_in(kernel, args, 0), *a = ref_in(kernel, args, 1);
    float *db = ref_out(kernel, args, 0);
    const size_t channels = (size_t)op->in_c, image = ref_in_count(op) / (size_t)op->n;
    for (size_t n = 0; n < (size_t)op->n; n++) {
        for (size_t c = 0; c < channels; c++) {
            double sum = 0.0;
            for (size_t i = n * image + c; i < (n + 1) * image; i += channels) {
                sum += (double)dy[i] * (double)a[i];
            }
            db[n * channels + c] = (float)sum;
        }
    }
}

const struct kernel_ops ref_kernel_MULTIPLY = {
    .open = ref_kernel_open,
    .run = run_multiply,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_MULTIPLY_BACKWARD_VECTOR = {
    .open = ref_kernel_open,
    .run = run_backward_vector,
    .close = ref_kernel_close,
};
