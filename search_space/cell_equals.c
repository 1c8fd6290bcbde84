// Which cells are one network. A cell computes a sum of terms: its input, and operations on other
// such sums. Convolutions are terms of their own, since each has its weights; equal poolings are
// one term; skips and sums vanish into the terms they pass on, zeros and what only reads or feeds
// nothing vanish. What is left is a small graph of terms, which is told from others by colours of
// its terms, refined along both directions (Weisfeiler & Leman 1968) until they can differ no more.
#include "core/hash.h"
#include "search_space/nas_cell.h"

#include <stdbool.h>
#include <stdlib.h>

const struct cell_edge cell_edges[CELL_EDGES] = {{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}};

enum { INPUT_TERM = 0, MOST_TERMS = CELL_EDGES + 1 };
// How often each term occurs in a sum.
struct sum {
    int8_t times[MOST_TERMS];
};
struct terms {
    int n;
    int operation[MOST_TERMS];
    struct sum source[MOST_TERMS];
    struct sum output;
    bool lives[MOST_TERMS]; // the output depends on it
};

static bool is_zero(const struct sum *sum)
{
    static const struct sum zero;
    return memcmp(sum, &zero, sizeof zero) == 0;
}

static int find_term(struct terms *terms, int operation, const struct sum *source)
{
    for (int t = 1; t < terms->n && operation == CELL_POOL; t++) {
        if (terms->operation[t] == CELL_POOL &&
            memcmp(&terms->source[t], source, sizeof *source) == 0) {
            return t;
        }
    }
    terms->operation[terms->n] = operation;
    terms->source[terms->n] = *source;
    return terms->n++;
}

static void find_terms(const int *operations, struct terms *terms)
{
    struct sum nodes[CELL_NODES] = {{{[INPUT_TERM] = 1}}};
    *terms = (struct terms){.n = 1};
    for (int e = 0; e < CELL_EDGES; e++) {
        const struct sum *from = &nodes[cell_edges[e].from];
        struct sum *to = &nodes[cell_edges[e].to];
        if (operations[e] == CELL_NONE || is_zero(from)) {
            continue;
        }
        if (operations[e] == CELL_SKIP) {
            for (int t = 0; t < MOST_TERMS; t++) {
                to->times[t] = (int8_t)(to->times[t] + from->times[t]);
            }
        } else {
            to->times[find_term(terms, operations[e], from)]++;
        }
    }
    terms->output = nodes[CELL_NODES - 1];
    for (int t = terms->n - 1; t >= 0; t--) { // terms read earlier ones only
        terms->lives[t] = terms->output.times[t] > 0;
        for (int u = t + 1; u < terms->n; u++) {
            terms->lives[t] = terms->lives[t] || (terms->lives[u] && terms->source[u].times[t] > 0);
        }
    }
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    const uint64_t both[2] = {a, b};
    return hash_words(HASH_BEGIN, both, sizeof both);
}

// What the colours around a term say: sums, so that order does not matter.
static uint64_t new_colour(const struct terms *terms, const uint64_t *colours, int term)
{
    uint64_t reads = 0, feeds = 0;
    for (int t = 0; t < terms->n; t++) {
        if (!terms->lives[t]) {
            continue;
        }
        reads += (uint64_t)terms->source[term].times[t] * mix(colours[t], 1);
        feeds += (uint64_t)terms->source[t].times[term] * mix(colours[t], 2);
    }
    const uint64_t put_out = (uint64_t)terms->output.times[term];
    return mix(mix(colours[term], put_out), mix(reads, feeds));
}

static uint64_t colour_of_cell(const int *operations)
{
    enum { ROUNDS = CELL_EDGES };
    struct terms terms;
    uint64_t colours[MOST_TERMS] = {0}, next[MOST_TERMS] = {0}, sum = 0;
    find_terms(operations, &terms);
    for (int t = 0; t < terms.n; t++) {
        colours[t] = (uint64_t)terms.operation[t];
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int t = 0; t < terms.n; t++) {
            next[t] = terms.lives[t] ? new_colour(&terms, colours, t) : 0;
        }
        memcpy(colours, next, sizeof colours);
    }
    for (int t = 0; t < terms.n; t++) {
        sum += terms.lives[t] ? mix(colours[t], 3) : 0;
    }
    return sum;
}

struct coloured_cell {
    uint64_t colour;
    int work; // more where an edge is more than it need be
    int cell;
};

static int compare(const void *left, const void *right)
{
    const struct coloured_cell *a = left, *b = right;
    if (a->colour != b->colour) {
        return a->colour < b->colour ? -1 : 1;
    }
    return a->work != b->work ? a->work - b->work : a->cell - b->cell;
}

enum status cell_find_equals(struct arena *arena, const int16_t **representative)
{
    struct coloured_cell *cells;
    int16_t *found;
    ARENA_NEW(arena, cells, CELL_CELLS);
    ARENA_NEW(arena, found, CELL_CELLS);
    for (int cell = 0; cell < CELL_CELLS; cell++) {
        int operations[CELL_EDGES], work = 0;
        for (int e = CELL_EDGES - 1, rest = cell; e >= 0; e--, rest /= CELL_OPERATIONS) {
            operations[e] = rest % CELL_OPERATIONS;
            work += operations[e];
        }
        cells[cell] = (struct coloured_cell){colour_of_cell(operations), work, cell};
    }
    qsort(cells, CELL_CELLS, sizeof *cells, compare);
    int first = 0;
    for (int i = 0; i < CELL_CELLS; i++) {
        first = cells[i].colour == cells[first].colour ? first : i;
        found[cells[i].cell] = (int16_t)cells[first].cell;
    }
    *representative = found;
    return OK;
}
