// The tree of sums: whoever holds which run, the same pairs are added.
#include "core/sum_tree.h"
#include "test_unit.h"

#include <stdio.h>

enum { MOST = 45 };

// How a value came about, written down: "((0+1)+2)".
struct term {
    char text[16 * MOST];
};

static void plus(struct term *to, const struct term *from)
{
    struct term sum;
    const int n = snprintf(sum.text, sizeof sum.text, "(%s+%s)", to->text, from->text);
    assert_in_range(n, 1, (int)sizeof sum.text - 1);
    *to = sum;
}

static void add_terms(void *context, int to, int from)
{
    struct term *terms = context;
    plus(&terms[to], &terms[from]);
}

// The definition: the greatest power of two below n, and the rest.
static void define(int first, int n, struct term *out)
{
    if (n == 1) {
        snprintf(out->text, sizeof out->text, "%d", first);
        return;
    }
    int part = 1;
    while (2 * part < n) {
        part *= 2;
    }
    struct term rest;
    define(first, part, out);
    define(first + part, n - part, &rest);
    plus(out, &rest);
}

static bool is_same(struct sum_node a, struct sum_node b)
{
    return a.first == b.first && a.n == b.n;
}

// Every node but the whole is a half of its parent.
static void check_parents(int total, struct sum_node node)
{
    if (node.n == total) {
        return;
    }
    const struct sum_node parent = sum_tree_parent(total, node);
    assert_true(parent.n > node.n && parent.first <= node.first);
    struct sum_node halves[SUM_TREE_MOST];
    const int end = parent.first + parent.n;
    const bool left = node.first == parent.first;
    const int cut = left ? node.first + node.n : node.first;
    assert_int_equal(sum_tree_cover(total, parent.first, cut, halves), 1);
    assert_true(!left || is_same(halves[0], node));
    assert_int_equal(sum_tree_cover(total, cut, end, halves), 1);
    assert_true(left || is_same(halves[0], node));
    check_parents(total, parent);
}

static void any_dealing_gives_the_defined_sum(void **state)
{
    (void)state;
    static struct term terms[MOST * SUM_TREE_MOST], expected;
    for (int total = 1; total <= MOST; total++) {
        define(0, total, &expected);
        for (int ranks = 1; ranks <= total && ranks <= 9; ranks++) {
            struct sum_node nodes[MOST + SUM_TREE_MOST];
            int n = 0, next = 0;
            for (int rank = 0; rank < ranks; rank++) {
                const struct sum_node run = sum_tree_share(total, rank, ranks);
                assert_int_equal(run.first, next);
                assert_in_range(run.n, total / ranks, (total + ranks - 1) / ranks);
                next += run.n;
                n += sum_tree_cover(total, run.first, next, nodes + n);
            }
            assert_int_equal(next, total);
            for (int i = 0; i < n; i++) {
                define(nodes[i].first, nodes[i].n, &terms[i]);
                check_parents(total, nodes[i]);
            }
            sum_tree_fold(total, nodes, n, add_terms, terms);
            assert_string_equal(terms[0].text, expected.text);
        }
    }
}

// Two nodes of each size at most: that bounds what a rank holds and sends.
static void a_run_is_few_nodes(void **state)
{
    (void)state;
    struct sum_node nodes[SUM_TREE_MOST];
    for (int total = 1; total <= 300; total += 7) {
        for (int first = 0; first < total; first += 3) {
            for (int end = first; end <= total; end += 5) {
                int powers = 1, next = first;
                for (int n = 1; n < end - first; n *= 2) {
                    powers++;
                }
                const int n = sum_tree_cover(total, first, end, nodes);
                assert_in_range(n, 0, 2 * powers);
                for (int i = 0; i < n; i++) {
                    assert_int_equal(nodes[i].first, next);
                    next += nodes[i].n;
                }
                assert_int_equal(next, end);
            }
        }
    }
    assert_int_equal(sum_tree_cover(1 << 30, 1, (1 << 30) - 1, nodes), 58);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_dealing_gives_the_defined_sum),
        cmocka_unit_test(a_run_is_few_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
