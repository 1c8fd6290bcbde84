// The wall of a space of architectures, and what its units cost. Every distinct unit is built once,
// as a graph of its own; a network costs the sum of its units.
#include "search_space/nas_wall.h"

#include "core/hash.h"
#include "search_space/cost.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

// Stage and layer only name a unit. All fields are ints, so there are no gaps between them.
#define KEY_BYTES offsetof(struct nas_unit, stage)

struct known_unit {
    struct nas_unit unit;
    struct nas_cost cost;
    bool used;
};
struct nas_wall {
    const struct nas_space *space; // borrowed
    struct known_unit *known;      // open addressing; owned
    size_t n_known, capacity;      // a power of two, never more than half full
    struct nas_unit units[NAS_MOST_UNITS];
};

enum { FIRST_CAPACITY = 256 };

enum status nas_wall_open(const struct nas_space *space, struct nas_wall **out)
{
    struct nas_wall *wall = calloc(1, sizeof *wall);
    struct known_unit *known = calloc(FIRST_CAPACITY, sizeof *known);
    if (wall == NULL || known == NULL) {
        free(wall);
        free(known);
        FAIL(ERR_MEMORY, "no memory for the costs of space %s", space->type->name);
    }
    wall->space = space;
    wall->known = known;
    wall->capacity = FIRST_CAPACITY;
    *out = wall;
    return OK;
}

void nas_wall_close(struct nas_wall *wall)
{
    if (wall != NULL) {
        free(wall->known);
        free(wall);
    }
}

// The unit's place, or the free one where it belongs.
static struct known_unit *find_place(struct known_unit *known, size_t capacity,
                                     const struct nas_unit *unit)
{
    size_t at = hash_words(HASH_BEGIN, unit, KEY_BYTES) & (capacity - 1);
    while (known[at].used && memcmp(&known[at].unit, unit, KEY_BYTES) != 0) {
        at = (at + 1) & (capacity - 1);
    }
    return &known[at];
}

static enum status make_room(struct nas_wall *wall)
{
    if (2 * (wall->n_known + 1) <= wall->capacity) {
        return OK;
    }
    const size_t capacity = 2 * wall->capacity;
    struct known_unit *known = calloc(capacity, sizeof *known);
    if (known == NULL) {
        FAIL(ERR_MEMORY, "no memory for the costs of %zu units", wall->n_known + 1);
    }
    for (size_t i = 0; i < wall->capacity; i++) {
        if (wall->known[i].used) {
            *find_place(known, capacity, &wall->known[i].unit) = wall->known[i];
        }
    }
    free(wall->known);
    wall->known = known;
    wall->capacity = capacity;
    return OK;
}

static enum status build_unit(const struct nas_space *space, const struct nas_unit *unit,
                              struct nas_cost *cost)
{
    struct graph graph;
    int output;
    TRY(graph_begin(&graph, unit->h, unit->w, unit->c));
    enum status status = space->type->build(space, unit, &graph, 0, &output);
    if (status == OK) {
        status = graph_finish(&graph);
    }
    if (status == OK) {
        const struct network_cost counted = cost_of_graph(&graph);
        cost->of[COST_MACS] = counted.macs;
        cost->of[COST_PARAMS] = counted.params;
        cost->of[COST_BYTES] = (int64_t)(graph.n_floats * sizeof(float));
    }
    graph_close(&graph);
    return status;
}

static enum status cost_unit(struct nas_wall *wall, const struct nas_unit *unit,
                             const struct nas_cost **out)
{
    struct known_unit *place = find_place(wall->known, wall->capacity, unit);
    if (!place->used) {
        TRY(make_room(wall));
        place = find_place(wall->known, wall->capacity, unit);
        TRY(build_unit(wall->space, unit, &place->cost));
        place->unit = *unit;
        place->used = true;
        wall->n_known++;
    }
    *out = &place->cost;
    return OK;
}

enum status nas_wall_cost(struct nas_wall *wall, const int16_t *choice, struct nas_cost *out)
{
    struct nas_cost sum = {{0}};
    const int n = nas_space_units(wall->space, choice, wall->units);
    for (int u = 0; u < n; u++) {
        const struct nas_cost *cost;
        TRY(cost_unit(wall, &wall->units[u], &cost));
        for (int k = 0; k < COST_KINDS; k++) {
            sum.of[k] += cost->of[k];
        }
    }
    *out = sum;
    return OK;
}

static bool keeps(const struct nas_cost *cost, const struct nas_cost *limits)
{
    for (int k = 0; k < COST_KINDS; k++) {
        if (cost->of[k] > limits->of[k]) {
            return false;
        }
    }
    return true;
}

// Does nothing depend on decision `step`? It does if networks differ by it whose later decisions
// are the greatest, which leave nothing out.
static bool is_idle(const struct nas_space *space, const int16_t *choice, int step)
{
    const size_t bytes = (size_t)space->n_decisions * sizeof *choice;
    int16_t first[NAS_MOST_DECISIONS], other[NAS_MOST_DECISIONS];
    for (int i = 0; i < space->decisions[step].n_choices; i++) {
        memcpy(other, choice, (size_t)step * sizeof *choice);
        for (int d = step; d < space->n_decisions; d++) {
            other[d] = (int16_t)(d == step ? i : space->decisions[d].n_choices - 1);
        }
        nas_space_canonical(space, other);
        if (i == 0) {
            memcpy(first, other, bytes);
        } else if (memcmp(first, other, bytes) != 0) {
            return false;
        }
    }
    return true;
}

enum status nas_wall_legal(struct nas_wall *wall, const struct nas_cost *limits,
                           const int16_t *choice, int step, uint8_t *legal)
{
    const struct nas_space *space = wall->space;
    CHECK(step >= 0 && step < space->n_decisions);
    const int n = space->decisions[step].n_choices;
    const bool idle = is_idle(space, choice, step);
    int16_t with[NAS_MOST_DECISIONS];
    memcpy(with, choice, (size_t)step * sizeof *choice);
    for (int d = step; d < space->n_decisions; d++) {
        with[d] = (int16_t)space->decisions[d].least;
    }
    for (int i = 0; i < n; i++) {
        struct nas_cost cost;
        with[step] = (int16_t)i;
        TRY(nas_wall_cost(wall, with, &cost));
        legal[i] = keeps(&cost, limits) && (!idle || i == space->decisions[step].least);
    }
    return OK;
}
