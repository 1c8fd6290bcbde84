#include "search_space/candidate_program.h"

#include "nn/fold.h"
#include "nn/node_type.h"
#include "search_space/refit_state.h"

#include <string.h>

struct builder {
    const struct graph *graph;
    const struct refit *refit; // NULL: without
    const struct fold_source *sources;
    struct candidate_program *program;
    int *axis_of; // [folded.n_nodes] axis of the value of each node
    struct candidate_axis *axes;
};

static bool same_segments(const struct segment_list *a, const struct segment_list *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (int i = 0; i < a->n; i++) {
        const struct segment *x = &a->segments[i], *y = &b->segments[i];
        const bool fixed = x->group < 0 && y->group < 0; // zeros and frozen ones all stay
        if (x->count != y->count || (x->group != y->group && !fixed)) {
            return false;
        }
    }
    return true;
}

// The axis of a value, a new one where none has these segments.
static int find_axis(struct builder *b, int folded_node)
{
    struct candidate_program *program = b->program;
    struct candidate_network *network = &program->network;
    const struct segment_list *list = &program->groups->outputs[b->sources[folded_node].output];
    for (int a = 0; a < network->n_axes; a++) {
        if (same_segments(program->segments[a], list)) {
            return a;
        }
    }
    const int channels = program->folded.nodes[folded_node].c, added = network->n_axes++;
    b->axes[added] = (struct candidate_axis){.channels = channels, .first = network->n_channels};
    program->segments[added] = list;
    network->n_channels += channels;
    return added;
}

static bool is_map(enum op_kind kind)
{
    return kind == OP_PAD || kind == OP_COPY_CHANNELS || kind == OP_SHUFFLE;
}

static bool is_known(enum op_kind kind)
{
    return is_map(kind) || kind == OP_CONV || kind == OP_SCALE_SHIFT || kind == OP_ADD ||
           kind == OP_MULTIPLY || kind == OP_POOL_MAX || kind == OP_POOL_AVG;
}

// Which channel of which input each output channel is.
static enum status fill_source(const struct builder *b, int node, struct candidate_step *step)
{
    const struct graph *folded = &b->program->folded;
    const struct node *n = &folded->nodes[node];
    int *inputs, *channels;
    struct channel_piece *pieces;
    ARENA_NEW(&b->program->arena, inputs, (size_t)n->c);
    ARENA_NEW(&b->program->arena, channels, (size_t)n->c);
    ARENA_NEW(&b->program->arena, pieces, (size_t)NODE_MOST_PIECES(n));
    const int n_pieces = node_type_of(n->kind)->pieces(folded, n, pieces);
    const int each = n->c / n->groups;
    for (int p = 0, at = 0; p < n_pieces; p++) {
        for (int i = 0; i < pieces[p].count; i++, at++) {
            const bool shuffled = step->op.kind == OP_SHUFFLE;
            inputs[at] = shuffled ? 0 : pieces[p].input >= 0 ? pieces[p].input : -1;
            channels[at] = shuffled ? at % n->groups * each + at / n->groups : pieces[p].from + i;
        }
    }
    step->source_input = inputs;
    step->source_channel = channels;
    return OK;
}

static size_t param_offset(const struct graph *graph, int node, int slot)
{
    return graph->params[graph->nodes[node].params[slot]].offset;
}

static void fill_batchnorm(const struct builder *b, int batchnorm, struct candidate_step *step)
{
    step->batchnorm = true;
    step->gamma = param_offset(b->graph, batchnorm, 0);
    step->beta = param_offset(b->graph, batchnorm, 1);
    step->op.epsilon = b->graph->nodes[batchnorm].epsilon;
}

static void fill_conv(const struct builder *b, const struct fold_source *source,
                      struct candidate_step *step)
{
    const struct node *conv = &b->graph->nodes[source->conv];
    step->weights = param_offset(b->graph, source->conv, 0);
    step->op.bias = conv->bias && source->batchnorm < 0;
    if (source->batchnorm >= 0) {
        fill_batchnorm(b, source->batchnorm, step);
    } else if (conv->bias) {
        step->bias = param_offset(b->graph, source->conv, 1);
    }
    for (int l = 0; b->refit != NULL && l < b->refit->n_layers; l++) {
        const struct refit_layer *layer = &b->refit->layers[l];
        if (layer->node == source->conv && layer->part == 0) {
            step->refit = true;
            step->gram = (size_t)(layer->gram - b->refit->grams);
        }
    }
}

static enum status fill_step(struct builder *b, int node, struct candidate_step *step)
{
    const struct graph *folded = &b->program->folded;
    const struct node *n = &folded->nodes[node];
    step->name = n->name;
    step->op = graph_node_op(folded, node, 1);
    if (!is_known(step->op.kind)) {
        FAIL(ERR_UNSUPPORTED, "node %s: candidates with a %s are scored one by one", n->name,
             node_kind_name(n->kind));
    }
    step->n_inputs = n->n_inputs;
    step->inputs = n->inputs; // node numbers are value numbers: node 0 is the image
    step->sum = n->sum;
    step->in_axis = b->axis_of[n->inputs[0]];
    step->out_axis = b->axis_of[node] = find_axis(b, node);
    if (step->op.kind == OP_CONV) {
        fill_conv(b, &b->sources[node], step);
    } else if (step->op.kind == OP_SCALE_SHIFT) {
        int origin = b->sources[node].output; // behind it lies what the BatchNorm took over
        while (b->graph->nodes[origin].kind != NODE_BATCHNORM) {
            origin = b->graph->nodes[origin].inputs[0];
        }
        fill_batchnorm(b, origin, step);
    } else if (is_map(step->op.kind)) {
        return fill_source(b, node, step);
    }
    return OK;
}

// Other outputs than the first are computed and not looked at.
static enum status check_output(const struct graph *folded)
{
    const struct node *output = &folded->nodes[graph_output_node(folded)];
    if (output->h != 1 || output->w != 1) {
        FAIL(ERR_UNSUPPORTED, "node %s: candidates that put out a map are scored one by one",
             output->name);
    }
    if (graph_output_node(folded) != folded->n_nodes - 1) {
        FAIL(ERR_UNSUPPORTED,
             "node %s: candidates that compute more after their first output are scored one by one",
             output->name);
    }
    if (folded->n_nodes < 2) {
        FAIL(ERR_UNSUPPORTED, "node %s: a network that computes nothing has no candidates",
             output->name);
    }
    return OK;
}

static enum status build(struct builder *b)
{
    struct candidate_program *program = b->program;
    const struct graph *folded = &program->folded;
    const size_t nodes = (size_t)folded->n_nodes;
    struct candidate_step *steps;
    TRY(check_output(folded));
    ARENA_NEW(&program->arena, steps, nodes);
    ARENA_NEW(&program->arena, b->axis_of, nodes);
    ARENA_NEW(&program->arena, b->axes, nodes);
    ARENA_NEW(&program->arena, program->segments, nodes);
    program->network.steps = steps;
    program->network.axes = b->axes;
    b->axis_of[0] = find_axis(b, 0);
    for (int i = 1; i < folded->n_nodes; i++) {
        TRY(fill_step(b, i, &steps[i - 1]));
    }
    program->network.n_steps = folded->n_nodes - 1;
    return OK;
}

enum status candidate_program_open(const struct graph *graph, const struct groups *groups,
                                   const float *params, const struct refit *refit,
                                   struct candidate_program *out)
{
    *out = (struct candidate_program){.groups = groups};
    struct fold_source *sources;
    TRY(fold_graph(graph, &out->folded, &sources));
    struct builder b = {.graph = graph, .refit = refit, .sources = sources, .program = out};
    out->network.params = params;
    out->network.n_floats = graph->n_floats;
    if (refit != NULL) {
        out->network.grams = refit->grams;
        out->network.n_grams = refit->n_grams;
        out->network.lambda = refit->lambda;
    }
    const enum status code = build(&b);
    if (code != OK) {
        candidate_program_close(out);
    }
    return code;
}

void candidate_program_close(struct candidate_program *program)
{
    graph_close(&program->folded);
    arena_close(&program->arena);
    *program = (struct candidate_program){0};
}

// One axis' kept channels, then its others. Returns how many are kept.
static int choose_axis(const struct segment_list *list, const struct keep *keep, int *to)
{
    int kept = 0, base = 0;
    for (int s = 0; s < list->n; s++) {
        const struct segment *segment = &list->segments[s];
        const int n = segment->group < 0 ? segment->count : keep->kept[segment->group];
        for (int i = 0; i < n; i++) {
            to[kept++] = base + (segment->group < 0 ? i : keep->keep[segment->group][i]);
        }
        base += segment->count;
    }
    for (int channel = 0, next = 0, at = kept; channel < base; channel++) {
        if (next < kept && to[next] == channel) {
            next++;
        } else {
            to[at++] = channel;
        }
    }
    return kept;
}

void candidate_program_choose(const struct candidate_program *program, const struct keep *keep,
                              int *widths, int *channels)
{
    const struct candidate_network *network = &program->network;
    for (int a = 0; a < network->n_axes; a++) {
        widths[a] = choose_axis(program->segments[a], keep, channels + network->axes[a].first);
    }
}
