// Sequences for the tests of plans over them.
#include "sequence_case.h"

#include "core/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DENSE = 6 };

// An agent's network: observation -> dense layer, joined with two more inputs -> LSTM -> heads.
static void build(struct graph *g, int steps)
{
    const struct conv_attributes dense = {
        .out_c = DENSE, .kernel_h = 1, .kernel_w = 1, .stride = 1, .bias = true};
    struct conv_attributes heads = dense;
    heads.out_c = CASE_OUT;
    int x, rest;
    memset(g, 0, sizeof *g);
    assert_ok(graph_begin(g, steps, 1, CASE_IN));
    assert_ok(graph_add_slice(g, "obs", 0, 0, CASE_OBS, &x));
    assert_ok(graph_add_slice(g, "last", 0, CASE_OBS, CASE_IN - CASE_OBS, &rest));
    assert_ok(graph_add_conv(g, "dense", x, &dense, &x));
    assert_ok(graph_add_act(g, "relu", x, ACTIVATION_RELU, &x));
    assert_ok(graph_add_concat(g, "join", x, rest, &x));
    assert_ok(graph_add_lstm(g, "lstm", x, CASE_HIDDEN, &x));
    assert_ok(graph_add_conv(g, "heads", x, &heads, &x));
    assert_ok(graph_finish(g));
}

float *sequence_case_values(size_t n, uint64_t stream)
{
    float *values = calloc(n, sizeof *values);
    struct rng rng = rng_make(31, RNG_TEST, stream, 0);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++) {
        values[i] = rng_normal(&rng);
    }
    return values;
}

size_t sequence_case_rows(const struct sequence_case *p)
{
    return (size_t)p->batch * (size_t)p->steps;
}

void sequence_case_open(struct sequence_case *p, int batch, int steps)
{
    *p = (struct sequence_case){.batch = batch, .steps = steps};
    build(&p->graph, steps);
    p->params = plan_case_params(&p->graph, 3);
    p->inputs = sequence_case_values(sequence_case_rows(p) * CASE_IN, 1);
    p->state = sequence_case_values((size_t)batch * CASE_STATE, 2);
    p->d_output = sequence_case_values(sequence_case_rows(p) * CASE_OUT, 3);
    p->reset = sequence_case_values(sequence_case_rows(p), 4);
    for (size_t i = 0; i < sequence_case_rows(p); i++) {
        p->reset[i] = p->reset[i] > 1.0F ? 1.0F : 0.0F;
    }
}

void sequence_case_close(struct sequence_case *p)
{
    graph_close(&p->graph);
    free(p->params);
    free(p->inputs);
    free(p->reset);
    free(p->state);
    free(p->d_output);
}

// ---- the independent computation
static const float *param(const struct sequence_case *p, const char *name)
{
    return p->params + graph_find_param(&p->graph, name)->offset;
}

static double sigmoid(double z)
{
    return 1.0 / (1.0 + exp(-z));
}

// y [n_out] = w [n_out][n_in] x + b
static void dense(const float *w, const float *b, int n_in, int n_out, const double *x, double *y)
{
    for (int o = 0; o < n_out; o++) {
        y[o] = b != NULL ? (double)b[o] : 0.0;
        for (int i = 0; i < n_in; i++) {
            y[o] += (double)w[o * n_in + i] * x[i];
        }
    }
}

// One row through the network. h, c [CASE_HIDDEN]: replaced.
static void step_plainly(const struct sequence_case *p, const float *row, double *h, double *c,
                         double *out)
{
    double x[CASE_IN], joined[DENSE + 2], from_x[4 * CASE_HIDDEN], from_h[4 * CASE_HIDDEN];
    for (int i = 0; i < CASE_IN; i++) {
        x[i] = (double)row[i];
    }
    dense(param(p, "dense.weight"), param(p, "dense.bias"), CASE_OBS, DENSE, x, joined);
    for (int i = 0; i < DENSE; i++) {
        joined[i] = fmax(joined[i], 0.0);
    }
    joined[DENSE] = x[CASE_OBS];
    joined[DENSE + 1] = x[CASE_OBS + 1];
    dense(param(p, "lstm.weight_ih"), param(p, "lstm.bias"), DENSE + 2, 4 * CASE_HIDDEN, joined,
          from_x);
    dense(param(p, "lstm.weight_hh"), NULL, CASE_HIDDEN, 4 * CASE_HIDDEN, h, from_h);
    for (int j = 0; j < CASE_HIDDEN; j++) {
        double z[4];
        for (int k = 0; k < 4; k++) {
            z[k] = from_x[k * CASE_HIDDEN + j] + from_h[k * CASE_HIDDEN + j];
        }
        c[j] = sigmoid(z[1]) * c[j] + sigmoid(z[0]) * tanh(z[2]);
        h[j] = sigmoid(z[3]) * tanh(c[j]);
    }
    dense(param(p, "heads.weight"), param(p, "heads.bias"), CASE_HIDDEN, CASE_OUT, h, out);
}

// output [rows][CASE_OUT]; state [batch][CASE_STATE]: replaced.
void sequence_case_forward(const struct sequence_case *p, float *state, float *output)
{
    for (int n = 0; n < p->batch; n++) {
        double h[CASE_HIDDEN], c[CASE_HIDDEN], out[CASE_OUT];
        float *own = state + (size_t)n * CASE_STATE;
        for (int j = 0; j < CASE_HIDDEN; j++) {
            h[j] = (double)own[j];
            c[j] = (double)own[CASE_HIDDEN + j];
        }
        for (int t = 0; t < p->steps; t++) {
            const size_t row = (size_t)n * (size_t)p->steps + (size_t)t;
            if (p->reset[row] != 0.0F) {
                memset(h, 0, sizeof h);
                memset(c, 0, sizeof c);
            }
            step_plainly(p, p->inputs + row * CASE_IN, h, c, out);
            for (int o = 0; o < CASE_OUT; o++) {
                output[row * CASE_OUT + (size_t)o] = (float)out[o];
            }
        }
        for (int j = 0; j < CASE_HIDDEN; j++) {
            own[j] = (float)h[j];
            own[CASE_HIDDEN + j] = (float)c[j];
        }
    }
}
