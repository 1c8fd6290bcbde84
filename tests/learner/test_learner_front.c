// The front of a task as the learner keeps it, on the made-up pruning problem: against all episodes
// of the run, through a kill, and what does not count.
#include "core/log.h"
#include "learner/learner_front.h"
#include "learner/methods/method.h"
#include "run_outcome.h"
#include "test_unit.h"

#include <math.h>

static void set_case(struct loop_case *c, int n_tasks)
{
    loop_case_defaults(c);
    c->method = &method_random;
    c->known = true;
    c->n_tasks = n_tasks;
    c->n_weights = 0;
    c->search.evaluations = 60;
    c->fail_every = 7;
}

static void run_case(struct loop_case *c)
{
    assert_ok(loop_case_open(c));
    assert_ok(loop_case_run(c, true));
}

static bool counts(const struct episode_row *row, int task)
{
    return row->fresh && row->accuracy > 0 && game_model(row->task) == game_model(task) &&
           (double)row->macs <= 1000.0 * game_budget(task) + 0.5;
}

// A fresh candidate is on the front exactly if no other has more for the same or as much for less.
static bool stays(const struct run_outcome *o, int64_t i, int task)
{
    const struct episode_row *row = &o->episodes[i];
    for (int64_t k = 0; k < o->n_episodes; k++) {
        const struct episode_row *other = &o->episodes[k];
        if (counts(other, task) && other->accuracy >= row->accuracy && other->macs <= row->macs &&
            (other->accuracy > row->accuracy || other->macs < row->macs)) {
            return false;
        }
    }
    return true;
}

static void check_front(const struct run_outcome *o, int task, const struct learner_front *front)
{
    int n = 0;
    double area = 0;
    assert_true(front->known[CANDIDATE_MACS] && !front->known[CANDIDATE_PARAMS]);
    for (int i = 0; i < front->n; i++) {
        const struct learner_candidate *c = &front->candidates[i];
        const double last = i > 0 ? front->candidates[i - 1].score : c->score;
        assert_true(i == 0 || (c->score < last && c->macs < front->candidates[i - 1].macs));
        const double next = i + 1 < front->n ? front->candidates[i + 1].score : 0;
        area += (c->score - next) * (1 - (double)c->macs / 13000.0);
    }
    for (int64_t i = 0; i < o->n_episodes; i++) {
        if (counts(&o->episodes[i], task) && stays(o, i, task)) {
            bool found = false;
            for (int k = 0; k < front->n; k++) {
                found = found || (front->candidates[k].score == o->episodes[i].accuracy &&
                                  front->candidates[k].macs == o->episodes[i].macs);
            }
            assert_true(found);
            n++;
        }
    }
    assert_true(front->n > 3 && front->n <= n);
    assert_true(fabs(front->volume[CANDIDATE_MACS] - area) < 1e-12);
    assert_true(front->volume_all == front->volume[CANDIDATE_MACS]);
}

static void fronts_are_those_of_the_run(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome o;
    struct arena arena = {0};
    set_case(&c, GAME_MOST_TASKS);
    run_case(&c);
    run_outcome_read(&c, &o);
    for (int task = 0; task < c.n_tasks; task++) {
        struct learner_front front;
        assert_ok(learner_front(c.opened, task, &arena, &front));
        check_front(&o, task, &front);
    }
    arena_close(&arena);
    arena_close(&o.arena);
    loop_case_close(&c);
}

// It is made of the archive, so a checkpoint holds it.
static void fronts_survive(void **state)
{
    (void)state;
    struct loop_case c;
    struct arena arena = {0};
    struct learner_front before, after;
    set_case(&c, GAME_TASKS);
    run_case(&c);
    assert_ok(learner_front(c.opened, 1, &arena, &before));
    loop_case_drop(&c);
    assert_ok(loop_case_open(&c));
    assert_ok(learner_front(c.opened, 1, &arena, &after));
    assert_int_equal(before.n, after.n);
    assert_true(before.volume_all == after.volume_all && before.volume_all > 0);
    for (int i = 0; i < before.n; i++) {
        assert_int_equal(before.candidates[i].episode, after.candidates[i].episode);
    }
    arena_close(&arena);
    loop_case_close(&c);
}

static void there_is_none_without_costs(void **state)
{
    (void)state;
    struct loop_case c;
    struct arena arena = {0};
    struct learner_front front;
    set_case(&c, GAME_TASKS);
    c.known = false;
    run_case(&c);
    assert_ok(learner_front(c.opened, 0, &arena, &front));
    assert_int_equal(front.n, 0);
    arena_close(&arena);
    loop_case_close(&c);
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fronts_are_those_of_the_run),
        cmocka_unit_test(fronts_survive),
        cmocka_unit_test(there_is_none_without_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
