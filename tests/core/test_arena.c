// Arenas: alignment, zeroed memory (after a reset too), overflow, reuse, and poison under ASan.
#include "core/arena.h"
#include "test_unit.h"

#include <stdbool.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

static bool is_zero(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

// Pieces of many sizes, filled as they come: each aligned, zeroed, and not overlapping others.
static void fill_round(struct arena *arena)
{
    enum { PIECES = 400 };
    unsigned char *pieces[PIECES];
    size_t sizes[PIECES], sum = 0;
    for (int i = 0; i < PIECES; i++) {
        sizes[i] = i % 50 == 49 ? (size_t)i * 4001 : (size_t)(i * 37 % 1000);
        pieces[i] = arena_alloc(arena, sizes[i], 1);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 64, 0);
        assert_true(is_zero(pieces[i], sizes[i]));
        memset(pieces[i], i % 255 + 1, sizes[i]);
        sum += sizes[i];
    }
    for (int i = 0; i < PIECES; i++) {
        for (size_t j = 0; j < sizes[i]; j++) {
            assert_int_equal(pieces[i][j], i % 255 + 1);
        }
    }
    assert_int_equal(arena->used_bytes, sum);
}

static void pieces_are_zeroed_and_apart(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (int round = 0; round < 4; round++) {
        fill_round(&arena);
        arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    arena_close(&arena);
    assert_null(arena.newest);
    arena_close(&arena);
    arena_reset(&arena);
}

// A round that repeats stops moving: the same pointers come back, so no memory was asked for.
static void repeated_rounds_settle(void **state)
{
    (void)state;
    struct arena arena = {0};
    const unsigned char *before[20] = {0};
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 20; i++) {
            const unsigned char *piece = arena_alloc(&arena, 100000, 1);
            if (round >= 5) {
                assert_ptr_equal(piece, before[i]);
            }
            before[i] = piece;
        }
        arena_reset(&arena);
    }
    arena_close(&arena);
}

static enum status allocate_ints(struct arena *arena, size_t count, int **out)
{
    ARENA_NEW(arena, *out, count);
    return OK;
}

static void overflow_is_an_error(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_null(arena_alloc(&arena, SIZE_MAX / 2 + 1, 2));
    assert_non_null(strstr(status_message(), "more than memory can hold"));
    assert_null(arena_alloc(&arena, SIZE_MAX, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2 - 10, 1));
    int *ints;
    assert_int_equal(allocate_ints(&arena, SIZE_MAX / 4, &ints), ERR_MEMORY);
    assert_ok(allocate_ints(&arena, 3, &ints)); // still works afterwards
    assert_int_equal(ints[2], 0);
    arena_close(&arena);
}

static void nothing_has_an_address(void **state)
{
    (void)state;
    struct arena arena = {0};
    const void *a = arena_alloc(&arena, 0, 8), *b = arena_alloc(&arena, 8, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    arena_close(&arena);
}

static void texts(void **state)
{
    (void)state;
    struct arena arena = {0};
    char original[] = "abc";
    const char *copy = arena_copy_text(&arena, original);
    original[0] = 'x';
    assert_string_equal(copy, "abc");
    assert_string_equal(arena_format(&arena, "%s-%05d", copy, 42), "abc-00042");
    char wide[5000];
    memset(wide, 'w', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    assert_int_equal(strlen(arena_format(&arena, "%s%s", wide, wide)), 2 * (sizeof wide - 1));
    arena_close(&arena);
}

#ifdef WITH_ASAN
static void overruns_are_poisoned(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *first = arena_alloc(&arena, 13, 1);
    const char *second = arena_alloc(&arena, 64, 1);
    assert_false(__asan_address_is_poisoned(first + 12));
    for (int i = 13; i < 64 + 64; i++) {
        assert_true(__asan_address_is_poisoned(first + i));
    }
    assert_false(__asan_address_is_poisoned(second + 63));
    assert_true(__asan_address_is_poisoned(second + 64));
    assert_true(__asan_address_is_poisoned(second + 64 + 63));
    arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(first));
    assert_true(__asan_address_is_poisoned(second));
    arena_close(&arena);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_and_apart),
        cmocka_unit_test(repeated_rounds_settle),
        cmocka_unit_test(overflow_is_an_error),
        cmocka_unit_test(nothing_has_an_address),
        cmocka_unit_test(texts),
#ifdef WITH_ASAN
        cmocka_unit_test(overruns_are_poisoned),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
