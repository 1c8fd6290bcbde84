// The archive of candidates against a plain list.
#include "core/rng.h"
#include "learner/archive.h"
#include "test_unit.h"

enum { TASKS = 2, CAPACITY = 50, WIDTHS = 3 };

static const struct trajectory_shape shape = {
    .rows = 2, .n_obs = 1, .n_choices = 1, .n_result = WIDTHS};

// A finished episode that found these widths.
static enum archive_answer put(struct archive *archive, int task, int64_t episode, double reward,
                               const int32_t *widths)
{
    static _Alignas(8) char block[512];
    struct trajectory t;
    CHECK(trajectory_bytes(&shape) <= sizeof block);
    trajectory_view(&shape, block, &t);
    *t.header = (struct trajectory_header){.episode = episode,
                                           .task = task,
                                           .rows = 1,
                                           .score = 0.5,
                                           .macs = 10 * episode,
                                           .n_result = archive->n_result};
    t.reward[0] = (float)reward;
    t.action[0] = (int32_t)(episode % 100);
    memcpy(t.result, widths, (size_t)archive->n_result * sizeof *widths);
    return archive_put(archive, &t);
}

// What a plain list says of the same episodes.
struct plain {
    int n[TASKS];
    int32_t widths[TASKS][CAPACITY][WIDTHS];
    double scores[TASKS][CAPACITY];
};

// -1 when it is not there.
static int plain_find(const struct plain *plain, int task, const int32_t *widths)
{
    for (int i = 0; i < plain->n[task]; i++) {
        if (memcmp(plain->widths[task][i], widths, sizeof plain->widths[task][i]) == 0) {
            return i;
        }
    }
    return -1;
}

static enum archive_answer plain_put(struct plain *plain, int task, double score,
                                     const int32_t *widths)
{
    if (plain_find(plain, task, widths) >= 0) {
        return ARCHIVE_KNOWN;
    }
    if (plain->n[task] == CAPACITY) {
        return ARCHIVE_FULL;
    }
    memcpy(plain->widths[task][plain->n[task]], widths, sizeof plain->widths[task][0]);
    plain->scores[task][plain->n[task]++] = score;
    return ARCHIVE_FRESH;
}

static int best_of(const struct archive *archive, int task, int most, struct learner_candidate *out)
{
    int n = 0;
    for (int i = 0; i < archive->counts[task]; i++) {
        struct learner_candidate candidate;
        archive_candidate(archive, task, i, &candidate);
        n = archive_insert(&candidate, n, most, out);
    }
    return n;
}

static void check_best(const struct archive *archive, const struct plain *plain, int task)
{
    struct learner_candidate best[8];
    const int n = best_of(archive, task, 8, best);
    assert_int_equal(n, plain->n[task] < 8 ? plain->n[task] : 8);
    for (int i = 0; i < n; i++) {
        int better = 0;
        for (int k = 0; k < plain->n[task]; k++) {
            better += plain->scores[task][k] > best[i].reward ? 1 : 0;
        }
        assert_true(better <= i);
        assert_true(i == 0 || best[i - 1].reward > best[i].reward ||
                    best[i - 1].episode < best[i].episode);
        assert_int_equal(best[i].macs, 10 * best[i].episode);
        assert_int_equal(best[i].choices[0], best[i].episode % 100);
        const int at = plain_find(plain, task, best[i].widths);
        assert_true(at >= 0 && plain->scores[task][at] == best[i].reward);
    }
}

static void agrees_with_a_plain_list(void **state)
{
    (void)state;
    static struct plain plain;
    struct arena arena = {0};
    struct archive archive;
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    assert_ok(archive_open(&(struct archive_sizes){TASKS, CAPACITY, WIDTHS, 1}, &arena, &archive));
    int answers[3] = {0};
    for (int64_t episode = 0; episode < 1000; episode++) {
        const int task = (int)rng_below(&rng, TASKS);
        const uint32_t most = task == 0 ? 4 : 12; // the first task's candidates run out
        const int32_t widths[WIDTHS] = {(int32_t)rng_below(&rng, most), (int32_t)rng_below(&rng, 3),
                                        (int32_t)rng_below(&rng, 3)};
        const double score = rng_below(&rng, 16) / 16.0; // with ties
        const enum archive_answer answer = put(&archive, task, episode, score, widths);
        assert_int_equal(answer, plain_put(&plain, task, score, widths));
        answers[answer]++;
        if (episode % 97 == 0) {
            assert_ok(archive_restore(&archive)); // as after a checkpoint
            check_best(&archive, &plain, task);
        }
    }
    assert_true(answers[ARCHIVE_FRESH] > 80 && answers[ARCHIVE_KNOWN] > 100 &&
                answers[ARCHIVE_FULL] > 50);
    archive.counts[1] = CAPACITY + 1;
    assert_fails(archive_restore(&archive), ERR_INPUT, "candidates");
    arena_close(&arena);
}

static void without_widths_each_episode_counts(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct archive archive;
    struct learner_candidate best[3];
    assert_ok(archive_open(&(struct archive_sizes){1, 3, 0, 0}, &arena, &archive));
    for (int64_t episode = 0; episode < 5; episode++) {
        assert_int_equal(put(&archive, 0, episode, 1.0, (int32_t[WIDTHS]){0}),
                         episode < 3 ? ARCHIVE_FRESH : ARCHIVE_FULL);
    }
    assert_int_equal(best_of(&archive, 0, 3, best), 3);
    assert_int_equal(best[2].episode, 2);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_list),
        cmocka_unit_test(without_widths_each_episode_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
