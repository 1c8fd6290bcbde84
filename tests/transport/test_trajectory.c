// The layout of trajectory blocks: what is written comes back, and damage is found.
#include "core/rng.h"
#include "test_unit.h"
#include "transport/trajectory.h"

#include <math.h>

static const struct trajectory_shape shapes[] = {
    {.rows = 2, .n_obs = 1, .n_choices = 1, .n_result = 0},
    {.rows = 7, .n_obs = 5, .n_choices = 3, .n_result = 2},
    {.rows = 61, .n_obs = 17, .n_choices = 33, .n_result = 59},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void fill(const struct trajectory_shape *shape, void *block)
{
    const size_t bytes = trajectory_bytes(shape);
    memset(block, 0, bytes);
    struct trajectory view;
    trajectory_view(shape, block, &view);
    const int rows = shape->rows;
    for (int row = 0; row < rows; row++) {
        for (int i = 0; i < shape->n_obs; i++) {
            view.obs[row * shape->n_obs + i] = (float)(1000 * row + i);
        }
        for (int i = 0; i < shape->n_choices; i++) {
            view.position[row * shape->n_choices + i] = (float)(-1000 * row - i);
            view.legal[row * shape->n_choices + i] = (uint8_t)(3 * row + i);
        }
        view.choices[row] = shape->n_choices;
        view.action[row] = row % shape->n_choices;
        view.raw[row] = 0.25F * (float)row;
        view.logp[row] = -0.5F * (float)row;
        view.reward[row] = 7.0F * (float)row;
        view.flags[row] = row == rows - 1 ? FLAG_TRUNCATED : 0;
        view.categorical[row] = (uint8_t)(row % 2);
    }
    for (int i = 0; i < shape->n_result; i++) {
        view.result[i] = 100 + i;
    }
    *view.header = (struct trajectory_header){
        .episode = 5, .rows = rows, .n_result = shape->n_result, .score = 0.5};
    trajectory_seal(shape, block);
}

// Everything written through a view is still there once all is written: no two arrays overlap.
static void test_round_trip(void **state)
{
    (void)state;
    for (int s = 0; s < SHAPES; s++) {
        const struct trajectory_shape *shape = &shapes[s];
        const size_t bytes = trajectory_bytes(shape);
        assert_true(bytes % 8 == 0);
        void *block = malloc(bytes), *copy = malloc(bytes);
        fill(shape, block);
        memcpy(copy, block, bytes);
        assert_ok(trajectory_check(shape, copy, bytes));
        struct trajectory view;
        trajectory_view(shape, copy, &view);
        assert_int_equal(view.header->episode, 5);
        for (int row = 0; row < shape->rows; row++) {
            for (int i = 0; i < shape->n_obs; i++) {
                assert_true(view.obs[row * shape->n_obs + i] == (float)(1000 * row + i));
            }
            for (int i = 0; i < shape->n_choices; i++) {
                assert_true(view.position[row * shape->n_choices + i] == (float)(-1000 * row - i));
                assert_int_equal(view.legal[row * shape->n_choices + i], (uint8_t)(3 * row + i));
            }
            assert_int_equal(view.choices[row], shape->n_choices);
            assert_int_equal(view.action[row], row % shape->n_choices);
            assert_true(view.raw[row] == 0.25F * (float)row);
            assert_true(view.logp[row] == -0.5F * (float)row);
            assert_true(view.reward[row] == 7.0F * (float)row);
            assert_int_equal(view.flags[row], row == shape->rows - 1 ? FLAG_TRUNCATED : 0);
            assert_int_equal(view.categorical[row], row % 2);
        }
        for (int i = 0; i < shape->n_result; i++) {
            assert_int_equal(view.result[i], 100 + i);
        }
        free(copy);
        free(block);
    }
}

// One bit anywhere behind the header, and two in the same place of two words.
static void test_damage(void **state)
{
    (void)state;
    const struct trajectory_shape *shape = &shapes[1];
    const size_t bytes = trajectory_bytes(shape);
    unsigned char *block = malloc(bytes);
    fill(shape, block);
    for (size_t at = sizeof(struct trajectory_header); at < bytes; at++) {
        for (int bit = 0; bit < 8; bit++) {
            block[at] ^= (unsigned char)(1 << bit);
            assert_fails(trajectory_check(shape, block, bytes), ERR_COMM, "checksum");
            if (at + 8 < bytes) {
                block[at + 8] ^= (unsigned char)(1 << bit);
                assert_fails(trajectory_check(shape, block, bytes), ERR_COMM, "checksum");
                block[at + 8] ^= (unsigned char)(1 << bit);
            }
            block[at] ^= (unsigned char)(1 << bit);
        }
    }
    assert_ok(trajectory_check(shape, block, bytes));
    free(block);
}

static void test_wrong_header(void **state)
{
    (void)state;
    const struct trajectory_shape *shape = &shapes[1];
    const size_t bytes = trajectory_bytes(shape);
    void *block = malloc(bytes);
    struct trajectory_header *header = block;
    fill(shape, block);
    assert_fails(trajectory_check(shape, block, bytes - 8), ERR_COMM, "bytes");
    assert_fails(trajectory_check(shape, block, 8), ERR_COMM, "header");
    assert_fails(trajectory_check(&shapes[2], block, bytes), ERR_COMM, "shape");
    header->magic++;
    assert_fails(trajectory_check(shape, block, bytes), ERR_COMM, "no trajectory");
    header->magic--;
    const struct trajectory_header good = *header;
    header->rows = shape->rows + 1;
    assert_fails(trajectory_check(shape, block, bytes), ERR_COMM, "rows");
    *header = good;
    header->n_result = -1;
    assert_fails(trajectory_check(shape, block, bytes), ERR_COMM, "results");
    *header = good;
    header->failure = FAILURE_COUNT;
    assert_fails(trajectory_check(shape, block, bytes), ERR_COMM, "failure");
    *header = good;
    header->score = (double)NAN;
    assert_fails(trajectory_check(shape, block, bytes), ERR_COMM, "score");
    free(block);
}

// A sealed block whose actions are none of the choices: a wrong environment, not a torn message.
static void test_wrong_action(void **state)
{
    (void)state;
    const struct trajectory_shape *shape = &shapes[1];
    const size_t bytes = trajectory_bytes(shape);
    void *block = malloc(bytes);
    fill(shape, block);
    struct trajectory view;
    trajectory_view(shape, block, &view);
    view.action[2] = shape->n_choices;
    trajectory_seal(shape, block);
    assert_fails(trajectory_check(shape, block, bytes), ERR_COMM, "row 2");
    view.action[2] = 0;
    view.action[shape->rows - 1] = -1; // the truncated row takes none
    trajectory_seal(shape, block);
    assert_ok(trajectory_check(shape, block, bytes));
    free(block);
}

static void test_header_alone(void **state)
{
    (void)state;
    const struct trajectory_shape *shape = &shapes[1];
    struct trajectory_header header = {
        .magic = TRAJECTORY_MAGIC, .layout = trajectory_layout(shape), .failure = FAILURE_HANG};
    assert_ok(trajectory_check(shape, &header, sizeof header));
    header.rows = 1;
    assert_fails(trajectory_check(shape, &header, sizeof header), ERR_COMM, "bytes");
}

static void test_layouts_differ(void **state)
{
    (void)state;
    const struct trajectory_shape a = {.rows = 3, .n_obs = 4, .n_choices = 5, .n_result = 6};
    const struct trajectory_shape others[] = {
        {4, 3, 5, 6}, {3, 4, 6, 5}, {3, 4, 5, 7}, {4, 4, 5, 6}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(trajectory_layout(&a) != trajectory_layout(&others[i]));
    }
    assert_true(trajectory_layout(&a) == trajectory_layout(&(struct trajectory_shape){3, 4, 5, 6}));
}

static void test_failure_names(void **state)
{
    (void)state;
    assert_string_equal(failure_name(FAILURE_NONE), "none");
    assert_string_equal(failure_name(FAILURE_DIVERGED), "diverged");
    for (int i = 0; i < FAILURE_COUNT; i++) {
        assert_non_null(failure_name((enum failure_reason)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(failure_name((enum failure_reason)i),
                                    failure_name((enum failure_reason)j));
        }
    }
    assert_string_equal(failure_name(FAILURE_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_damage),
        cmocka_unit_test(test_wrong_header),  cmocka_unit_test(test_wrong_action),
        cmocka_unit_test(test_header_alone),  cmocka_unit_test(test_layouts_differ),
        cmocka_unit_test(test_failure_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
