// The exact budget wall: which widths of a group are legal, given what is decided and the least the
// rest can cost. No sequence of legal choices ever exceeds the budget.
#pragma once
#include "search_space/cost.h"

struct wall_options {
    int round_to;       // widths are multiples of it (or the full width)
    double least_share; // no group below this share of its channels (rounded up to round_to)
};
// One upper limit. All limits hold at once.
struct wall_limit {
    enum cost_kind kind;
    int64_t limit;
};
struct wall;
// ERR_CONFIG when even the least widths exceed a limit (says by how much). Memory from `arena`.
enum status wall_open(const struct graph *graph, const struct groups *groups,
                      const struct wall_options *options, const struct wall_limit *limits,
                      int n_limits, struct arena *arena, struct wall **out);
int wall_groups(const struct wall *wall);
// All candidate widths of a group, ascending, borrowed: least .. full.
int wall_choices(const struct wall *wall, int group, const int **widths);
void wall_reset(struct wall *wall); // nothing decided
// Other limits [COST_KINDS] by cost_kind, INT64_MAX = none, and nothing decided. CHECKs that the
// least widths keep them.
void wall_set_limits(struct wall *wall, const int64_t *limits);
// legal[i] = 1 where choice i of `group` keeps every limit reachable. Never all 0. Groups may be
// decided in any order.
void wall_legal(const struct wall *wall, int group, uint8_t *legal);
void wall_decide(struct wall *wall, int group, int width); // width must be legal
const int *wall_widths(const struct wall *wall);           // decided, or least for the undecided
int64_t wall_cost(const struct wall *wall, enum cost_kind kind);

// What one channel of each group costs in the uncut network, as a share of what is limited (of each
// limit alike); 1 for all without limits. costs [groups.n].
void wall_channel_costs(const struct wall *wall, double *costs);

// Decides every group on a residual stream (not `inner`) at its full width. ERR_CONFIG naming the
// group when the limits do not allow it; the wall is then half decided.
enum status wall_keep_streams(struct wall *wall, const struct groups *groups);

// A budget as a limit: a share of `whole` up to 1, a number above.
int64_t wall_budget(double asked, int64_t whole);

// Uniform widths to a budget: the greatest share s such that every group at round(s * channels)
// meets all limits, then single groups raised one step at a time while the limits allow. widths
// [groups.n].
// Groups already decided stay as they are.
enum status wall_uniform(struct wall *wall, int *widths);

// One ranking over all groups (one-shot global pruning): from full widths the least important
// channels go first, whichever group they are in, until all limits hold; then what is left of the
// budget is given back, the most important first, until no group can be raised within the limits.
// Where widths go in steps of several channels, a step counts with their mean. scores[g][channel]
// from importance_score. widths [groups.n]. Groups already decided stay as they are; the wall
// itself does not change.
enum status wall_global(struct wall *wall, float *const *scores, int *widths);
