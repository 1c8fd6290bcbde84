// The collective interface. Runs alone and, as the same program, under mpirun with several ranks:
// every check below holds for any number of ranks.
#include "core/clock.h"
#include "core/rng.h"
#include "core/sum_tree.h"
#include "transport/collective.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int open_collective(void **state)
{
    static struct collective c;
    *state = &c;
    if (collective_open(&c) != OK) {
        fprintf(stderr, "collective_open: %s\n", status_message());
        return -1;
    }
    return 0;
}

static int close_collective(void **state)
{
    collective_close(*state);
    return 0;
}

// Element `index` of what `rank` brings: of mixed sign and size, so that another order of addition
// gives other bits.
static float value_of(int rank, size_t index)
{
    struct rng rng = rng_make(7, RNG_TEST, (uint64_t)rank, (uint32_t)index);
    const float magnitude = (float)(1U << rng_below(&rng, 24));
    return rng_normal(&rng) * magnitude;
}

// The greatest power of two below n.
static int left_part(int n)
{
    int part = 1;
    while (2 * part < n) {
        part *= 2;
    }
    return part;
}

// What the items first .. first + n - 1 are, added as core/sum_tree.h says.
static float tree_f32(int first, int n, size_t index)
{
    const int left = n > 1 ? left_part(n) : 0;
    return n == 1 ? value_of(first, index)
                  : tree_f32(first, left, index) + tree_f32(first + left, n - left, index);
}

static double tree_f64(int first, int n, size_t index)
{
    const int left = n > 1 ? left_part(n) : 0;
    return n == 1 ? (double)value_of(first, index) / 3.0
                  : tree_f64(first, left, index) + tree_f64(first + left, n - left, index);
}

static void check_sum_f32(const struct collective *c, size_t count)
{
    float *values = malloc((count + 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = value_of(c->rank, i);
    }
    values[count] = 12345.0F; // beyond the end: must stay
    assert_int_equal(collective_sum_f32(c, values, count), OK);
    for (size_t i = 0; i < count; i++) {
        const float sum = tree_f32(0, c->ranks, i);
        assert_memory_equal(&values[i], &sum, sizeof sum);
    }
    assert_true(values[count] == 12345.0F);
    free(values);
}

static void test_sum_f32(void **state)
{
    const size_t counts[] = {0, 1, 2, 3, 4, 7, 64, 1001, 270001};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        check_sum_f32(*state, counts[i]);
    }
}

// More than one exchange block: the values are simple, the count is what matters.
static void test_sum_of_many(void **state)
{
    const struct collective *c = *state;
    const size_t count = ((size_t)5 << 20) / sizeof(float) * 2 + 3;
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(i % 1000) + (float)c->rank;
    }
    assert_int_equal(collective_sum_f32(c, values, count), OK);
    const float ranks_sum = (float)(c->ranks * (c->ranks - 1)) / 2.0F;
    for (size_t i = 0; i < count; i++) {
        const float expected = (float)c->ranks * (float)(i % 1000) + ranks_sum;
        if (values[i] != expected) {
            fail_msg("element %zu is %g, not %g", i, (double)values[i], (double)expected);
        }
    }
    free(values);
}

static void test_sum_f64(void **state)
{
    const struct collective *c = *state;
    enum { COUNT = 515 };
    double values[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = (double)value_of(c->rank, i) / 3.0;
    }
    assert_int_equal(collective_sum_f64(c, values, COUNT), OK);
    for (size_t i = 0; i < COUNT; i++) {
        const double sum = tree_f64(0, c->ranks, i);
        assert_memory_equal(&values[i], &sum, sizeof sum);
    }
}

// Items dealt to the ranks: the sum is that of one rank that has them all. Small sums, and ones
// that take several blocks, since a rank holds several nodes.
static void check_tree(const struct collective *c, int total, size_t count)
{
    struct sum_node nodes[SUM_TREE_MOST];
    const struct sum_node run = sum_tree_share(total, c->rank, c->ranks);
    const int n = sum_tree_cover(total, run.first, run.first + run.n, nodes);
    float *values = malloc((size_t)n * count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < (size_t)n * count; i++) {
        const struct sum_node node = nodes[i / count];
        values[i] = tree_f32(node.first, node.n, i % count);
    }
    assert_int_equal(collective_sum_tree_f32(c, total, values, count), OK);
    for (size_t i = 0; i < count; i++) {
        const float sum = tree_f32(0, total, i);
        assert_memory_equal(&values[i], &sum, sizeof sum);
    }
    double pair[2 * SUM_TREE_MOST];
    for (int i = 0; i < 2 * n; i++) {
        pair[i] = tree_f64(nodes[i / 2].first, nodes[i / 2].n, (size_t)(i % 2));
    }
    assert_int_equal(collective_sum_tree_f64(c, total, pair, 2), OK);
    const double sums[2] = {tree_f64(0, total, 0), tree_f64(0, total, 1)};
    assert_memory_equal(pair, sums, sizeof sums);
    free(values);
}

static void test_sum_tree(void **state)
{
    const struct collective *c = *state;
    for (int total = c->ranks; total <= c->ranks + 14; total += total < 8 ? 1 : 3) {
        check_tree(c, total, 37);
        check_tree(c, total, 9001);
    }
    check_tree(c, c->ranks * 3 + 1, 500001);
}

static void test_broadcast(void **state)
{
    const struct collective *c = *state;
    for (int root = 0; root < c->ranks; root++) {
        unsigned char bytes[1003];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = c->rank == root ? (unsigned char)(i * 7 + (size_t)root) : 0xee;
        }
        assert_int_equal(collective_broadcast(c, bytes, sizeof bytes, root), OK);
        for (size_t i = 0; i < sizeof bytes; i++) {
            assert_int_equal(bytes[i], (unsigned char)(i * 7 + (size_t)root));
        }
    }
    assert_int_equal(collective_broadcast(c, NULL, 0, 0), OK);
}

static void test_place(void **state)
{
    const struct collective *c = *state;
    assert_in_range(c->rank, 0, c->ranks - 1);
    assert_in_range(c->local_rank, 0, c->local_ranks - 1);
    assert_int_equal(c->local_ranks, c->ranks); // one machine
    assert_int_equal(collective_launcher_rank(), c->rank);
    float numbers[64] = {0};
    assert_true(c->ranks <= 64);
    numbers[c->rank] = 1.0F;
    assert_int_equal(collective_sum_f32(c, numbers, (size_t)c->ranks), OK);
    for (int rank = 0; rank < c->ranks; rank++) {
        assert_true(numbers[rank] == 1.0F); // every rank is there once
    }
    const char *expected = getenv("TEST_RANKS");
    if (expected != NULL) {
        assert_int_equal(c->ranks, strtol(expected, NULL, 10));
        assert_true(collective_under_launcher());
    } else {
        assert_int_equal(c->ranks, 1);
        assert_false(collective_under_launcher());
    }
}

static double cpu_seconds(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// One rank is late by half a second: the others wait for it without using a core.
static void test_waiting_costs_little(void **state)
{
    const struct collective *c = *state;
    enum { COUNT = 1000 };
    float values[COUNT] = {0};
    const double late_s = 0.5;
    assert_int_equal(collective_barrier(c), OK);
    const double start = clock_seconds();
    const double cpu = cpu_seconds();
    if (c->rank == 0) {
        clock_sleep(late_s);
    }
    assert_int_equal(collective_sum_f32(c, values, COUNT), OK);
    assert_true(clock_seconds() - start > 0.8 * late_s);
    assert_true(cpu_seconds() - cpu < 0.3 * late_s);
}

// A launcher of another MPI starts ranks that cannot see each other: that is an error, not a
// thousand jobs of one rank. Alone only, since the child starts MPI itself.
static void test_foreign_launcher(void **state)
{
    const struct collective *c = *state;
    if (getenv("TEST_RANKS") != NULL) {
        assert_true(c->ranks >= 1);
        return;
    }
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("OMPI_COMM_WORLD_RANK", "0", 1);
        setenv("OMPI_COMM_WORLD_SIZE", "3", 1);
        struct collective other;
        const enum status code = collective_open(&other);
        _exit(code == ERR_COMM && strstr(status_message(), "3 ranks") != NULL ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_sum_f32),
        cmocka_unit_test(test_sum_f64),
        cmocka_unit_test(test_sum_tree),
        cmocka_unit_test(test_sum_of_many),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_waiting_costs_little),
        cmocka_unit_test(test_foreign_launcher),
    };
    return cmocka_run_group_tests(tests, open_collective, close_collective);
}
