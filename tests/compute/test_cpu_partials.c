// Sums of partials on the CPU backend: the same bytes as plain recursion, at every size around
// the borders of ranges and of sharing, on one lane and on three.
#include "compute/cpu/cpu_partials.h"
#include "core/rng.h"
#include "test_unit.h"

enum { PARTIALS = 8, MOST = 200000 };

static float sum_halves(const float *values, int n, size_t stride)
{
    if (n == 1) {
        return values[0];
    }
    return sum_halves(values, n / 2, stride) +
           sum_halves(values + (size_t)(n / 2) * stride, n - n / 2, stride);
}

static void check_sums(int threads, const float *numbers)
{
    static const size_t counts[] = {1,     16,    8191,  8192,  8193,   65535,
                                    65536, 65537, 73728, 90001, 131073, MOST};
    const struct backend_options options = {.threads = threads};
    struct backend *backend;
    assert_ok(backend_open("cpu", &options, &backend));
    float *expected = malloc(MOST * sizeof *expected), *sum = malloc((MOST + 1) * sizeof *sum);
    assert_non_null(expected);
    assert_non_null(sum);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        const size_t count = counts[c];
        for (int n = 1; n <= PARTIALS; n += n < 5 ? 1 : 3) {
            for (size_t i = 0; i < count; i++) {
                expected[i] = sum_halves(numbers + i, n, count);
            }
            memset(sum, 0xFF, (MOST + 1) * sizeof *sum);
            sum[count] = 7.0F;
            cpu_partials_add(backend, numbers, n, count * sizeof *sum, sum);
            assert_memory_equal(sum, expected, count * sizeof *sum);
            assert_true(sum[count] == 7.0F); // and not one more
        }
    }
    free(expected);
    free(sum);
    backend_close(backend);
}

static void sums_are_by_halves(void **state)
{
    (void)state;
    struct rng rng = rng_make(5, RNG_TEST, 0, 0);
    float *numbers = malloc((size_t)PARTIALS * MOST * sizeof *numbers);
    assert_non_null(numbers);
    for (size_t i = 0; i < (size_t)PARTIALS * MOST; i++) {
        numbers[i] = rng_normal(&rng);
    }
    check_sums(1, numbers);
    check_sums(3, numbers);
    free(numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_are_by_halves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
