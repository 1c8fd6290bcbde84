// Recipes of sampling.
#include "train/supernet_draw.h"

#include "core/rng.h"

#include <math.h>

static int networks_of(const struct supernet_recipe *recipe)
{
    if (recipe->networks > 0) {
        return recipe->networks;
    }
    return recipe->sampling == SUPERNET_SANDWICH ? 4 : 1;
}

static struct rng stream(const struct supernet_recipe *recipe, int64_t step, int number)
{
    return rng_make(recipe->train.seed, RNG_SUPERNET, (uint64_t)step, (uint32_t)number);
}

static void draw_random(const struct supernet_recipe *recipe, const struct nas_space *space,
                        int64_t step, struct supernet_draw *out, int first, int end)
{
    for (int i = first; i < end; i++) {
        struct rng rng = stream(recipe, step, i);
        nas_space_random(space, &rng, out->choices[i]);
    }
}

// Every decision goes through its choices in an order of its own; one with fewer choices than
// others begins again, in another order.
static void draw_fair(const struct supernet_recipe *recipe, const struct nas_space *space,
                      int64_t step, struct supernet_draw *out)
{
    out->n = 0;
    for (int d = 0; d < space->n_decisions; d++) {
        const int n = space->decisions[d].n_choices;
        out->n = n > out->n ? n : out->n;
    }
    for (int d = 0; d < space->n_decisions; d++) {
        const int n = space->decisions[d].n_choices;
        struct rng rng = stream(recipe, step, d);
        int32_t order[NAS_MOST_CHOICES];
        for (int i = 0; i < out->n; i++) {
            if (i % n == 0) {
                for (int k = 0; k < n; k++) {
                    order[k] = k;
                }
                rng_shuffle(&rng, order, (size_t)n);
            }
            out->choices[i][d] = (int16_t)order[i % n];
        }
    }
    for (int i = 0; i < out->n; i++) {
        nas_space_canonical(space, out->choices[i]);
    }
}

static void draw_sandwich(const struct supernet_recipe *recipe, const struct nas_space *space,
                          int64_t step, struct supernet_draw *out)
{
    out->n = networks_of(recipe);
    out->has_largest = true;
    nas_space_greatest(space, out->choices[0]);
    nas_space_least(space, out->choices[1]);
    draw_random(recipe, space, step, out, 2, out->n);
}

enum { PHASES = 3 }; // after the largest network alone
// In which of them a decision becomes free.
static int phase_of(enum nas_role role)
{
    switch (role) {
    case NAS_KERNEL:
    case NAS_OPERATION:
        return 0;
    case NAS_DEPTH:
        return 1;
    default:
        return 2;
    }
}

// How many of a decision's choices are free, from the last one down: of a phase that is under way
// two at first, then one after the other.
static int free_choices(const struct nas_decision *decision, double phases)
{
    const double into = phases - phase_of(decision->role);
    if (into < 0) {
        return 1;
    }
    const int n = 2 + (int)floor(into * (decision->n_choices - 1));
    return n < decision->n_choices ? n : decision->n_choices;
}

static void draw_gradual(const struct supernet_recipe *recipe, const struct nas_space *space,
                         int64_t step, double done, struct supernet_draw *out)
{
    const double share = recipe->full_share;
    out->has_largest = done < share || recipe->train.distill > 0;
    out->n = out->has_largest ? 1 : 0;
    if (out->has_largest) {
        nas_space_greatest(space, out->choices[0]);
    }
    if (done < share) {
        return;
    }
    const double phases = PHASES * (done - share) / (1 - share);
    for (int i = 0; i < networks_of(recipe); i++, out->n++) {
        struct rng rng = stream(recipe, step, out->n);
        int16_t *choice = out->choices[out->n];
        for (int d = 0; d < space->n_decisions; d++) {
            const struct nas_decision *decision = &space->decisions[d];
            const uint32_t n = (uint32_t)free_choices(decision, phases);
            choice[d] = (int16_t)(decision->n_choices - 1 - (int)rng_below(&rng, n));
        }
        nas_space_canonical(space, choice);
    }
}

void supernet_draw(const struct supernet_recipe *recipe, const struct nas_space *space,
                   int64_t step, double done, struct supernet_draw *out)
{
    out->has_largest = false;
    switch (recipe->sampling) {
    case SUPERNET_SINGLE:
        out->n = networks_of(recipe);
        draw_random(recipe, space, step, out, 0, out->n);
        break;
    case SUPERNET_FAIR:
        draw_fair(recipe, space, step, out);
        break;
    case SUPERNET_SANDWICH:
        draw_sandwich(recipe, space, step, out);
        break;
    case SUPERNET_GRADUAL:
        draw_gradual(recipe, space, step, done, out);
        break;
    }
    out->teaches = out->has_largest && out->n > 1 && recipe->train.distill > 0;
}
