#include "search_space/moments.h"

#include <math.h>

// The rectified normal distribution: E relu(x) = m P(m/s) + s p(m/s), E relu(x)^2 = (m^2 + s^2)
// P(m/s) + m s p(m/s).
static void rectify(double *mean, double *variance)
{
    const double m = *mean, s = sqrt(*variance) + 1e-12, z = m / s;
    const double above = 0.5 * erfc(-z * sqrt(0.5));
    const double density = exp(-0.5 * z * z) / 2.5066282746310002; // sqrt(2 pi)
    const double square = (m * m + s * s) * above + m * s * density;
    *mean = m * above + s * density;
    *variance = fmax(square - *mean * *mean, 0);
}

static void copy(const struct moments *from, int first, int n, struct moments *to, int at)
{
    for (int c = 0; c < n; c++) {
        to->mean[at + c] = from->mean[first + c];
        to->variance[at + c] = from->variance[first + c];
    }
}

static void guess_node(const struct graph *graph, const float *params, int node,
                       const struct moments *all, struct moments *out)
{
    const struct node *n = &graph->nodes[node];
    for (int c = 0; c < n->c; c++) {
        out->mean[c] = 0;
        out->variance[c] = n->kind == NODE_SHORTCUT ? 0 : 1;
    }
    if (n->n_inputs == 0) {
        return;
    }
    const struct moments *in = &all[n->inputs[0]];
    switch (n->kind) {
    case NODE_BATCHNORM:
        for (int c = 0; c < n->c; c++) {
            const double gamma = (double)params[graph->params[n->params[0]].offset + (size_t)c];
            out->mean[c] = (double)params[graph->params[n->params[1]].offset + (size_t)c];
            out->variance[c] = gamma * gamma;
        }
        return;
    case NODE_ACT:
        copy(in, 0, n->c, out, 0);
        for (int c = 0; c < n->c; c++) {
            rectify(&out->mean[c], &out->variance[c]);
        }
        return;
    case NODE_ADD:
        for (int c = 0; c < n->c; c++) {
            out->mean[c] = in->mean[c] + all[n->inputs[1]].mean[c];
            out->variance[c] = in->variance[c] + all[n->inputs[1]].variance[c];
        }
        return;
    case NODE_CONCAT:
        copy(in, 0, graph->nodes[n->inputs[0]].c, out, 0);
        copy(&all[n->inputs[1]], 0, graph->nodes[n->inputs[1]].c, out,
             graph->nodes[n->inputs[0]].c);
        return;
    case NODE_SLICE:
        copy(in, n->from, n->c, out, 0);
        return;
    case NODE_SHORTCUT:
        copy(in, 0, graph->nodes[n->inputs[0]].c, out, n->pad_before);
        return;
    case NODE_MAX_POOL:
    case NODE_AVG_POOL:
    case NODE_GLOBAL_POOL:
    case NODE_DROPOUT:
        copy(in, 0, n->c, out, 0);
        return;
    default:
        return;
    }
}

enum status moments_guess(const struct graph *graph, const float *params, struct arena *arena,
                          struct moments **out)
{
    struct moments *all;
    ARENA_NEW(arena, all, (size_t)graph->n_nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        ARENA_NEW(arena, all[i].mean, (size_t)graph->nodes[i].c);
        ARENA_NEW(arena, all[i].variance, (size_t)graph->nodes[i].c);
        guess_node(graph, params, i, all, &all[i]);
    }
    *out = all;
    return OK;
}
