// Growing text, UTF-8, suggestions, time and the machine's facts: small things in one program.
#include "core/clock.h"
#include "core/machine.h"
#include "core/suggest.h"
#include "core/text.h"
#include "core/utf8.h"
#include "test_unit.h"

#include <stdlib.h>
#include <unistd.h>

static void text_grows(void **state)
{
    (void)state;
    struct text text = {0};
    assert_null(text.bytes);
    for (int i = 0; i < 5000; i++) {
        text_add(&text, "%d,", i % 10);
    }
    assert_int_equal(text.length, 10000);
    assert_int_equal(strlen(text.bytes), 10000);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(text.bytes[2 * i], '0' + (int)(i % 10));
    }
    text_add_bytes(&text, "a\0b", 3);
    assert_int_equal(text.length, 10003);
    assert_memory_equal(text.bytes + 10000, "a\0b", 4);
    text_add_bytes(&text, NULL, 0);
    assert_int_equal(text.length, 10003);
    text_add_bytes(&text, "x", SIZE_MAX / 2); // too much: refused before anything is copied
    assert_true(text.failed);
    text_add(&text, "more");
    assert_int_equal(text.length, 10003);
    text_close(&text);
    assert_null(text.bytes);
    assert_false(text.failed);
    text_close(&text);
}

static void utf8_forms(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t expected;
    } cases[] = {
        {"a", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\xa6\x8c", 4},
        {"\xc0\x80", 0},         // overlong NUL
        {"\xc1\xbf", 0},         // overlong
        {"\xe0\x9f\xbf", 0},     // overlong
        {"\xf0\x8f\xbf\xbf", 0}, // overlong
        {"\xed\xa0\x80", 0},     // surrogate
        {"\xed\x9f\xbf", 3},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\xf4\x90\x80\x80", 0}, // beyond U+10FFFF
        {"\xf5\x80\x80\x80", 0},
        {"\x80", 0},
        {"\xff", 0},
        {"\xe2\x82", 0}, // cut off
        {"\xe2\x28\xa1", 0},
        {"\xf0\x9f\xa6\x28", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(utf8_length(cases[i].bytes, strlen(cases[i].bytes)), cases[i].expected);
    }
    assert_int_equal(utf8_length("", 0), 0);
}

static const char *nearest(const char *word)
{
    static const char *const known[] = {"epochs", "batch", "learning_rate", "seed", "data"};
    struct suggest suggest = suggest_begin(word);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        suggest_offer(&suggest, known[i]);
    }
    return suggest.best;
}

static void suggestions(void **state)
{
    (void)state;
    assert_string_equal(nearest("epocs"), "epochs");
    assert_string_equal(nearest("epohcs"), "epochs");
    assert_string_equal(nearest("learning-rate"), "learning_rate");
    assert_string_equal(nearest("lerning_rat"), "learning_rate");
    assert_string_equal(nearest("Seed"), "seed");
    assert_string_equal(nearest("dat"), "data");
    assert_null(nearest("momentum"));
    assert_null(nearest(""));
    char longer[200];
    memset(longer, 'e', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_null(nearest(longer));
}

static void time_passes(void **state)
{
    (void)state;
    const double start = clock_seconds();
    clock_sleep(0.05);
    const double slept = clock_seconds() - start;
    assert_true(slept >= 0.05 && slept < 5.0);
    clock_sleep(0.0);
    clock_sleep(-1.0);
    assert_true(clock_seconds() - start < 5.0);
}

static void machine_is_plausible(void **state)
{
    (void)state;
    const int cores = machine_cores();
    assert_true(cores >= 1 && cores <= (int)sysconf(_SC_NPROCESSORS_CONF));
    const size_t memory = machine_memory_bytes();
    const size_t physical = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    assert_true(memory >= (size_t)16 << 20 && memory <= physical);
    assert_true(strlen(machine_processor()) > 0);
    assert_true(!machine_has_vnni() || machine_has_avx512());
    assert_true(!machine_has_avx512() || machine_has_avx2());

    const size_t before = machine_peak_bytes(), block = (size_t)48 << 20;
    assert_true(before > 0);
    char *bytes = malloc(block);
    assert_non_null(bytes);
    for (size_t i = 0; i < block; i += 1024) {
        ((volatile char *)bytes)[i] = 1;
    }
    free(bytes);
    assert_true(machine_peak_bytes() >= before + block / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),           cmocka_unit_test(utf8_forms),
        cmocka_unit_test(suggestions),          cmocka_unit_test(time_passes),
        cmocka_unit_test(machine_is_plausible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
