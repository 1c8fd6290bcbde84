// Sets of row numbers: texts good and bad, and every operation against an array of flags.
#include "core/rng.h"
#include "core/row_set.h"
#include "test_unit.h"

enum { ROWS = 400 };

static void texts_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shortest;
        int n;
        int64_t rows;
    } cases[] = {
        {"0-44999", "0-44999", 1, 45000},
        {"0-9999,20000-44999", "0-9999,20000-44999", 2, 35000},
        {"7", "7", 1, 1},
        {"7-7, 9 ,11-12", "7,9,11-12", 3, 4},
        {"0-4,5-9,10", "0-10", 1, 11}, // they touch
        {"none", "none", 0, 0},
        {"2147483647", "2147483647", 1, 1},
        {"0-2147483647", "0-2147483647", 1, 2147483648},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct row_set set;
        struct text text = {0};
        assert_ok(row_set_parse(cases[i].text, &set));
        assert_true(set.known && set.n == cases[i].n && row_set_count(&set) == cases[i].rows);
        row_set_text(&set, &text);
        assert_string_equal(text.bytes, cases[i].shortest);
        text_close(&text);
        row_set_close(&set);
        row_set_close(&set);
        assert_false(set.known);
    }
}

static void bad_texts_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"", "\"\""},
        {"none,1", "\"none\""},
        {"0-", "\"0-\""},
        {"-5", "\"-5\""},
        {"5-4", "\"5-4\""},
        {"1,,2", "\"\""},
        {"1,2,", "\"\""},
        {"1 2", "\"1 2\""},
        {"1-2-3", "\"1-2-3\""},
        {"0x10", "\"0x10\""},
        {"+1", "\"+1\""},
        {"1.5", "\"1.5\""},
        {"2147483648", "\"2147483648\""},
        {"0-99999999999999999999", "\"0-99999999999999999999\""},
        {"5,4", "ascending"},
        {"0-9,9-10", "ascending"},
        {"0-9,3", "no row in common"},
        {"all", "\"all\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct row_set set = {0};
        assert_fails(row_set_parse(cases[i].text, &set), ERR_INPUT, cases[i].word);
        assert_null(set.ranges);
    }
    char longest[5000]; // a word that would not fit a message
    memset(longest, '9', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct row_set set;
    assert_fails(row_set_parse(longest, &set), ERR_INPUT, "9999");
}

// Random texts of the characters that matter: read or refused, and what is read is written shorter
// or alike, and reads back the same.
static void random_texts_do_no_harm(void **state)
{
    (void)state;
    static const char letters[] = "0123456789--,,, n";
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    int read = 0;
    for (int trial = 0; trial < 20000; trial++) {
        char text[12];
        const int n = (int)rng_below(&rng, sizeof text);
        for (int i = 0; i < n; i++) {
            text[i] = letters[rng_below(&rng, sizeof letters - 1)];
        }
        text[n] = '\0';
        struct row_set set, again;
        if (row_set_parse(text, &set) != OK) {
            continue;
        }
        struct text shortest = {0};
        row_set_text(&set, &shortest);
        assert_ok(row_set_parse(shortest.bytes, &again));
        assert_true(row_set_equal(&set, &again));
        row_set_close(&again);
        row_set_close(&set);
        text_close(&shortest);
        read++;
    }
    assert_true(read > 500);
}

// A set of random rows, long runs and single ones, and its flags.
static void draw(struct rng *rng, bool has[ROWS], struct row_set *out)
{
    int32_t rows[2 * ROWS];
    int n = 0;
    bool in = false;
    for (int i = 0; i < ROWS; i++) {
        in = rng_below(rng, 4) == 0 ? !in : in;
        has[i] = in;
        for (int twice = 0; in && twice < 2; twice++) {
            rows[n++] = i;
        }
    }
    rng_shuffle(rng, rows, (size_t)n);
    assert_ok(row_set_of_rows(rows, n, out));
}

static void operations_equal_flags(void **state)
{
    (void)state;
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    for (int trial = 0; trial < 50; trial++) {
        bool in_a[ROWS], in_b[ROWS];
        struct row_set a, b, both, copy;
        draw(&rng, in_a, &a);
        draw(&rng, in_b, &b);
        assert_ok(row_set_join(&a, &b, &both));
        assert_ok(row_set_copy(&a, &copy));
        assert_true(row_set_equal(&a, &copy) && !row_set_equal(&a, &both));
        int n = 0;
        for (int i = 0; i < ROWS; i++) {
            assert_int_equal(row_set_has(&a, i), in_a[i]);
            assert_int_equal(row_set_has(&both, i), in_a[i] || in_b[i]);
            n += in_a[i];
        }
        assert_false(row_set_has(&a, ROWS));
        assert_int_equal(row_set_count(&a), n);
        row_set_close(&a);
        row_set_close(&b);
        row_set_close(&both);
        row_set_close(&copy);
    }
}

static void what_is_not_known_stays_so(void **state)
{
    (void)state;
    struct row_set all, joined, unknown = {0}, none;
    assert_ok(row_set_of_rows(NULL, 5, &all));
    assert_true(row_set_has(&all, 4) && !row_set_has(&all, 5) && all.n == 1);
    assert_ok(row_set_join(&all, &unknown, &joined));
    assert_false(joined.known);
    assert_ok(row_set_copy(&unknown, &joined));
    assert_false(joined.known);
    assert_ok(row_set_add(&unknown, (const int32_t[]){3}, 1));
    assert_false(unknown.known);
    assert_ok(row_set_add(&all, (const int32_t[]){9, 5, 7}, 3));
    assert_true(all.n == 3 && row_set_count(&all) == 8 && row_set_has(&all, 9));
    assert_ok(row_set_of_rows(NULL, 0, &none));
    assert_true(none.known && none.n == 0 && !row_set_has(&none, 0));
    assert_false(row_set_equal(&none, &unknown));
    row_set_close(&none);
    row_set_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_read_back),
        cmocka_unit_test(bad_texts_are_named),
        cmocka_unit_test(random_texts_do_no_harm),
        cmocka_unit_test(operations_equal_flags),
        cmocka_unit_test(what_is_not_known_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
