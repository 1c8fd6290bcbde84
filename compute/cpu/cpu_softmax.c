// Softmax cross-entropy with optional distillation (Hinton et al. 2015, section 2.1):
//   loss = (1 - share) * CE(label, softmax(logits))
//          + share * T^2 * KL(softmax(targets / T), softmax(logits / T))
// KL is CE without the entropy of the targets, so that 0 is perfect; its gradient is the same.
// A chunk has a few thousand logits at most, so doubles and the library's exp are fast enough.
#include "compute/cpu/cpu_kernel_base.h"
#include "compute/cpu/cpu_kernels.h"

#include <math.h>
#include <string.h>

// p = softmax(values / temperature) [n]; returns the log of the sum of exp(value / temperature).
static double softmax(int n, const float *values, double temperature, double *p)
{
    double greatest = (double)values[0];
    for (int i = 1; i < n; i++) {
        greatest = fmax(greatest, (double)values[i]);
    }
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        p[i] = exp(((double)values[i] - greatest) / temperature);
        sum += p[i];
    }
    for (int i = 0; i < n; i++) {
        p[i] /= sum;
    }
    return greatest / temperature + log(sum);
}

// Both losses of one row add weight * gradient to gradient [n] and return weight * loss.
static double label_loss(int n, const float *logits, int label, double weight, double *p,
                         double *gradient)
{
    const double log_sum = softmax(n, logits, 1.0, p);
    for (int i = 0; i < n; i++) {
        gradient[i] += weight * p[i];
    }
    gradient[label] -= weight;
    return weight * (log_sum - (double)logits[label]);
}

static double target_loss(int n, const float *logits, const float *targets, double temperature,
                          double weight, double *p, double *gradient)
{
    const double log_sum = softmax(n, logits, temperature, p);
    for (int i = 0; i < n; i++) {
        gradient[i] += weight * temperature * p[i];
    }
    const double target_log_sum = softmax(n, targets, temperature, p);
    double loss = 0.0;
    for (int i = 0; i < n; i++) {
        const double log_p = (double)logits[i] / temperature - log_sum;
        const double log_q = (double)targets[i] / temperature - target_log_sum;
        gradient[i] -= weight * temperature * p[i];
        loss += p[i] * (log_q - log_p);
    }
    return weight * temperature * temperature * loss;
}

// Equal values: the lower index.
static int argmax(int n, const float *values)
{
    int best = 0;
    for (int i = 1; i < n; i++) {
        best = values[i] > values[best] ? i : best;
    }
    return best;
}

// Scratch: probabilities and gradient of a row.
static enum status softmax_open(struct backend *backend, const struct op *op, struct kernel **out)
{
    return cpu_kernel_open_scratch(backend, op, 2 * (size_t)op->in_c * sizeof(double), out);
}

static void run_softmax_xent(struct kernel *kernel, const struct op_args *args)
{
    const struct op *op = &kernel->op;
    const float *logits = args->in[0], *targets = op->target_share > 0.0F ? args->in[2] : NULL;
    const int32_t *labels = args->in[1];
    double *partial = args->out[0], *p = args->scratch, *gradient = p + op->in_c;
    float *dlogits = args->out[1];
    const int classes = op->in_c;
    const double share = (double)op->target_share, count = args->dynamic.count;
    double loss = 0.0, correct = 0.0;
    CHECK(op->target_share == 0.0F || targets != NULL);
    for (size_t row = 0; row < cpu_op_pixels(op); row++) {
        const size_t at = row * (size_t)classes;
        CHECK(labels[row] >= 0 && labels[row] < classes);
        memset(gradient, 0, (size_t)classes * sizeof *gradient);
        loss += label_loss(classes, logits + at, labels[row], 1.0 - share, p, gradient);
        if (targets != NULL) {
            loss += target_loss(classes, logits + at, targets + at, (double)op->temperature, share,
                                p, gradient);
        }
        correct += argmax(classes, logits + at) == labels[row] ? 1.0 : 0.0;
        for (int i = 0; dlogits != NULL && i < classes; i++) {
            dlogits[at + (size_t)i] = (float)(gradient[i] / count);
        }
    }
    partial[0] = loss;
    partial[1] = correct;
}

const struct kernel_ops cpu_softmax_xent_kernel = {
    .open = softmax_open,
    .run = run_softmax_xent,
    .close = cpu_kernel_close,
};
