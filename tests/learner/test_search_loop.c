// The loop: the same bytes whoever answers when, and nothing lost whatever actors do.
#include "core/file.h"
#include "core/log.h"
#include "learner/run_rows.h"
#include "run_outcome.h"
#include "test_unit.h"
#include "transport/transport_ops.h"

static void check_budget(const struct loop_case *c, const struct run_outcome *o)
{
    int fresh[GAME_TASKS] = {0}, episodes[GAME_TASKS] = {0};
    for (int64_t i = 0; i < o->n_episodes; i++) {
        const struct episode_row *row = &o->episodes[i];
        fresh[row->task] += row->fresh;
        episodes[row->task]++;
        assert_true(row->failure == 0 || row->fresh == 0);
        for (int64_t k = 0; k < i && row->fresh && row->n_widths > 0; k++) { // distinct
            const struct episode_row *other = &o->episodes[k];
            assert_false(other->task == row->task && other->failure == 0 &&
                         memcmp(other->widths, row->widths, sizeof row->widths) == 0);
        }
    }
    for (int task = 0; task < c->n_tasks; task++) {
        const int most = 8 * c->search.evaluations;
        assert_true(fresh[task] == c->search.evaluations || episodes[task] == most);
        assert_true(episodes[task] <= most);
        assert_int_equal(learner_evaluations(c->opened, task), fresh[task]);
    }
}

static void run_to_end(struct loop_case *c, struct run_outcome *out)
{
    assert_ok(loop_case_open(c));
    assert_ok(loop_case_run(c, false));
    run_outcome_read(c, out);
    check_budget(c, out);
    assert_int_equal(c->stale, 0);
}

struct variant {
    int lag, fail_every;
    bool candidates;
};
static const struct variant variants[] = {{0, 0, true}, {3, 5, true}, {1, 7, false}};

static void set_variant(struct loop_case *c, const struct variant *variant)
{
    loop_case_defaults(c);
    c->learner.lag = variant->lag;
    c->search.evaluations = 10;
    c->fail_every = variant->fail_every;
    game_shape(variant->candidates, &c->shape);
}

static void actors_do_not_matter(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 3, 7};
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        struct run_outcome first = {0};
        for (int i = 0; i < 4; i++) {
            struct loop_case c;
            struct run_outcome this;
            set_variant(&c, &variants[v]);
            c.actors = counts[i];
            c.order = (uint64_t)i;
            c.manners = (struct manners){.late = 10, .twice = 10};
            run_to_end(&c, i == 0 ? &first : &this);
            if (i > 0) {
                run_outcome_assert_same(&first, &this);
                arena_close(&this.arena);
            }
            loop_case_close(&c);
        }
        arena_close(&first.arena);
    }
}

// Nor how many tickets each of them takes at once, answers in any order, and however many there are
// to be had.
static void batches_do_not_matter(void **state)
{
    (void)state;
    static const int at_once[] = {1, 3, 8, 16};
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        struct run_outcome first = {0};
        for (int i = 0; i < 8; i++) {
            struct loop_case c;
            struct run_outcome this;
            set_variant(&c, &variants[v]);
            c.at_once = at_once[i % 4];
            c.actors = 1 + i / 4;
            c.learner.batch = 6;
            c.order = (uint64_t)i;
            c.manners = (struct manners){.late = 10, .twice = 10};
            run_to_end(&c, i == 0 ? &first : &this);
            // All of an update, or what an actor takes; half of it where there are two.
            const int most = c.actors == 1 ? 6 : 3;
            assert_true(c.largest >= (c.at_once < most ? c.at_once : most));
            if (i > 0) {
                run_outcome_assert_same(&first, &this);
                arena_close(&this.arena);
            }
            loop_case_close(&c);
        }
        arena_close(&first.arena);
    }
}

static void goes_on_after_a_kill(void **state)
{
    (void)state;
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        struct loop_case c;
        struct run_outcome whole, parts;
        set_variant(&c, &variants[v]);
        run_to_end(&c, &whole);
        loop_case_close(&c);

        set_variant(&c, &variants[v]);
        int kills = 0;
        for (int64_t stop = 1 + (int64_t)v; stop < whole.n_updates; stop += 3) {
            c.actors = 1 + (int)(stop % 3);
            c.at_once = stop % 2 ? 4 : 1;
            c.order = (uint64_t)stop;
            c.stop_after = stop;
            assert_ok(loop_case_open(&c));
            assert_ok(loop_case_run(&c, kills++ % 3 != 1)); // every third is lost
            loop_case_drop(&c);
        }
        c.stop_after = 0;
        run_to_end(&c, &parts);
        run_outcome_assert_same(&whole, &parts);
        loop_case_drop(&c);
        arena_close(&parts.arena);
        run_to_end(&c, &parts); // once more: done is done
        run_outcome_assert_same(&whole, &parts);
        loop_case_close(&c);
        arena_close(&whole.arena);
        arena_close(&parts.arena);
    }
}

static void flip_bytes(const char *path, size_t from, size_t n)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fseek(file, (long)(from + i), SEEK_SET), 0);
        const int byte = fgetc(file);
        assert_int_equal(fseek(file, (long)(from + i), SEEK_SET), 0);
        assert_int_not_equal(fputc(byte ^ 0x55, file), EOF);
    }
    assert_int_equal(fclose(file), 0);
}

static void stop_at(struct loop_case *c, int64_t update)
{
    c->stop_after = update;
    assert_ok(loop_case_open(c));
    assert_ok(loop_case_run(c, true));
    loop_case_drop(c);
}

static void damaged_checkpoint_falls_back(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome whole, parts;
    set_variant(&c, &variants[1]);
    run_to_end(&c, &whole);
    loop_case_close(&c);

    set_variant(&c, &variants[1]);
    stop_at(&c, 2);
    stop_at(&c, 4);
    const char *path = test_folder_path(&c.folder, "checkpoint.h5");
    flip_bytes(path, 3000, 300);
    c.stop_after = 0;
    run_to_end(&c, &parts);
    run_outcome_assert_same(&whole, &parts);
    assert_true(file_exists(test_folder_path(&c.folder, "checkpoint.damaged.h5")));
    loop_case_drop(&c);

    // Killed between the two renames of a checkpoint.
    char newest[512], next[512];
    snprintf(newest, sizeof newest, "%s", test_folder_path(&c.folder, "checkpoint.h5"));
    snprintf(next, sizeof next, "%s", test_folder_path(&c.folder, "checkpoint.next.h5"));
    assert_int_equal(rename(newest, next), 0);
    arena_close(&parts.arena);
    run_to_end(&c, &parts);
    run_outcome_assert_same(&whole, &parts);
    loop_case_drop(&c);

    // Nothing whole is left.
    flip_bytes(newest, 3000, 300);
    flip_bytes(test_folder_path(&c.folder, "checkpoint.previous.h5"), 3000, 300);
    assert_fails(loop_case_open(&c), ERR_INPUT, "damaged");
    loop_case_close(&c);
    arena_close(&whole.arena);
    arena_close(&parts.arena);
}

static void another_run_is_refused(void **state)
{
    (void)state;
    struct loop_case c;
    loop_case_defaults(&c);
    stop_at(&c, 2);
    c.identity = "another game";
    c.search.evaluations = 7; // other sizes, too
    assert_fails(loop_case_open(&c), ERR_CONFIG, "another config");
    loop_case_drop(&c);
    c.search.schedule = SCHEDULE_TIME;
    assert_fails(loop_case_open(&c), ERR_CONFIG, "search.schedule");
    loop_case_close(&c);
}

static void async_loses_nothing(void **state)
{
    (void)state;
    static const int actors[] = {1, 5, 40};
    for (size_t i = 0; i < 3; i++) {
        for (int variant = 0; variant < 4; variant++) {
            struct loop_case c;
            struct run_outcome o;
            loop_case_defaults(&c);
            game_shape(variant % 2 != 0, &c.shape);
            c.at_once = variant < 2 ? 1 : 5;
            c.learner.mode = MODE_ASYNC;
            c.actors = actors[i];
            c.search.evaluations = 40;
            c.fail_every = 9;
            c.lease_seconds = 0.003;
            c.manners = (struct manners){.late = 5, .twice = 10, .never = 10, .damage = 0};
            assert_ok(loop_case_open(&c));
            assert_ok(loop_case_run(&c, false));
            run_outcome_read(&c, &o);
            check_budget(&c, &o);
            struct learner_summary summary;
            learner_summarize(c.opened, &summary);
            assert_int_equal(summary.episodes, o.n_episodes);
            assert_int_equal(summary.evaluations, GAME_TASKS * c.search.evaluations);
            for (int64_t k = 0; k < o.n_episodes; k++) {
                assert_true(o.episodes[k].lag >= 0);
            }
            assert_true(c.largest == c.at_once || c.actors == 40); // whom less than that is left
            // Two batches of tickets per actor, each of them at most lent on a few times.
            assert_true(summary.lag_mean <= 1.0 + 4.0 * c.actors * c.at_once / c.learner.batch);
            arena_close(&o.arena);
            loop_case_close(&c);
        }
    }
}

static void unreliable_actors_change_nothing(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome good, bad;
    set_variant(&c, &variants[1]);
    run_to_end(&c, &good);
    loop_case_close(&c);

    set_variant(&c, &variants[1]);
    c.actors = 6;
    c.lease_seconds = 0.002;
    c.manners = (struct manners){.late = 10, .twice = 10, .never = 30, .damage = 2};
    run_to_end(&c, &bad);
    run_outcome_assert_same(&good, &bad);
    loop_case_close(&c);

    set_variant(&c, &variants[1]);
    c.manners = (struct manners){.damage = 100};
    assert_ok(loop_case_open(&c));
    assert_fails(loop_case_run(&c, false), ERR_COMM, "no actor");
    loop_case_close(&c);
    arena_close(&good.arena);
    arena_close(&bad.arena);
}

// Without any lease: only its loss gives back what an actor had.
static struct transport_ops losing_ops;
static int loss_looks;

static bool loses_odd_actors(struct transport *t, int actor)
{
    (void)t;
    return actor % 2 == 1 && ++loss_looks > 20;
}

static bool loses_all(struct transport *t, int actor)
{
    (void)t, (void)actor;
    return ++loss_looks > 20;
}

static void lost_actors_give_their_tickets_back(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome good, bad;
    set_variant(&c, &variants[1]);
    run_to_end(&c, &good);
    loop_case_close(&c);

    set_variant(&c, &variants[1]);
    c.actors = 4;
    c.lease_seconds = 0;
    c.manners = (struct manners){.never = 50};
    assert_ok(loop_case_open(&c));
    losing_ops = *c.transport.ops;
    losing_ops.lost = loses_odd_actors;
    c.transport.ops = &losing_ops;
    loss_looks = 0;
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &bad);
    run_outcome_assert_same(&good, &bad);
    loop_case_close(&c);

    set_variant(&c, &variants[1]);
    assert_ok(loop_case_open(&c));
    losing_ops.lost = loses_all;
    c.transport.ops = &losing_ops;
    loss_looks = 0;
    assert_fails(loop_case_run(&c, false), ERR_COMM, "actors are gone");
    loop_case_close(&c);
    arena_close(&good.arena);
    arena_close(&bad.arena);
}

static void hundreds_of_actors(void **state)
{
    (void)state;
    for (int sync = 0; sync < 2; sync++) {
        struct loop_case c;
        struct run_outcome o;
        loop_case_defaults(&c);
        c.learner.mode = sync ? MODE_SYNC : MODE_ASYNC;
        c.learner.batch = 32;
        c.learner.lag = 2;
        c.actors = 512;
        c.search.evaluations = 700;
        c.lease_seconds = 60.0;
        c.method = &method_random;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, false));
        run_outcome_read(&c, &o);
        int fresh[GAME_TASKS] = {0};
        for (int64_t i = 0; i < o.n_episodes; i++) {
            fresh[o.episodes[i].task] += o.episodes[i].fresh;
            assert_true(!sync || o.episodes[i].lag <= 2);
        }
        for (int64_t i = 0; i < o.n_updates; i++) {
            const int most = i < 2 ? (int)i : 2; // update i learns from version i - 2, at least 0
            assert_true(!sync || o.updates[i].lag_least == most);
            assert_true(!sync || o.updates[i].lag_most == most);
        }
        for (int task = 0; task < GAME_TASKS; task++) {
            assert_int_equal(fresh[task], c.search.evaluations);
        }
        arena_close(&o.arena);
        loop_case_close(&c);
    }
}

// All tasks start from the same share of everything and the game's two rankings, whatever the
// method; the best of a task are also those that other tasks of its model found.
static void known_candidates_come_first(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome o;
    loop_case_defaults(&c);
    c.method = &method_random;
    c.known = true;
    c.n_tasks = GAME_MOST_TASKS;
    c.search.start = START_RANKED;
    c.search.evaluations = 12;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &o);
    int given[GAME_MOST_TASKS] = {0};
    for (int64_t i = 0; i < o.n_episodes; i++) {
        const struct episode_row *row = &o.episodes[i];
        int16_t choices[GAME_GROUPS];
        if (row->source == ACTIONS_GIVEN && given[row->task] < GAME_SUGGESTIONS - 1) {
            const struct candidate_space *space = game_space(c.n_tasks);
            assert_true(space->suggest(NULL, row->task, ++given[row->task], choices));
            for (int group = 0; group < GAME_GROUPS; group++) {
                assert_int_equal(row->widths[group], 4 * (choices[group] + 1));
            }
            assert_true(space->holds(NULL, row->task, choices));
            assert_true(row->macs <= (int64_t)(1000.0 * game_budget(row->task) + 1.0));
        }
    }
    struct learner_candidate best[24];
    for (int task = 0; task < GAME_MOST_TASKS; task++) {
        assert_int_equal(given[task], GAME_SUGGESTIONS - 1);
        const int n = learner_best(c.opened, task, 24, best);
        const bool tighter = game_budget(task) < game_budget((task + 3) % GAME_MOST_TASKS);
        assert_true(tighter ? n >= 12 : n > 12);
    }
    arena_close(&o.arena);
    loop_case_close(&c);
}

static void hopeless_environment_ends_the_run(void **state)
{
    (void)state;
    struct loop_case c;
    loop_case_defaults(&c);
    c.fail_every = 1;
    assert_ok(loop_case_open(&c));
    assert_fails(loop_case_run(&c, false), ERR_INPUT, "all failed");
    loop_case_close(&c);
}

// A candidate that diverges is one that is worth 0: learnt from, counted, an evaluation; and the
// count is the same after a resume.
static void divergence_is_learnt_from(void **state)
{
    (void)state;
    struct loop_case c;
    struct run_outcome o;
    struct learner_summary summary;
    loop_case_defaults(&c);
    c.policy.diverge_every = 3;
    c.stop_after = 2;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, true));
    loop_case_drop(&c);
    c.stop_after = 0;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &o);
    learner_summarize(c.opened, &summary);
    int64_t diverged = 0, fresh = 0;
    for (int64_t i = 0; i < o.n_episodes; i++) {
        const struct episode_row *row = &o.episodes[i];
        if (row->failure == FAILURE_DIVERGED) {
            diverged++;
            fresh += row->fresh;
            assert_true(row->steps > 0 && row->reward == 0 && row->accuracy == 0);
        }
    }
    assert_true(diverged >= o.n_episodes / 3);
    assert_true(fresh > 0);
    assert_int_equal(summary.diverged, diverged);
    assert_int_equal(summary.failed, 0);
    arena_close(&o.arena);
    loop_case_close(&c);
}

static void actors_are_told_to_stop(void **state)
{
    (void)state;
    struct loop_case c;
    loop_case_defaults(&c);
    c.actors = 3;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    bool all = false;
    for (int i = 0; i < 100 && !all; i++) {
        struct ticket_batch batch;
        assert_ok(learner_stop_actors(c.opened, &all));
        for (int actor = 0; actor < c.actors; actor++) {
            assert_ok(transport_take_tickets(&c.transport, actor, &batch));
        }
    }
    assert_true(all);
    loop_case_close(&c);
}

int main(void)
{
    log_set_level(LOG_QUIET);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(actors_do_not_matter),
        cmocka_unit_test(batches_do_not_matter),
        cmocka_unit_test(goes_on_after_a_kill),
        cmocka_unit_test(damaged_checkpoint_falls_back),
        cmocka_unit_test(another_run_is_refused),
        cmocka_unit_test(async_loses_nothing),
        cmocka_unit_test(unreliable_actors_change_nothing),
        cmocka_unit_test(lost_actors_give_their_tickets_back),
        cmocka_unit_test(hundreds_of_actors),
        cmocka_unit_test(known_candidates_come_first),
        cmocka_unit_test(hopeless_environment_ends_the_run),
        cmocka_unit_test(divergence_is_learnt_from),
        cmocka_unit_test(actors_are_told_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
