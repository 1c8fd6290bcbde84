// The exact budget wall of a space of architectures: which choices of a decision are legal, given
// what is decided and the least that the rest can cost. No sequence of legal choices ever exceeds a
// limit. Costs of units are found out once, by building them, and kept.
#pragma once
#include "search_space/nas_space.h"

struct nas_wall;
// space: borrowed.
enum status nas_wall_open(const struct nas_space *space, struct nas_wall **out);
void nas_wall_close(struct nas_wall *wall); // NULL is fine

// What the network of a choice costs; equal to what cost_of_graph counts on its graph.
enum status nas_wall_cost(struct nas_wall *wall, const int16_t *choice, struct nas_cost *out);
// Limits: INT64_MAX = none. legal[i] [n_choices] = 1 where choice i of decision `step` keeps every
// limit reachable, the decisions before it being as in choice [n_decisions] and later ones free.
// Where nothing depends on the decision any more (a layer that was left out), only the canonical
// choice is legal. Never all 0 after legal choices within limits that the least network
// (nas_space_least) keeps.
enum status nas_wall_legal(struct nas_wall *wall, const struct nas_cost *limits,
                           const int16_t *choice, int step, uint8_t *legal);
