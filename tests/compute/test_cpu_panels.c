// Products with packed panels, at sizes around the borders of tiles, vectors and panels.
#include "compute/cpu/cpu_panels.h"
#include "core/rng.h"
#include "test_unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_M = 13, MOST_N = 130, MOST_K = 70, SLACK = 3 }; // SLACK: floats between rows

static float *random_values(size_t n, uint64_t stream)
{
    float *values = aligned_alloc(64, (n * sizeof *values + 63) / 64 * 64);
    struct rng rng = rng_make(5, RNG_TEST, stream, 0);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++) {
        values[i] = rng_normal(&rng);
    }
    return values;
}

struct buffers {
    float *a, *b, *c, *before, *bias, *panels;
};

// c [m][n + SLACK] against sums over doubles; what lies between its rows stays.
static void expect_product(const struct cpu_product *p, const struct buffers *x, size_t b_row,
                           size_t b_column)
{
    for (int row = 0; row < p->m; row++) {
        for (int column = 0; column < p->n + SLACK; column++) {
            const size_t at = (size_t)row * p->c_row + (size_t)column;
            double sum = p->add ? (double)x->before[at] : 0.0;
            sum += p->bias != NULL && column < p->n ? (double)p->bias[column] : 0.0;
            for (int i = 0; i < p->k && column < p->n; i++) {
                sum += (double)x->a[(size_t)row * p->a_row + (size_t)i * p->a_step] *
                       (double)x->b[(size_t)i * b_row + (size_t)column * b_column];
            }
            const double expected = column < p->n ? sum : (double)x->before[at];
            assert_true(fabs((double)p->c[at] - expected) < 1e-4);
        }
    }
}

// variant: bit 0: a transposed, bit 1: b transposed, bit 2: bias, bit 3: onto c.
static void check(int m, int n, int k, int variant, const struct buffers *x)
{
    const size_t b_row = (variant & 2) != 0 ? 1 : (size_t)n,
                 b_column = (variant & 2) != 0 ? (size_t)k : 1;
    const size_t c_count = (size_t)m * (size_t)(n + SLACK);
    assert_true(cpu_panels_floats(k, n) >= (size_t)k * (size_t)n);
    cpu_panels_pack(k, n, x->b, b_row, b_column, x->panels);
    const struct cpu_product product = {.m = m,
                                        .n = n,
                                        .k = k,
                                        .a = x->a,
                                        .a_row = (variant & 1) != 0 ? 1 : (size_t)k,
                                        .a_step = (variant & 1) != 0 ? (size_t)m : 1,
                                        .panels = x->panels,
                                        .bias = (variant & 12) == 4 ? x->bias : NULL,
                                        .add = (variant & 8) != 0,
                                        .c = x->c,
                                        .c_row = (size_t)(n + SLACK)};
    memcpy(x->c, x->before, c_count * sizeof *x->c);
    cpu_panels_multiply(&product);
    expect_product(&product, x, b_row, b_column);
    memcpy(x->c, x->before, c_count * sizeof *x->c);
    cpu_panels_multiply_plain(&product);
    expect_product(&product, x, b_row, b_column);
}

static void test_products(void **state)
{
    (void)state;
    static const int ms[] = {1, 2, 5, 6, 7, MOST_M}, ks[] = {1, 16, 33, MOST_K};
    static const int ns[] = {1, 15, 16, 17, 47, 64, 65, 128, MOST_N};
    struct buffers x = {.a = random_values((size_t)MOST_M * MOST_K, 1),
                        .b = random_values((size_t)MOST_N * MOST_K, 2),
                        .c = random_values((size_t)MOST_M * (MOST_N + SLACK), 3),
                        .before = random_values((size_t)MOST_M * (MOST_N + SLACK), 4),
                        .bias = random_values(MOST_N, 5),
                        .panels = random_values(cpu_panels_floats(MOST_K, MOST_N), 6)};
    int variant = 0;
    for (size_t m = 0; m < sizeof ms / sizeof *ms; m++) {
        for (size_t n = 0; n < sizeof ns / sizeof *ns; n++) {
            for (size_t k = 0; k < sizeof ks / sizeof *ks; k++) {
                check(ms[m], ns[n], ks[k], variant++ % 16, &x);
                check(ms[m], ns[n], ks[k], variant++ % 16, &x);
            }
            variant++; // else sizes and variants go in step
        }
    }
    free(x.a);
    free(x.b);
    free(x.c);
    free(x.before);
    free(x.bias);
    free(x.panels);
}

// A row's result does not depend on the rows beside it: a batch cut in parts gives the same bytes.
static void test_rows_are_independent(void **state)
{
    (void)state;
    enum { M = 11, N = 70, K = 40 };
    float *a = random_values((size_t)M * K, 1), *b = random_values((size_t)K * N, 2);
    float *panels = random_values(cpu_panels_floats(K, N), 3), c[M * N], one[N];
    cpu_panels_pack(K, N, b, N, 1, panels);
    struct cpu_product product = {.m = M,
                                  .n = N,
                                  .k = K,
                                  .a = a,
                                  .a_row = K,
                                  .a_step = 1,
                                  .panels = panels,
                                  .c = c,
                                  .c_row = N};
    cpu_panels_multiply(&product);
    for (int row = 0; row < M; row++) {
        product.m = 1;
        product.a = a + (size_t)row * K;
        product.c = one;
        cpu_panels_multiply(&product);
        assert_memory_equal(one, c + (size_t)row * N, sizeof one);
    }
    free(a);
    free(b);
    free(panels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products),
                                       cmocka_unit_test(test_rows_are_independent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
