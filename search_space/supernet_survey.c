// Which units a space's choices have, each once.
#include "core/hash.h"
#include "search_space/supernet_layout.h"

#include <stdlib.h>
#include <string.h>

struct survey {
    const struct nas_space *space;
    enum status (*visit)(void *context, const struct graph *graph);
    void *context;
    struct nas_unit *seen; // open addressing; out_c 0: free
    size_t slots, n;
};

static size_t slot_of(const struct survey *survey, const struct nas_unit *unit)
{
    size_t slot = hash_bytes(HASH_BEGIN, unit, sizeof *unit) % survey->slots;
    while (survey->seen[slot].out_c != 0 &&
           memcmp(&survey->seen[slot], unit, sizeof *unit) != 0) { // ints alone, no gaps
        slot = (slot + 1) % survey->slots;
    }
    return slot;
}

static enum status grow(struct survey *survey)
{
    struct nas_unit *old = survey->seen;
    const size_t n_old = survey->slots;
    survey->slots = n_old > 0 ? 2 * n_old : 1024;
    survey->seen = calloc(survey->slots, sizeof *survey->seen);
    if (survey->seen == NULL) {
        survey->seen = old;
        FAIL(ERR_MEMORY, "no memory for a space of %zu units", n_old);
    }
    for (size_t i = 0; i < n_old; i++) {
        if (old[i].out_c != 0) {
            survey->seen[slot_of(survey, &old[i])] = old[i];
        }
    }
    free(old);
    return OK;
}

static enum status visit_unit(struct survey *survey, const struct nas_unit *unit)
{
    struct graph graph = {0};
    int output;
    enum status status;
    TRY_GOTO(status, graph_begin(&graph, unit->h, unit->w, unit->c), done);
    TRY_GOTO(status, survey->space->type->build(survey->space, unit, &graph, 0, &output), done);
    TRY_GOTO(status, graph_finish(&graph), done);
    status = survey->visit(survey->context, &graph);
done:
    graph_close(&graph);
    return status;
}

static enum status note_choice(struct survey *survey, const int16_t *choice)
{
    struct nas_unit units[NAS_MOST_UNITS];
    const int n = nas_space_units(survey->space, choice, units);
    for (int u = 0; u < n; u++) {
        if (2 * survey->n >= survey->slots) {
            TRY(grow(survey));
        }
        const size_t slot = slot_of(survey, &units[u]);
        if (survey->seen[slot].out_c == 0) {
            survey->seen[slot] = units[u];
            survey->n++;
            TRY(visit_unit(survey, &units[u]));
        }
    }
    return OK;
}

// Every choice of the two decisions, the others as they are.
static enum status note_pair(struct survey *survey, int a, int b, int16_t *choice)
{
    const struct nas_decision *decisions = survey->space->decisions;
    const int16_t before[2] = {choice[a], choice[b]};
    for (int i = 0; i < decisions[a].n_choices; i++) {
        for (int k = 0; k < decisions[b].n_choices; k++) {
            choice[a] = (int16_t)i;
            choice[b] = (int16_t)k;
            TRY(note_choice(survey, choice));
        }
    }
    choice[b] = before[1];
    choice[a] = before[0];
    return OK;
}

static enum status note_all(struct survey *survey)
{
    int16_t choice[NAS_MOST_DECISIONS];
    const int n = survey->space->n_decisions;
    for (int cover = 0; nas_space_cover(survey->space, cover, choice); cover++) {
        TRY(note_choice(survey, choice));
        for (int a = 0; a < n; a++) {
            for (int b = a + 1; b < n; b++) {
                TRY(note_pair(survey, a, b, choice));
            }
        }
    }
    return OK;
}

enum status supernet_survey(const struct nas_space *space,
                            enum status (*visit)(void *context, const struct graph *graph),
                            void *context)
{
    struct survey survey = {.space = space, .visit = visit, .context = context};
    const enum status status = note_all(&survey);
    free(survey.seen);
    return status;
}
