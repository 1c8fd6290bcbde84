// Slimming: which channels of each tensor stay, the smaller graph, and the gathering of every
// parameter's kept rows and columns.
#include "search_space/slim.h"

#include "nn/node_type.h"
#include "search_space/kept.h"

#include <stdlib.h>
#include <string.h>

static void check_keep(const struct groups *groups, const struct keep *keep)
{
    for (int g = 0; g < groups->n; g++) {
        CHECK(keep->kept[g] >= 1 && keep->kept[g] <= groups->groups[g].channels);
        for (int i = 0; i < keep->kept[g]; i++) {
            CHECK(keep->keep[g][i] > (i > 0 ? keep->keep[g][i - 1] : -1));
            CHECK(keep->keep[g][i] < groups->groups[g].channels);
        }
    }
}

enum status kept_lists(const struct graph *graph, const struct groups *groups,
                       const struct keep *keep, struct arena *arena, struct kept_list **out)
{
    check_keep(groups, keep);
    struct kept_list *lists;
    ARENA_NEW(arena, lists, (size_t)graph->n_nodes);
    for (int i = 0; i < graph->n_nodes; i++) {
        struct kept_list *list = &lists[i];
        ARENA_NEW(arena, list->channels, (size_t)graph->nodes[i].c);
        int base = 0; // position of the segment's first channel
        for (int s = 0; s < groups->outputs[i].n; s++) {
            const struct segment *segment = &groups->outputs[i].segments[s];
            const int n = segment->group < 0 ? segment->count : keep->kept[segment->group];
            for (int k = 0; k < n; k++) {
                const int channel = segment->group < 0 ? k : keep->keep[segment->group][k];
                list->channels[list->n++] = base + channel;
            }
            base += segment->count;
        }
    }
    *out = lists;
    return OK;
}

// How many of a list's channels lie in [from, to).
static int count_between(const struct kept_list *list, int from, int to)
{
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        n += list->channels[i] >= from && list->channels[i] < to;
    }
    return n;
}

// The pieces of a node's output as they are when only the listed channels stay.
static enum status kept_pieces(const struct graph *graph, const struct kept_list *lists, int node,
                               struct arena *arena, const struct channel_piece **out)
{
    const struct node *n = &graph->nodes[node];
    struct channel_piece *pieces;
    ARENA_NEW(arena, pieces, (size_t)NODE_MOST_PIECES(n));
    const int count = node_type_of(n->kind)->pieces(graph, n, pieces);
    for (int p = 0, at = 0; p < count; p++) {
        struct channel_piece *piece = &pieces[p];
        const int end = at + piece->count;
        if (piece->input >= 0) {
            piece->from = count_between(&lists[n->inputs[piece->input]], 0, piece->from);
        }
        piece->count = count_between(&lists[node], at, end);
        at = end;
    }
    *out = pieces;
    return OK;
}

static enum status resize(const struct graph *graph, const struct kept_list *lists,
                          struct arena *arena, struct graph *out)
{
    const struct channel_piece **pieces;
    ARENA_NEW(arena, pieces, (size_t)graph->n_nodes);
    for (int i = 1; i < graph->n_nodes; i++) {
        TRY(kept_pieces(graph, lists, i, arena, &pieces[i]));
    }
    return graph_resize(graph, pieces, out);
}

// Copies blocks of `block` floats from a matrix [rows][columns][block]: the listed rows, and of
// each the listed columns. Returns the place after the last float written.
static float *gather(const float *from, int columns, size_t block, const struct kept_list *rows,
                     const struct kept_list *keep_columns, float *to)
{
    for (int r = 0; r < rows->n; r++) {
        const float *row = from + (size_t)rows->channels[r] * (size_t)columns * block;
        for (int c = 0; c < keep_columns->n; c++) {
            memcpy(to, row + (size_t)keep_columns->channels[c] * block, block * sizeof *to);
            to += block;
        }
    }
    return to;
}

// A grouped convolution: the rows of part p hold only the input channels of part p.
static void gather_parts(const struct graph *graph, const struct param *param,
                         const struct kept_list *rows, const struct kept_list *columns,
                         const float *from, float *to)
{
    const struct node *n = &graph->nodes[param->node];
    const int part_rows = n->c / n->groups;
    const int part_columns = graph->nodes[n->inputs[0]].c / n->groups;
    const size_t block = param->count / (size_t)n->c / (size_t)part_columns;
    for (int r = 0; r < rows->n; r++) {
        const int row = rows->channels[r];
        const int first = row / part_rows * part_columns;
        const float *line = from + (size_t)row * (size_t)part_columns * block;
        for (int c = 0; c < columns->n; c++) {
            const int column = columns->channels[c] - first;
            if (column >= 0 && column < part_columns) {
                memcpy(to, line + (size_t)column * block, block * sizeof *to);
                to += block;
            }
        }
    }
}

// A parameter is `repeats` matrices [c of its node][columns][block] below one another.
static void gather_param(const struct graph *graph, const struct kept_list *lists,
                         const struct param *param, const float *from, float *to)
{
    const struct node *node = &graph->nodes[param->node];
    const struct kept_list *rows = &lists[param->node], *columns = &lists[node->inputs[0]];
    const struct kept_list one = {.channels = (int[1]){0}, .n = 1};
    int n_columns = graph->nodes[node->inputs[0]].c;
    if (param->columns == COLUMNS_INPUT && node->groups > 1) {
        gather_parts(graph, param, rows, columns, from, to);
        return;
    }
    if (param->columns == COLUMNS_OWN) {
        columns = rows;
        n_columns = node->c;
    } else if (param->columns == COLUMNS_NONE) {
        columns = &one;
        n_columns = 1;
    }
    const size_t each = param->count / (size_t)param->repeats;
    const size_t block = each / (size_t)node->c / (size_t)n_columns;
    for (int i = 0; i < param->repeats; i++) {
        to = gather(from + (size_t)i * each, n_columns, block, rows, columns, to);
    }
}

static enum status slim_all(const struct graph *graph, const struct groups *groups,
                            const float *params, const struct keep *keep, struct arena *scratch,
                            struct graph *out, float **out_params)
{
    struct kept_list *lists;
    TRY(kept_lists(graph, groups, keep, scratch, &lists));
    struct graph slimmed = {0};
    TRY(resize(graph, lists, scratch, &slimmed));
    CHECK(slimmed.n_nodes == graph->n_nodes && slimmed.n_params == graph->n_params);
    float *values = malloc((slimmed.n_floats + 1) * sizeof *values);
    if (values == NULL) {
        const size_t n = slimmed.n_floats;
        graph_close(&slimmed);
        FAIL(ERR_MEMORY, "no memory for the %zu parameters of a slimmed network", n);
    }
    for (int i = 0; i < graph->n_params; i++) {
        const struct param *from = &graph->params[i], *to = &slimmed.params[i];
        CHECK(from->node == to->node && from->role == to->role);
        gather_param(graph, lists, from, params + from->offset, values + to->offset);
    }
    *out = slimmed;
    *out_params = values;
    return OK;
}

enum status slim_network(const struct graph *graph, const struct groups *groups,
                         const float *params, const struct keep *keep, struct graph *out,
                         float **out_params)
{
    struct arena scratch = {0};
    const enum status status = slim_all(graph, groups, params, keep, &scratch, out, out_params);
    arena_close(&scratch);
    return status;
}
