// Folding: finds, for each convolution, the BatchNorm, sum and activation that it can take over,
// and writes what is left as a new graph.
#include "nn/fold.h"

#include "nn/node_type.h"

#include <math.h>
#include <string.h>

// Notes about the source graph, all [n_nodes]. A value is named by the node that computes it;
// dropout computes none.
struct fold_work {
    const struct graph *graph;
    struct arena arena;
    int *value;     // the value that this node's readers see
    bool *live;     // the output depends on it
    int *n_readers; // of this node's value, dropout not counted
    int *reader;    // the last of them
    // By CONV or LINEAR, BATCHNORM and ADD: what they take over, -1 nothing.
    int *batchnorm, *add, *act;
    bool *taken;     // taken over by another node
    bool *is_output; // its value is read from outside
    int *moment;     // when the node runs: its own number, or that of the ADD it takes over
    int *folded;     // number in the folded graph of the node whose value this is
};

static bool is_conv(const struct node *node)
{
    return node->kind == NODE_CONV || node->kind == NODE_LINEAR;
}

static enum status open_work(const struct graph *graph, struct fold_work *work)
{
    const size_t n = (size_t)graph->n_nodes;
    int **const numbers[] = {&work->value, &work->n_readers, &work->reader, &work->batchnorm,
                             &work->add,   &work->act,       &work->moment, &work->folded};
    work->graph = graph;
    for (size_t a = 0; a < sizeof numbers / sizeof numbers[0]; a++) {
        ARENA_NEW(&work->arena, *numbers[a], n);
    }
    ARENA_NEW(&work->arena, work->live, n);
    ARENA_NEW(&work->arena, work->taken, n);
    ARENA_NEW(&work->arena, work->is_output, n);
    for (int i = 0; i < graph->n_nodes; i++) {
        CHECK(graph->nodes[i].sum < 0); // not folded already
        work->reader[i] = work->batchnorm[i] = work->add[i] = work->act[i] = work->folded[i] = -1;
        work->moment[i] = i;
    }
    return OK;
}

static void find_readers(struct fold_work *work)
{
    const struct graph *graph = work->graph;
    for (int i = 0; i < graph->n_outputs; i++) {
        work->live[graph->outputs[i].node] = true;
    }
    for (int i = graph->n_nodes - 1; i >= 0; i--) {
        for (int k = 0; work->live[i] && k < graph->nodes[i].n_inputs; k++) {
            work->live[graph->nodes[i].inputs[k]] = true;
        }
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        work->value[i] = node->kind == NODE_DROPOUT ? work->value[node->inputs[0]] : i;
        for (int k = 0; k < node->n_inputs; k++) {
            const int read = work->value[node->inputs[k]];
            if (work->live[i] && node->kind != NODE_DROPOUT) {
                work->n_readers[read]++;
                work->reader[read] = i;
            }
        }
    }
}

// The only reader of a node's value if it is of this kind, else -1.
static int only_reader(const struct fold_work *work, int node, enum node_kind kind)
{
    if (work->is_output[node]) {
        return -1;
    }
    const int reader = work->reader[node];
    return work->n_readers[node] == 1 && work->graph->nodes[reader].kind == kind ? reader : -1;
}

// The node whose value `node` has after what it took over so far.
static int tail_of(const struct fold_work *work, int node)
{
    return work->act[node] >= 0         ? work->act[node]
           : work->add[node] >= 0       ? work->add[node]
           : work->batchnorm[node] >= 0 ? work->batchnorm[node]
                                        : node;
}

// The operand of `add` that does not come from `conv`.
static int other_operand(const struct fold_work *work, int add, int tail)
{
    const struct node *node = &work->graph->nodes[add];
    const int first = work->value[node->inputs[0]];
    return first == tail ? work->value[node->inputs[1]] : first;
}

// Gives every convolution its BatchNorm and the sum it might compute; of two for one sum, the later
// one gets it. Their moments are the latest possible ones.
static void find_candidates(struct fold_work *work)
{
    for (int i = work->graph->n_nodes - 1; i >= 0; i--) {
        const struct node *node = &work->graph->nodes[i];
        if (!work->live[i] || !is_conv(node)) {
            continue;
        }
        const int batchnorm = only_reader(work, i, NODE_BATCHNORM);
        if (batchnorm >= 0) {
            work->batchnorm[i] = batchnorm;
            work->taken[batchnorm] = true;
        }
        const int add = only_reader(work, tail_of(work, i), NODE_ADD);
        const bool pair = add >= 0 && work->graph->nodes[add].n_inputs == 2;
        if (node->kind == NODE_CONV && pair && !work->taken[add]) {
            work->add[i] = add;
            work->taken[add] = true;
            work->moment[i] = add;
        }
    }
}

// A sum overwrites its other operand, so nobody may read that one at the same time or later.
static bool may_overwrite(const struct fold_work *work, int value, int add)
{
    const struct graph *graph = work->graph;
    if (graph->nodes[value].kind == NODE_INPUT || work->is_output[value]) {
        return false; // it is the caller's
    }
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        for (int k = 0; k < node->n_inputs && work->live[i] && node->kind != NODE_DROPOUT; k++) {
            if (work->value[node->inputs[k]] == value && i != add && work->moment[i] >= add) {
                return false;
            }
        }
    }
    return true;
}

static void settle_sums(struct fold_work *work)
{
    for (int i = 0; i < work->graph->n_nodes; i++) {
        const int add = work->add[i];
        if (add < 0) {
            continue;
        }
        work->add[i] = -1;
        if (may_overwrite(work, other_operand(work, add, tail_of(work, i)), add)) {
            work->add[i] = add;
        } else {
            work->taken[add] = false;
            work->moment[i] = i;
        }
    }
}

static void attach_activations(struct fold_work *work)
{
    for (int i = 0; i < work->graph->n_nodes; i++) {
        const struct node *node = &work->graph->nodes[i];
        if (node_type_of(node->kind)->carries_act && work->live[i] && !work->taken[i]) {
            const int act = only_reader(work, tail_of(work, i), NODE_ACT);
            if (act >= 0) {
                work->act[i] = act;
                work->taken[act] = true;
            }
        }
    }
}

// Writes node `i` of the source with all that it took over.
static enum status write_node(struct fold_work *work, int i, struct graph *out,
                              struct fold_source *sources)
{
    struct node node = work->graph->nodes[i];
    int *inputs, added;
    ARENA_NEW(&work->arena, inputs, (size_t)node.n_inputs);
    for (int k = 0; k < node.n_inputs; k++) {
        inputs[k] = work->folded[work->value[node.inputs[k]]];
    }
    node.bias = node.bias || work->batchnorm[i] >= 0;
    if (work->act[i] >= 0) {
        node.act = work->graph->nodes[work->act[i]].act;
    }
    if (work->add[i] >= 0) {
        const int before = work->batchnorm[i] >= 0 ? work->batchnorm[i] : i;
        node.sum = work->folded[other_operand(work, work->add[i], before)];
        CHECK(node.sum >= 0);
    }
    TRY(graph_add(out, node.name, &node, inputs, node.n_inputs, &added));
    work->folded[tail_of(work, i)] = added;
    sources[added] = (struct fold_source){.conv = is_conv(&node) ? i : -1,
                                          .batchnorm = work->batchnorm[i],
                                          .output = tail_of(work, i)};
    return OK;
}

static enum status write_graph(struct fold_work *work, struct graph *out,
                               struct fold_source **sources)
{
    const int n = work->graph->n_nodes;
    int *runs_at; // [n]: the node that runs at this moment, -1 none
    ARENA_NEW(&work->arena, runs_at, (size_t)n);
    ARENA_NEW(&out->arena, *sources, (size_t)n);
    for (int i = 0; i < n; i++) {
        runs_at[i] = -1;
    }
    for (int i = 0; i < n; i++) {
        const bool stays = work->live[i] && !work->taken[i] && work->value[i] == i;
        if (stays) {
            runs_at[work->moment[i]] = i;
        }
    }
    work->folded[0] = 0;
    (*sources)[0] = (struct fold_source){.conv = -1, .batchnorm = -1, .output = 0};
    for (int moment = 1; moment < n; moment++) {
        if (runs_at[moment] >= 0) {
            TRY(write_node(work, runs_at[moment], out, *sources));
        }
    }
    for (int i = 0; i < work->graph->n_outputs; i++) {
        const struct graph_output *output = &work->graph->outputs[i];
        TRY(graph_add_output(out, output->name, work->folded[work->value[output->node]]));
    }
    return graph_finish(out);
}

static enum status fold_into(struct fold_work *work, const struct graph *graph, struct graph *out,
                             struct fold_source **sources)
{
    TRY(open_work(graph, work));
    find_readers(work);
    for (int i = 0; i < graph->n_outputs; i++) {
        work->is_output[work->value[graph->outputs[i].node]] = true;
    }
    find_candidates(work);
    settle_sums(work);
    attach_activations(work);
    return write_graph(work, out, sources);
}

enum status fold_graph(const struct graph *graph, struct graph *out, struct fold_source **sources)
{
    const struct node *input = &graph->nodes[0];
    struct graph folded;
    struct fold_source *folded_sources = NULL;
    struct fold_work work = {0};
    TRY(graph_begin(&folded, input->h, input->w, input->c));
    const enum status status = fold_into(&work, graph, &folded, &folded_sources);
    arena_close(&work.arena);
    if (status != OK) {
        graph_close(&folded);
        return status;
    }
    *out = folded;
    *sources = folded_sources;
    return OK;
}

enum status fold_nothing(const struct graph *graph, struct graph *out, struct fold_source **sources)
{
    struct graph copy;
    TRY(graph_resize(graph, NULL, &copy));
    struct fold_source *own = arena_alloc(&copy.arena, (size_t)copy.n_nodes, sizeof *own);
    if (own == NULL) {
        graph_close(&copy);
        return ERR_MEMORY;
    }
    for (int i = 0; i < copy.n_nodes; i++) {
        own[i] = (struct fold_source){
            .conv = is_conv(&graph->nodes[i]) ? i : -1, .batchnorm = -1, .output = i};
    }
    *out = copy;
    *sources = own;
    return OK;
}

// The values of a node's parameter number `slot`.
static const float *values_of(const struct graph *graph, const float *params, int node, int slot)
{
    return params + graph->params[graph->nodes[node].params[slot]].offset;
}

// y = (W x + b - mean) * gamma / sqrt(var + eps) + beta (Ioffe & Szegedy 2015, section 3.1), as one
// convolution with scaled weights and another bias. In float64, rounded once.
static void fold_conv(const struct graph *graph, const float *params,
                      const struct fold_source *source, float *weight, float *bias)
{
    const struct node *conv = &graph->nodes[source->conv];
    const float *from = values_of(graph, params, source->conv, 0);
    const size_t count = graph->params[conv->params[0]].count / (size_t)conv->c;
    for (int c = 0; c < conv->c; c++) {
        double scale = 1.0;
        double shift = conv->bias ? (double)values_of(graph, params, source->conv, 1)[c] : 0.0;
        if (source->batchnorm >= 0) {
            const int batchnorm = source->batchnorm;
            const double gamma = (double)values_of(graph, params, batchnorm, 0)[c];
            const double beta = (double)values_of(graph, params, batchnorm, 1)[c];
            const double mean = (double)values_of(graph, params, batchnorm, 2)[c];
            const double variance = (double)values_of(graph, params, batchnorm, 3)[c];
            scale = gamma / sqrt(variance + (double)graph->nodes[batchnorm].epsilon);
            shift = beta + (shift - mean) * scale;
        }
        for (size_t i = 0; i < count; i++) {
            weight[(size_t)c * count + i] = (float)((double)from[(size_t)c * count + i] * scale);
        }
        if (bias != NULL) {
            bias[c] = (float)shift;
        }
    }
}

// The source node that a folded one which is no convolution was made from: what it took over lies
// behind it, each reading the one before.
static int origin_of(const struct graph *graph, const struct fold_source *source,
                     enum node_kind kind)
{
    int node = source->output;
    while (graph->nodes[node].kind != kind) {
        node = graph->nodes[node].inputs[0];
    }
    return node;
}

void fold_params(const struct graph *graph, const float *params, const struct graph *folded,
                 const struct fold_source *sources, float *folded_params)
{
    for (int i = 0; i < folded->n_nodes; i++) {
        const struct node *node = &folded->nodes[i];
        if (is_conv(node)) {
            float *weight = folded_params + folded->params[node->params[0]].offset;
            float *bias =
                node->bias ? folded_params + folded->params[node->params[1]].offset : NULL;
            fold_conv(graph, params, &sources[i], weight, bias);
            continue;
        }
        for (int p = 0; p < NODE_MAX_PARAMS && node->params[p] >= 0; p++) {
            const struct param *param = &folded->params[node->params[p]];
            memcpy(folded_params + param->offset,
                   values_of(graph, params, origin_of(graph, &sources[i], node->kind), p),
                   param->count * sizeof *params);
        }
    }
}
