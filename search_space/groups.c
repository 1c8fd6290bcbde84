// Channel groups. United channels that stand side by side, in the same order, wherever they occur
// form one chain; a chain is a group unless something freezes it.
#include "search_space/groups.h"

#include "nn/node_type.h"
#include "search_space/channel_union.h"

#include <string.h>

enum { UNSEEN = -1, BREAK = -2 };

// A maximal run of channel classes that every producer holds whole.
struct chain {
    int node, offset; // first place: channels [offset, offset + count) of this producer
    int count;
    bool frozen, on_sum;
    int equal_parts;
    int places; // how many producers hold it, counting one that holds it twice twice
    int group;  // final number, SEGMENT_FROZEN when frozen
};

struct finder {
    const struct graph *graph;
    struct arena scratch;
    struct channel_union channels;
    bool *zeros;          // [n_channels] by class: only padding belongs to it
    int *successor;       // [n_channels] by class: the class that always follows, or BREAK
    int *predecessor;     // likewise
    int *chain_of;        // [n_channels] by class: its chain, UNSEEN for zeros
    struct chain *chains; // in the order of their first place
    int n_chains;
    struct segment *segments; // one list, rewritten by list_segments
};

static void note_neighbour(int *neighbour, int class, int other)
{
    if (neighbour[class] == UNSEEN) {
        neighbour[class] = other;
    } else if (neighbour[class] != other) {
        neighbour[class] = BREAK;
    }
}

// Which class always follows and always precedes each class, over all producers.
static enum status find_neighbours(struct finder *f)
{
    const size_t n = (size_t)f->channels.n_channels;
    ARENA_NEW(&f->scratch, f->zeros, n);
    ARENA_NEW(&f->scratch, f->successor, n);
    ARENA_NEW(&f->scratch, f->predecessor, n);
    ARENA_NEW(&f->scratch, f->chain_of, n);
    for (size_t i = 0; i < n; i++) {
        f->zeros[i] = true;
        f->successor[i] = f->predecessor[i] = f->chain_of[i] = UNSEEN;
    }
    for (int r = 0; r < f->channels.n_runs; r++) {
        const struct channel_run *run = &f->channels.runs[r];
        int before = BREAK;
        for (int i = 0; i < run->count; i++) {
            const int class = channel_find(&f->channels, run->first + i);
            const int after =
                i + 1 < run->count ? channel_find(&f->channels, run->first + i + 1) : BREAK;
            note_neighbour(f->predecessor, class, before);
            note_neighbour(f->successor, class, after);
            before = class;
            if (!run->zeros) {
                f->zeros[class] = false;
            }
        }
    }
    return OK;
}

// The class after `class` in its chain, BREAK at the chain's end.
static int next_in_chain(const struct finder *f, int class)
{
    const int next = f->successor[class];
    return next >= 0 && f->predecessor[next] == class && f->zeros[next] == f->zeros[class] ? next
                                                                                           : BREAK;
}

// A slice ends the chains at its borders, so that it holds whole ones.
static void break_at_slices(struct finder *f)
{
    for (int i = 0; i < f->graph->n_nodes; i++) {
        const struct node *node = &f->graph->nodes[i];
        if (node_type_of(node->kind)->cuts) {
            const int *list = f->channels.outputs[i];
            f->predecessor[channel_find(&f->channels, list[0])] = BREAK;
            f->successor[channel_find(&f->channels, list[node->c - 1])] = BREAK;
        }
    }
}

static enum status find_chains(struct finder *f)
{
    ARENA_NEW(&f->scratch, f->chains, (size_t)f->channels.n_channels);
    for (int r = 0; r < f->channels.n_runs; r++) {
        const struct channel_run *run = &f->channels.runs[r];
        if (run->zeros) {
            continue; // its zeros are in somebody's chain or in none
        }
        for (int i = 0; i < run->count;) {
            int class = channel_find(&f->channels, run->first + i);
            if (f->chain_of[class] == UNSEEN) {
                struct chain *chain = &f->chains[f->n_chains];
                *chain = (struct chain){.node = run->node, .offset = i, .equal_parts = 1};
                for (; class != BREAK; class = next_in_chain(f, class)) {
                    f->chain_of[class] = f->n_chains;
                    chain->count++;
                }
                f->n_chains++;
            }
            struct chain *chain =
                &f->chains[f->chain_of[channel_find(&f->channels, run->first + i)]];
            chain->places++;
            i += chain->count;
        }
    }
    return OK;
}

// The channel list of a node's output as chains (`group` holds the chain) and zeros; returns how
// many. Neighbouring zeros are one segment.
static int list_segments(const struct finder *f, int node, struct segment *segments)
{
    const int *list = f->channels.outputs[node];
    int n = 0;
    for (int i = 0; i < f->graph->nodes[node].c;) {
        const int class = channel_find(&f->channels, list[i]);
        if (f->zeros[class]) {
            if (n == 0 || segments[n - 1].group != SEGMENT_ZEROS) {
                segments[n++] = (struct segment){.group = SEGMENT_ZEROS};
            }
            segments[n - 1].count++;
            i++;
            continue;
        }
        const int chain = f->chain_of[class];
        segments[n++] = (struct segment){.group = chain, .count = f->chains[chain].count};
        i += f->chains[chain].count;
    }
    return n;
}

// Freezes every chain of a tensor's channel list; returns whether any was not frozen before.
static bool freeze_list(struct finder *f, int node)
{
    const int n = list_segments(f, node, f->segments);
    bool froze = false;
    for (int i = 0; i < n; i++) {
        if (f->segments[i].group >= 0 && !f->chains[f->segments[i].group].frozen) {
            froze = f->chains[f->segments[i].group].frozen = true;
        }
    }
    return froze;
}

static int greatest_divisor(int a, int b)
{
    while (b != 0) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// A convolution of `parts` groups splits this channel list into equal parts, which must stay
// equally wide. That holds of itself when the list is one chain, `n` times over, whose equal parts
// keep equal counts. Any other list is frozen. Returns whether that froze anything new.
static bool demand_equal_parts(struct finder *f, int node, int parts)
{
    const int n = list_segments(f, node, f->segments);
    bool one_chain = true;
    for (int i = 0; i < n; i++) {
        const int chain = f->segments[i].group;
        one_chain =
            one_chain && chain == f->segments[0].group && chain >= 0 && !f->chains[chain].frozen;
    }
    if (one_chain) {
        struct chain *chain = &f->chains[f->segments[0].group];
        const int p = parts / greatest_divisor(n, parts);
        chain->equal_parts = chain->equal_parts / greatest_divisor(chain->equal_parts, p) * p;
        one_chain = chain->equal_parts < chain->count; // else only the full width is left
    }
    return !one_chain && freeze_list(f, node);
}

// A convolution of several groups, which is no filter of single channels.
static bool reads_in_parts(const struct graph *graph, int node)
{
    const struct node *n = &graph->nodes[node];
    return n->groups > 1 && graph_reads_channels(graph, node);
}

// What the convolutions of several groups demand; returns whether that froze anything new.
static bool demand_of_node(struct finder *f, int node)
{
    const struct node *n = &f->graph->nodes[node];
    if (!reads_in_parts(f->graph, node)) {
        return false;
    }
    if (graph_is_depthwise(f->graph, node)) { // several outputs per channel: their count is fixed
        const bool froze = freeze_list(f, n->inputs[0]);
        return freeze_list(f, node) || froze;
    }
    const bool froze = demand_equal_parts(f, n->inputs[0], n->groups);
    return demand_equal_parts(f, node, n->groups) || froze;
}

static void find_constraints(struct finder *f)
{
    const struct graph *graph = f->graph;
    for (int i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        const struct node_type *type = node_type_of(node->kind);
        for (int k = 0; type->freezes && k < node->n_inputs; k++) {
            freeze_list(f, node->inputs[k]);
        }
        if (type->freezes || graph_is_output(graph, i)) {
            freeze_list(f, i);
        }
        const int n = list_segments(f, i, f->segments);
        for (int k = 0; k < n && type->adds; k++) {
            if (f->segments[k].group >= 0) {
                f->chains[f->segments[k].group].on_sum = true;
            }
        }
    }
    // Freezing one chain can make another's list mixed, so until nothing changes.
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < graph->n_nodes; i++) {
            again = demand_of_node(f, i) || again;
        }
    }
}

static enum status fill_members(const struct finder *f, const struct chain *chain,
                                struct arena *arena, struct channel_group *group)
{
    int *members;
    ARENA_NEW(arena, members, (size_t)chain->places);
    for (int i = 0; i < f->graph->n_nodes; i++) {
        if (f->graph->nodes[i].n_inputs == 0 || !channel_is_produced(f->graph, i)) {
            continue;
        }
        const int n = list_segments(f, i, f->segments);
        for (int k = 0; k < n; k++) {
            if (f->segments[k].group == (int)(chain - f->chains)) {
                members[group->n_members++] = i;
                break;
            }
        }
    }
    group->members = members;
    return OK;
}

static enum status fill_groups(struct finder *f, struct groups *out)
{
    ARENA_NEW(&out->arena, out->groups, (size_t)f->n_chains);
    for (int i = 0; i < f->n_chains; i++) {
        struct chain *chain = &f->chains[i];
        chain->group = chain->frozen ? SEGMENT_FROZEN : out->n;
        if (chain->frozen) {
            continue;
        }
        struct channel_group *group = &out->groups[out->n++];
        *group = (struct channel_group){
            .channels = chain->count, .equal_parts = chain->equal_parts, .inner = !chain->on_sum};
        const struct node *node = &f->graph->nodes[chain->node];
        group->name = chain->count == node->c
                          ? arena_copy_text(&out->arena, node->name)
                          : arena_format(&out->arena, "%s:%d-%d", node->name, chain->offset,
                                         chain->offset + chain->count);
        if (group->name == NULL) {
            return ERR_MEMORY;
        }
        TRY(fill_members(f, chain, &out->arena, group));
    }
    return OK;
}

// Turns chains into groups in every node's list; neighbouring frozen segments become one.
static enum status fill_outputs(const struct finder *f, struct groups *out)
{
    ARENA_NEW(&out->arena, out->outputs, (size_t)f->graph->n_nodes);
    for (int i = 0; i < f->graph->n_nodes; i++) {
        const int n = list_segments(f, i, f->segments);
        int merged = 0;
        for (int k = 0; k < n; k++) {
            struct segment segment = f->segments[k];
            segment.group = segment.group >= 0 ? f->chains[segment.group].group : SEGMENT_ZEROS;
            if (merged > 0 && segment.group == SEGMENT_FROZEN &&
                f->segments[merged - 1].group == SEGMENT_FROZEN) {
                f->segments[merged - 1].count += segment.count;
            } else {
                f->segments[merged++] = segment;
            }
        }
        struct segment *segments;
        ARENA_NEW(&out->arena, segments, (size_t)merged);
        memcpy(segments, f->segments, (size_t)merged * sizeof *segments);
        out->outputs[i] = (struct segment_list){.segments = segments, .n = merged};
    }
    return OK;
}

static enum status find_all(struct finder *f, struct groups *out)
{
    TRY(channel_union_build(f->graph, &f->scratch, &f->channels));
    int widest = 1;
    for (int i = 0; i < f->graph->n_nodes; i++) {
        widest = f->graph->nodes[i].c > widest ? f->graph->nodes[i].c : widest;
    }
    ARENA_NEW(&f->scratch, f->segments, (size_t)widest);
    TRY(find_neighbours(f));
    break_at_slices(f);
    TRY(find_chains(f));
    find_constraints(f);
    TRY(fill_groups(f, out));
    return fill_outputs(f, out);
}

enum status groups_find(const struct graph *graph, struct groups *out)
{
    struct finder finder = {.graph = graph};
    struct groups groups = {0};
    const enum status status = find_all(&finder, &groups);
    arena_close(&finder.scratch);
    if (status != OK) {
        groups_close(&groups);
        return status;
    }
    *out = groups;
    return OK;
}

void groups_close(struct groups *groups)
{
    arena_close(&groups->arena);
    *groups = (struct groups){0};
}

int groups_find_name(const struct groups *groups, const char *name)
{
    for (int i = 0; i < groups->n; i++) {
        if (strcmp(groups->groups[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}
