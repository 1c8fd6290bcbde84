// What the tests of spaces ask of every space.
#pragma once
#include "core/text.h"
#include "search_space/cost.h"
#include "search_space/nas_wall.h"

// The space with its default options.
struct nas_space nas_case_open(enum nas_space_kind kind, int h, int w, int c, int classes);

// The same with options as JSON.
struct nas_space nas_case_open_with(enum nas_space_kind kind, const char *options,
                                    const struct nas_input *input);

// Network `number` of a small space of this kind on 8x8x3 images with 5 classes, closed by the
// caller: the least, the greatest, then random ones. Between them they have all that the space can
// put into a network.
void nas_case_network(enum nas_space_kind kind, uint64_t number, struct graph *out);

// The graph of a choice as text, owned by the caller, and what it costs.
struct text nas_case_graph(const struct nas_space *space, const int16_t *choice,
                           struct nas_cost *cost);

// `n` random choices: built, costed exactly, parameters nested in those of the covering choices;
// canonical forms cost the same as what they stand for and are canonical themselves.
void nas_case_random(const struct nas_space *space, int n, uint64_t seed);

// `n` episodes of random legal choices under random limits on all costs: none empty, none above.
void nas_case_episodes(const struct nas_space *space, int n, uint64_t seed);

// A choice is legal exactly where some completion keeps the limits, by trying all; so for small
// spaces only.
void nas_case_exact(const struct nas_space *space, int n, uint64_t seed);
