// What a sensitivity analysis measures, and the curves it makes of that.
#include "learner/methods/damage.h"
#include "loop_case.h"
#include "test_unit.h"

#include <math.h>

enum { MOST = 64 };

struct measured {
    struct sensing sensing;
    int32_t state[MOST];
    int64_t episode[MOST];
    double reward[MOST];
    double loss[GAME_GROUPS * GAME_CHOICES];
};

static void plan(struct measured *m, int most)
{
    *m = (struct measured){0};
    sensing_init(&game_space(1)->tasks[0], most, 0.25, &m->sensing);
    assert_true(m->sensing.n <= most && m->sensing.n <= MOST);
    sensing_place(&m->sensing, m->state, m->episode, m->reward);
}

static void know(struct measured *m, int measurement, double reward)
{
    m->state[measurement] = SENSING_KNOWN;
    m->reward[measurement] = reward;
}

static double loss_at(const struct measured *m, int step, int choice)
{
    return m->loss[step * GAME_CHOICES + choice];
}

static bool make(struct measured *m, int kind, double noise)
{
    return damage_curves(&m->sensing, damage_kinds[kind], noise, GAME_CHOICES, m->loss);
}

static void one_part_is_cut_at_a_time(void **state)
{
    (void)state;
    static const int most[] = {3, 4, 7, 19, 40};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        struct measured m;
        bool cut[GAME_GROUPS] = {false};
        plan(&m, most[i]);
        for (int next = sensing_next(&m.sensing); next >= 0; next = sensing_next(&m.sensing)) {
            int16_t choices[GAME_GROUPS];
            int n = 0;
            sensing_choices(&m.sensing, next, choices);
            for (int step = 0; step < GAME_GROUPS; step++) {
                n += choices[step] < GAME_CHOICES - 1 ? 1 : 0;
                cut[step] = cut[step] || choices[step] < GAME_CHOICES - 1;
            }
            assert_true(next == 0 ? n == 0 : n >= 1 && n <= (GAME_GROUPS + 1) / 2);
            assert_true(n <= 1 || m.sensing.parts < GAME_GROUPS);
            know(&m, next, 0.5);
        }
        for (int step = 0; step < GAME_GROUPS; step++) {
            assert_true(cut[step]);
        }
    }
}

static void too_few_are_not_made(void **state)
{
    (void)state;
    struct measured m;
    plan(&m, 2);
    assert_int_equal(m.sensing.n, 0);
    assert_int_equal(sensing_next(&m.sensing), -1);
    assert_false(make(&m, 0, 0.0));
    plan(&m, 7);
    assert_false(make(&m, 0, 0.0)); // nothing has come back yet
}

static void check_shape(const struct measured *m)
{
    for (int step = 0; step < GAME_GROUPS; step++) {
        assert_float_equal(loss_at(m, step, GAME_CHOICES - 1), 0.0, 1e-12);
        for (int c = 1; c < GAME_CHOICES; c++) {
            assert_true(loss_at(m, step, c - 1) >= loss_at(m, step, c));
        }
    }
}

static void curves_go_through_what_was_measured(void **state)
{
    (void)state;
    for (int kind = 0; kind < DAMAGE_KINDS; kind++) {
        struct measured m;
        plan(&m, 7);
        know(&m, 0, 0.9);
        for (int part = 0; part < GAME_GROUPS; part++) {
            know(&m, 1 + part, 0.6);
        }
        assert_true(make(&m, kind, 0.0));
        check_shape(&m);
        const double lost = damage_kinds[kind].sum == DAMAGE_LOG    ? log(0.9 / 0.6)
                            : damage_kinds[kind].sum == DAMAGE_LOSS ? 0.3
                                                                    : 0.09;
        for (int step = 0; step < GAME_GROUPS; step++) {
            const int choice = sensing_choice(&m.sensing, step, 0);
            assert_float_equal(loss_at(&m, step, choice), lost, 1e-6);
        }
        know(&m, 3, 0.2); // part 2 is worth more than the others, part 5 nothing
        know(&m, 6, 0.95);
        assert_true(make(&m, kind, 0.0));
        check_shape(&m);
        assert_true(loss_at(&m, 2, 0) > 2.0 * loss_at(&m, 1, 0));
        assert_true(loss_at(&m, 5, 0) > 0.0 && loss_at(&m, 5, 0) < 0.5 * loss_at(&m, 1, 0));
    }
}

static void unknown_parts_are_like_their_neighbours(void **state)
{
    (void)state;
    struct measured m;
    plan(&m, 7);
    know(&m, 0, 0.9);
    know(&m, 1, 0.8);
    know(&m, 3, 0.5);
    m.state[2] = SENSING_NONE; // came to nothing
    assert_true(make(&m, 1, 0.0));
    check_shape(&m);
    assert_true(loss_at(&m, 1, 0) > loss_at(&m, 0, 0) && loss_at(&m, 1, 0) < loss_at(&m, 2, 0));
    assert_true(fabs(loss_at(&m, 4, 0) - loss_at(&m, 2, 0)) < 0.2 * loss_at(&m, 2, 0));
}

// A part of two steps that loses as much as a part of one has steps half as dear.
static void parts_share_their_damage(void **state)
{
    (void)state;
    struct measured m;
    plan(&m, 5); // four parts: 2, 1, 2 and 1 steps
    know(&m, 0, 0.9);
    for (int part = 0; part < 4; part++) {
        know(&m, 1 + part, 0.7);
    }
    assert_true(make(&m, 1, 0.0));
    check_shape(&m);
    for (int step = 1; step < GAME_GROUPS; step++) {
        const bool same = sensing_part(&m.sensing, step) == sensing_part(&m.sensing, 0);
        assert_true(same || sensing_part(&m.sensing, step) == 2 ||
                    loss_at(&m, step, 0) > 1.5 * loss_at(&m, 0, 0));
    }
}

static void noise_brings_them_together(void **state)
{
    (void)state;
    struct measured m;
    double spread[2];
    plan(&m, 7);
    know(&m, 0, 0.9);
    for (int part = 0; part < GAME_GROUPS; part++) {
        know(&m, 1 + part, part % 2 == 0 ? 0.8 : 0.7);
    }
    for (int i = 0; i < 2; i++) {
        assert_true(make(&m, 1, i == 0 ? 0.0 : 0.05));
        spread[i] = loss_at(&m, 1, 0) - loss_at(&m, 0, 0);
    }
    assert_true(spread[1] > 0.0 && spread[1] < 0.5 * spread[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_part_is_cut_at_a_time),
        cmocka_unit_test(too_few_are_not_made),
        cmocka_unit_test(curves_go_through_what_was_measured),
        cmocka_unit_test(unknown_parts_are_like_their_neighbours),
        cmocka_unit_test(parts_share_their_damage),
        cmocka_unit_test(noise_brings_them_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
