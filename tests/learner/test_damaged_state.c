// Checkpoints that are whole, with the right checksum, and say what cannot be: written by a
// stranger. Every array is checked before it is used; the error names file and array.
#include "core/file.h"
#include "core/log.h"
#include "learner/learner_internal.h"
#include "player_case.h"
#include "test_unit.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

struct variant {
    const struct method_ops *method;
    bool known;
    enum learner_mode mode;
    bool cells;
};
static const struct variant variants[] = {
    {&method_impala, false, MODE_SYNC, false},    {&method_amc, false, MODE_SYNC, false},
    {&method_evolution, false, MODE_SYNC, false}, {&method_evolution, true, MODE_ASYNC, false},
    {&method_random, true, MODE_SYNC, false},     {&method_oneshot, true, MODE_SYNC, false},
    {&method_local, true, MODE_SYNC, false},      {&method_sensitivity, true, MODE_SYNC, false},
    {&method_bayes, true, MODE_ASYNC, false},     {&method_impala, false, MODE_ASYNC, false},
    {&method_copy, true, MODE_SYNC, true},        {&method_bayes, true, MODE_SYNC, true},
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

static void open_variant(struct loop_case *c, const struct variant *variant)
{
    player_set_method(c, variant->method, 12);
    c->learner.mode = variant->mode;
    c->learner.batch = 4;
    c->known = variant->known;
    c->cells = variant->cells;
    if (!variant->method->policy) {
        c->n_weights = 0;
        c->policy = (struct game_policy){0};
    }
}

// A learner stopped amid its work, with a checkpoint.
static void stop_amid(struct loop_case *c, const struct variant *variant)
{
    open_variant(c, variant);
    c->stop_after = 3;
    assert_ok(loop_case_open(c));
    assert_ok(loop_case_run(c, true));
}

static struct state_item *find_item(struct loop_case *c, const char *name)
{
    struct state_list *list = &c->opened->state;
    for (int i = 0; i < list->n; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return &list->items[i];
        }
    }
    fail_msg("no %s in the state of %s", name, c->method->name);
    return NULL;
}

// Saves the learner's state as it is in memory, and opens another learner on it.
static enum status reopen(struct loop_case *c, struct loop_case *again)
{
    char path[512], previous[512];
    assert_ok(file_join(path, sizeof path, c->folder.path, "checkpoint.h5"));
    assert_ok(file_join(previous, sizeof previous, c->folder.path, "checkpoint.previous.h5"));
    (void)remove(previous);
    assert_ok(state_list_save(&c->opened->state, c->identity, path));
    *again = *c;
    again->opened = NULL;
    again->transport = (struct transport){0};
    return loop_case_open(again);
}

static double get_element(const struct state_item *item, size_t i)
{
    return item->type == HDF5_I32   ? (double)((int32_t *)item->data)[i]
           : item->type == HDF5_I64 ? (double)((int64_t *)item->data)[i]
           : item->type == HDF5_F32 ? (double)((float *)item->data)[i]
                                    : ((double *)item->data)[i];
}

// False when the type has no such value.
static bool set_element(struct state_item *item, size_t i, double value)
{
    if (item->type == HDF5_I32 && (fabs(value) > INT32_MAX || isnan(value))) {
        return false;
    }
    if (item->type == HDF5_I64 && (fabs(value) > 9e18 || isnan(value))) {
        return false;
    }
    switch (item->type) {
    case HDF5_U8:
        ((uint8_t *)item->data)[i] = (uint8_t)value;
        break;
    case HDF5_I32:
        ((int32_t *)item->data)[i] = (int32_t)value;
        break;
    case HDF5_I64:
        ((int64_t *)item->data)[i] = (int64_t)value;
        break;
    case HDF5_F32:
        ((float *)item->data)[i] = (float)value;
        break;
    default:
        ((double *)item->data)[i] = value;
        break;
    }
    return true;
}

// whole: by way of a file, which takes longer.
static void refuse_element(struct loop_case *c, struct state_item *item, size_t at, double value,
                           bool whole)
{
    const double kept = get_element(item, at);
    struct loop_case again;
    char quoted[96];
    snprintf(quoted, sizeof quoted, "checkpoint.h5: '%s' holds", item->name);
    if (set_element(item, at, value)) {
        assert_fails(state_list_check(&c->opened->state, "checkpoint.h5"), ERR_INPUT, quoted);
        if (whole) {
            assert_fails(reopen(c, &again), ERR_INPUT, quoted);
            loop_case_drop(&again);
        }
    }
    (void)set_element(item, at, kept);
}

// Each number outside of its bounds, in its first and its last element.
static void numbers_out_of_bounds(void **state)
{
    (void)state;
    int n = 0;
    for (size_t v = 0; v < N_VARIANTS; v++) {
        struct loop_case c, again;
        stop_amid(&c, &variants[v]);
        assert_ok(reopen(&c, &again)); // as it is
        loop_case_drop(&again);
        for (int k = 0; k < c.opened->state.n; k++) {
            struct state_item *item = &c.opened->state.items[k];
            if (!item->bounded || item->count == 0) {
                continue;
            }
            const bool real = item->type == HDF5_F32 || item->type == HDF5_F64;
            const double values[] = {item->least - 1.0, item->most + 1.0, (double)NAN};
            for (size_t i = 0; i < 3; i++) {
                const bool beyond = i == 2 || item->most < 1e15;
                if (beyond) {
                    refuse_element(&c, item, i == 1 ? item->count - 1 : 0, values[i], n % 16 == 0);
                    n++;
                } else if (real) {
                    refuse_element(&c, item, 0, i == 0 ? -(double)INFINITY : (double)INFINITY,
                                   n % 16 == 0);
                    n++;
                }
            }
        }
        loop_case_close(&c);
    }
    assert_true(n > 300);
}

// Numbers that are within their bounds and contradict each other.
static void numbers_that_contradict(void **state)
{
    (void)state;
    static const struct {
        int variant;
        const char *item;
        size_t at;
        double value;
        const char *said;
    } cases[] = {
        {0, "learner.counts", COUNT_UPDATES, 9, "'learner.counts'"},
        {0, "learner.counts", COUNT_DECIDED, 99, "'learner.counts'"},
        {0, "learner.counts", COUNT_PENDING, 5, "tickets under way"},
        {0, "learner.counts", COUNT_PENDING, 0, "'learner.pending'"},
        {0, "learner.versions", 0, 77, "'learner.versions' lacks version"},
        {0, "best", offsetof(struct trajectory_header, rows), 99, "'best', episode 0"},
        {0, "best", offsetof(struct trajectory_header, n_result), 99, "'best', episode 0"},
        {0, "best", offsetof(struct trajectory_header, task), 1, "'best', episode 0"},
        {0, "best", offsetof(struct trajectory_header, failure), 9, "'best', episode 0"},
        {1, "amc.counts", 0, 7, "'amc.counts'"},
        {1, "amc.counts", 5, 1e6, "'amc.counts'"},
        {2, "evolution.steps", 0, 0, "member 0 of task 0"},
        {2, "evolution.actions", 0, 31, "member 0 of task 0"},
        {4, "learner.rows", 0, 1e6, "row counts make no sense"},
        {4, "learner.rows", 2, 1e6, "'updates' has"},
        {4, "archive.choices", 2, 200, "choice 200 of 8 at step 1"},
        {6, "trials.choices", 0, 8, "choice 8 of 8 at step 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct loop_case c, again;
        stop_amid(&c, &variants[cases[i].variant]);
        struct state_item *item = find_item(&c, cases[i].item);
        assert_true(cases[i].at < item->count);
        (void)set_element(item, cases[i].at, cases[i].value);
        const enum status status = reopen(&c, &again);
        if (status != ERR_INPUT) {
            fail_msg("%s[%zu] = %g: status %d", cases[i].item, cases[i].at, cases[i].value, status);
        }
        if (strstr(status_message(), cases[i].said) == NULL) {
            fail_msg("%s[%zu]: %s", cases[i].item, cases[i].at, status_message());
        }
        loop_case_drop(&again);
        loop_case_close(&c);
    }
}

// Each field of a ticket that waits.
static void tickets_that_cannot_be(void **state)
{
    (void)state;
    struct loop_case c, again;
    stop_amid(&c, &variants[4]);
    struct ticket *pending = c.opened->pending;
    assert_int_equal(c.opened->counts[COUNT_PENDING], 4);
    const struct ticket kept = pending[1];
    struct ticket bad[12];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bad[i] = kept;
    }
    bad[0].kind = TICKET_STOP;
    bad[1].kind = 99;
    bad[2].task = c.n_tasks;
    bad[3].task = -1;
    bad[4].episode++;
    bad[5].episode = -1;
    bad[6].version++;
    bad[7].source = 5;
    bad[8].n_given = TICKET_MOST_GIVEN + 1;
    bad[9].noise = NAN;
    bad[10].budget = -1.0F;
    bad[11].source = ACTIONS_GIVEN;
    bad[11].n_given = GAME_GROUPS;
    bad[11].given[2] = GAME_CHOICES + 100;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pending[1] = bad[i];
        const enum status status = reopen(&c, &again);
        if (status != ERR_INPUT) {
            fail_msg("ticket %zu: status %d", i, status);
        }
        loop_case_drop(&again);
    }
    pending[1] = kept;
    assert_ok(reopen(&c, &again));
    loop_case_drop(&again);
    loop_case_close(&c);
}

static int quiet(void **state)
{
    log_set_level(LOG_QUIET);
    return players_open(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_out_of_bounds),
        cmocka_unit_test(numbers_that_contradict),
        cmocka_unit_test(tickets_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, quiet, players_close);
}
