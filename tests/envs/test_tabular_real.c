// The real tables, row by row as they stand in the files.
#include "env_case.h"
#include "envs/tabular/tabular_table.h"
#include "test_unit.h"

#include <math.h>

static double final_of(const struct tabular_table *table, int data, const int16_t *steps)
{
    const int number = tabular_number(table->format, steps);
    return table->final[(size_t)data * (size_t)table->n + (size_t)number];
}

static void cells(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct tabular_table table;
    int different = 0;
    double best[3] = {0}, best_different[3] = {0};
    assert_ok(tabular_table_read(TABULAR_NASBENCH201, "", &arena, &table));
    for (int number = 0; number < table.n; number++) {
        const bool itself = table.canonical[number] == number;
        assert_int_equal(table.canonical[table.canonical[number]], table.canonical[number]);
        different += itself;
        for (int k = 0; k < 3; k++) {
            const double share = table.final[(size_t)k * (size_t)table.n + (size_t)number];
            best[k] = fmax(best[k], share);
            best_different[k] = fmax(best_different[k], itself ? share : 0);
        }
    }
    assert_int_equal(different, 6466);
    static const double known[] = {0.9437333333, 0.7351333333, 0.4731111111};
    for (int k = 0; k < 3; k++) {
        assert_true(fabs(best[k] - known[k]) < 1e-8 && best[k] == best_different[k]);
    }
    // |nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|
    // skip_connect~2|,88.220,82.834,58.260,57.800,33.800,35.433 and
    // 93.66,70.2933,44.0333
    const int16_t steps[] = {3, 3, 4, 1, 3, 1};
    const size_t at = (size_t)tabular_number(table.format, steps), n = (size_t)table.n;
    assert_true(fabs(table.proxy[at] - 0.82834) < 1e-9);
    assert_true(fabs(table.proxy[n + at] - 0.578) < 1e-9);
    assert_true(fabs(table.proxy[2 * n + at] - 0.35433) < 1e-9);
    assert_true(fabs(final_of(&table, 0, steps) - 0.9366) < 1e-9);
    assert_true(fabs(final_of(&table, 1, steps) - 0.7029333323) < 1e-9);
    assert_true(fabs(final_of(&table, 2, steps) - 0.4403333332) < 1e-9);
    arena_close(&arena);
}

static void macro(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct tabular_table table;
    int known = 0, best = 0;
    assert_ok(tabular_table_read(TABULAR_NASBENCH_MACRO, "", &arena, &table));
    for (int number = 0; number < table.n; number++) {
        if (!isnan(table.final[number])) {
            known++;
            best =
                isnan(table.final[best]) || table.final[number] > table.final[best] ? number : best;
        }
    }
    assert_int_equal(known, 3281);
    // 00000012,1623082,27312640,68.76,69.55,68.85
    const int16_t steps[] = {0, 0, 0, 0, 0, 0, 1, 2};
    const int number = tabular_number(table.format, steps);
    assert_int_equal(table.params[number], 1623082);
    assert_int_equal(table.macs[number], 27312640);
    assert_true(fabs(table.proxy[number] - 0.6876) < 1e-9);
    assert_true(fabs(table.final[number] - (0.6876 + 0.6955 + 0.6885) / 3) < 1e-9);
    char text[TABULAR_MOST_WORDS];
    table.format->write(steps, text);
    assert_string_equal(text, "00000012");
    assert_true(table.final[best] > 0.925 && table.final[best] < 0.9313);
    arena_close(&arena);
}

int main(void)
{
    if (getenv("DIKDIK_DATA") == NULL) {
        print_message("skipped: DIKDIK_DATA does not say where the data are\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(cells), cmocka_unit_test(macro)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
