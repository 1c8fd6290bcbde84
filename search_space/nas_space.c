// Spaces of architectures: what they have in common.
#include "search_space/nas_space.h"

#include <string.h>

const struct nas_space_type *const nas_spaces[] = {
#define X(id, name) &nas_##name,
    NAS_SPACE_LIST(X)
#undef X
        NULL};

const char *const nas_space_names[] = {
#define X(id, name) #name,
    NAS_SPACE_LIST(X)
#undef X
        NULL};

static enum status open_type(struct nas_space *space, const void *options)
{
    const struct nas_space_type *type = space->type;
    if (options == NULL && type->options != NULL) {
        void *defaults = arena_alloc(&space->arena, 1, type->options_bytes);
        if (defaults == NULL) {
            return ERR_MEMORY;
        }
        option_defaults(type->options, defaults);
        options = defaults;
    }
    return type->open(space, options);
}

static enum status check_decisions(const struct nas_space *space)
{
    CHECK(space->n_decisions >= 0 && space->n_decisions <= NAS_MOST_DECISIONS);
    if (space->n_decisions == 0) {
        FAIL(ERR_CONFIG, "there is nothing to choose: no option has two values");
    }
    for (int d = 0; d < space->n_decisions; d++) {
        const struct nas_decision *decision = &space->decisions[d];
        CHECK(decision->n_choices >= 2 && decision->n_choices <= NAS_MOST_CHOICES);
        CHECK(decision->least >= 0 && decision->least < decision->n_choices);
    }
    return OK;
}

// Whatever the greatest network cannot do on this input is said before anything begins.
static enum status check_greatest(const struct nas_space *space)
{
    int16_t choice[NAS_MOST_DECISIONS];
    struct graph graph = {0};
    nas_space_greatest(space, choice);
    TRY(nas_space_build(space, choice, &graph));
    graph_close(&graph);
    return OK;
}

enum status nas_space_open(const struct nas_space_type *type, const void *options,
                           const struct nas_input *input, struct nas_space *out)
{
    if (input->h < 1 || input->w < 1 || input->c < 1 || input->classes < 1) {
        FAIL(ERR_CONFIG, "space %s: an input of %dx%dx%d with %d classes; all must be at least 1",
             type->name, input->h, input->w, input->c, input->classes);
    }
    struct nas_space space = {.type = type, .input = *input};
    enum status status = open_type(&space, options);
    status = status == OK ? check_decisions(&space) : status;
    status = status == OK ? check_greatest(&space) : status;
    if (status != OK) {
        nas_space_close(&space);
        return status_context(status, "space %s on %dx%dx%d", type->name, input->h, input->w,
                              input->c);
    }
    *out = space;
    return OK;
}

void nas_space_close(struct nas_space *space)
{
    arena_close(&space->arena);
    *space = (struct nas_space){0};
}

void nas_space_canonical(const struct nas_space *space, int16_t *choice)
{
    for (int d = 0; d < space->n_decisions; d++) {
        CHECK(choice[d] >= 0 && choice[d] < space->decisions[d].n_choices);
    }
    if (space->type->canonical != NULL) {
        space->type->canonical(space, choice);
    }
}

bool nas_space_decides(const struct nas_space *space, const int16_t *choice, int decision)
{
    int16_t taken[NAS_MOST_DECISIONS], other[NAS_MOST_DECISIONS];
    const size_t bytes = (size_t)space->n_decisions * sizeof *choice;
    memcpy(taken, choice, bytes);
    nas_space_canonical(space, taken);
    for (int i = 0; i < space->decisions[decision].n_choices; i++) {
        memcpy(other, taken, bytes);
        other[decision] = (int16_t)i;
        nas_space_canonical(space, other);
        if (memcmp(taken, other, bytes) != 0) {
            return true;
        }
    }
    return false;
}

int nas_space_units(const struct nas_space *space, const int16_t *choice, struct nas_unit *units)
{
    int16_t canonical[NAS_MOST_DECISIONS];
    memcpy(canonical, choice, (size_t)space->n_decisions * sizeof *choice);
    nas_space_canonical(space, canonical);
    const int n = space->type->units(space, canonical, units);
    CHECK(n >= 1 && n <= NAS_MOST_UNITS);
    return n;
}

static bool is_shape(const struct graph *graph, int node, int h, int w, int c)
{
    const struct node *n = &graph->nodes[node];
    return n->h == h && n->w == w && n->c == c;
}

static enum status add_units(const struct nas_space *space, const struct nas_unit *units, int n,
                             struct graph *graph)
{
    int node = 0;
    for (int u = 0; u < n; u++) {
        const struct nas_unit *unit = &units[u];
        CHECK(is_shape(graph, node, unit->h, unit->w, unit->c));
        TRY(space->type->build(space, unit, graph, node, &node));
        CHECK(is_shape(graph, node, unit->out_h, unit->out_w, unit->out_c));
    }
    return graph_finish(graph);
}

enum status nas_space_build(const struct nas_space *space, const int16_t *choice, struct graph *out)
{
    struct nas_unit units[NAS_MOST_UNITS];
    const int n = nas_space_units(space, choice, units);
    struct graph graph;
    TRY(graph_begin(&graph, space->input.h, space->input.w, space->input.c));
    const enum status status = add_units(space, units, n, &graph);
    if (status != OK) {
        graph_close(&graph);
        return status;
    }
    *out = graph;
    return OK;
}

void nas_space_greatest(const struct nas_space *space, int16_t *choice)
{
    for (int d = 0; d < space->n_decisions; d++) {
        choice[d] = (int16_t)(space->decisions[d].n_choices - 1);
    }
    nas_space_canonical(space, choice);
}

void nas_space_least(const struct nas_space *space, int16_t *choice)
{
    for (int d = 0; d < space->n_decisions; d++) {
        choice[d] = (int16_t)space->decisions[d].least;
    }
    nas_space_canonical(space, choice);
}

bool nas_space_cover(const struct nas_space *space, int number, int16_t *choice)
{
    if (space->type->cover != NULL) {
        return space->type->cover(space, number, choice);
    }
    if (number > 0) {
        return false;
    }
    nas_space_greatest(space, choice);
    return true;
}

void nas_space_random(const struct nas_space *space, struct rng *rng, int16_t *choice)
{
    for (int d = 0; d < space->n_decisions; d++) {
        choice[d] = (int16_t)rng_below(rng, (uint32_t)space->decisions[d].n_choices);
    }
    nas_space_canonical(space, choice);
}
