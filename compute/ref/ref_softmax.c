// Softmax cross-entropy with optional distillation (Hinton et al. 2015, section 2.1):
//   loss = (1 - share) * CE(label, softmax(logits))
//          + share * T^2 * KL(softmax(targets / T), softmax(logits / T))
// KL is CE without the entropy of the targets, so that 0 is perfect; its gradient is the same.
// T^2 keeps the gradient of the second part at the size of the first. And softmax by itself, over
// the channels of each pixel.
#include "compute/ref/ref_kernel.h"

#include <math.h>

// log of the sum of exp(value / temperature), safe for large values.
static double log_sum_exp(const float *values, int n, double temperature)
{
    double greatest = (double)values[0];
    for (int i = 1; i < n; i++) {
        greatest = fmax(greatest, (double)values[i]);
    }
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += exp(((double)values[i] - greatest) / temperature);
    }
    return greatest / temperature + log(sum);
}

// Equal values: the lower index.
static int argmax(const float *values, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++) {
        best = values[i] > values[best] ? i : best;
    }
    return best;
}

// Both losses add weight * loss to their result and weight * gradient to gradient [n].
static double label_loss(const float *logits, int n, int label, double weight, double *gradient)
{
    const double log_sum = log_sum_exp(logits, n, 1.0);
    for (int i = 0; i < n; i++) {
        gradient[i] += weight * (exp((double)logits[i] - log_sum) - (i == label ? 1.0 : 0.0));
    }
    return weight * (log_sum - (double)logits[label]);
}

static double target_loss(const float *logits, const float *targets, int n, double temperature,
                          double weight, double *gradient)
{
    const double log_sum = log_sum_exp(logits, n, temperature);
    const double target_log_sum = log_sum_exp(targets, n, temperature);
    double loss = 0.0;
    for (int i = 0; i < n; i++) {
        const double log_p = (double)logits[i] / temperature - log_sum;
        const double log_q = (double)targets[i] / temperature - target_log_sum, q = exp(log_q);
        loss += weight * temperature * temperature * q * (log_q - log_p);
        gradient[i] += weight * temperature * (exp(log_p) - q);
    }
    return loss;
}

static enum status open_softmax_xent(struct backend *backend, const struct op *op,
                                     struct kernel **out)
{
    TRY(ref_kernel_open(backend, op, out));
    (*out)->scratch_bytes = (size_t)op->in_c * sizeof(double); // one row's gradient
    return OK;
}

static void run_softmax_xent(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *logits = ref_in(kernel, args, 0);
    const int32_t *labels = ref_in(kernel, args, 1);
    const float *targets = op->target_share > 0.0F ? ref_in(kernel, args, 2) : NULL;
    double *partial = ref_out(kernel, args, 0);
    float *dlogits = ref_out_or_null(kernel, args, 1);
    double *gradient = ref_write(kernel, args->scratch);
    const int classes = op->in_c;
    const double share = (double)op->target_share;
    double loss = 0.0, correct = 0.0;
    for (size_t row = 0; row < ref_in_count(op) / (size_t)classes; row++) {
        const size_t at = row * (size_t)classes;
        CHECK(labels[row] >= 0 && labels[row] < classes);
        for (int i = 0; i < classes; i++) {
            gradient[i] = 0.0;
        }
        loss += label_loss(logits + at, classes, labels[row], 1.0 - share, gradient);
        if (targets != NULL) {
            loss += target_loss(logits + at, targets + at, classes, (double)op->temperature, share,
                                gradient);
        }
        correct += argmax(logits + at, classes) == labels[row];
        for (int i = 0; dlogits != NULL && i < classes; i++) {
            dlogits[at + (size_t)i] = (float)(gradient[i] / args->dynamic.count);
        }
    }
    partial[0] = loss;
    partial[1] = correct;
}

static void run_softmax(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *x = ref_in(kernel, args, 0);
    float *y = ref_out(kernel, args, 0);
    const size_t channels = (size_t)op->in_c;
    for (size_t first = 0; first < ref_in_count(op); first += channels) {
        const double log_sum = log_sum_exp(x + first, op->in_c, 1.0);
        for (size_t i = first; i < first + channels; i++) {
            y[i] = (float)exp((double)x[i] - log_sum);
        }
    }
}

// dx = y * (dy - sum of dy * y).
static void run_softmax_backward(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *dy = ref_in(kernel, args, 0), *y = ref_in(kernel, args, 1);
    float *dx = ref_out(kernel, args, 0);
    const size_t channels = (size_t)op->in_c;
    for (size_t first = 0; first < ref_in_count(op); first += channels) {
        double sum = 0.0;
        for (size_t i = first; i < first + channels; i++) {
            sum += (double)dy[i] * (double)y[i];
        }
        for (size_t i = first; i < first + channels; i++) {
            dx[i] = (float)((double)y[i] * ((double)dy[i] - sum));
        }
    }
}

const struct kernel_ops ref_kernel_SOFTMAX = {
    .open = ref_kernel_open,
    .run = run_softmax,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_SOFTMAX_BACKWARD = {
    .open = ref_kernel_open,
    .run = run_softmax_backward,
    .close = ref_kernel_close,
};

const struct kernel_ops ref_kernel_SOFTMAX_XENT = {
    .open = open_softmax_xent,
    .run = run_softmax_xent,
    .close = ref_kernel_close,
};
