// The tree of sums as recursion over runs.
#include "core/sum_tree.h"

#include "core/status.h"

// How many of n > 1 values are the first of the two that they are the sum of.
static int left_part(int n)
{
    int part = 1;
    while (part < n - part) {
        part *= 2;
    }
    return part;
}

static int cover(struct sum_node node, int first, int end, int n, struct sum_node *nodes)
{
    const int node_end = node.first + node.n;
    if (node.n == 0 || end <= node.first || node_end <= first) {
        return n;
    }
    if (first <= node.first && node_end <= end) {
        CHECK(n < SUM_TREE_MOST);
        nodes[n] = node;
        return n + 1;
    }
    const int left = left_part(node.n);
    n = cover((struct sum_node){node.first, left}, first, end, n, nodes);
    return cover((struct sum_node){node.first + left, node.n - left}, first, end, n, nodes);
}

int sum_tree_cover(int total, int first, int end, struct sum_node *nodes)
{
    return cover((struct sum_node){0, total}, first, end, 0, nodes);
}

struct sum_node sum_tree_parent(int total, struct sum_node node)
{
    struct sum_node at = {0, total};
    for (;;) {
        CHECK(node.n < at.n);
        const int left = left_part(at.n);
        const bool in_left = node.first < at.first + left;
        const struct sum_node next = in_left ? (struct sum_node){at.first, left}
                                             : (struct sum_node){at.first + left, at.n - left};
        if (next.first == node.first && next.n == node.n) {
            return at;
        }
        at = next;
    }
}

struct fold {
    const struct sum_node *nodes;
    int at; // the next node not yet in a sum
    void (*add)(void *context, int to, int from);
    void *context;
};

// The number of the node that holds this one's sum.
static int fold_node(struct fold *fold, struct sum_node node)
{
    const struct sum_node *next = &fold->nodes[fold->at];
    CHECK(next->first == node.first && next->n <= node.n);
    if (next->n == node.n) {
        return fold->at++;
    }
    const int part = left_part(node.n);
    const int left = fold_node(fold, (struct sum_node){node.first, part});
    const int right = fold_node(fold, (struct sum_node){node.first + part, node.n - part});
    fold->add(fold->context, left, right);
    return left;
}

void sum_tree_fold(int total, const struct sum_node *nodes, int n,
                   void (*add)(void *context, int to, int from), void *context)
{
    struct fold fold = {.nodes = nodes, .add = add, .context = context};
    CHECK(fold_node(&fold, (struct sum_node){0, total}) == 0 && fold.at == n);
}

struct sum_node sum_tree_share(int total, int rank, int ranks)
{
    const int first = (int)((long long)total * rank / ranks);
    const int end = (int)((long long)total * (rank + 1) / ranks);
    return (struct sum_node){first, end - first};
}
