// Checkpoints: whatever stops a run, giving it again ends in the same bytes.
#include "core/clock.h"
#include "core/interrupt.h"
#include "train_case.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGES 1610 // 1449 to train on, no multiple of the batch
#define MOST_TRIES 60
#define EPOCHS 6

struct fixture {
    char folder[64], checkpoint[128];
};

static int make_folder(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    train_case_make_folder(f->folder, sizeof f->folder);
    snprintf(f->checkpoint, sizeof f->checkpoint, "%s/checkpoint.safetensors", f->folder);
    *state = f;
    return 0;
}

static int remove_folder(void **state)
{
    struct fixture *f = *state;
    train_case_remove_folder(f->folder);
    free(f);
    return 0;
}

static void open_case(struct train_case *c)
{
    train_case_open(c, IMAGES);
    c->recipe.epochs = EPOCHS;
    c->recipe.validation_share = 0.1;
}

// How long a whole run takes here, so that signals come in the middle of one. Microseconds.
static long time_run(void)
{
    struct train_case c;
    open_case(&c);
    const double start = clock_seconds();
    assert_ok(train_case_run(&c, NULL, NULL));
    const double seconds = clock_seconds() - start;
    train_case_close(&c);
    return (long)(seconds * 1e6);
}

static void send_interrupt(int signal_number)
{
    (void)signal_number;
    raise(SIGINT);
}

// In a child process: trains from the checkpoint until a signal comes, SIGINT if `politely`, else
// one that kills. Returns how the child ended.
enum ending { DONE, INTERRUPTED, KILLED };
static enum ending train_until_signal(const struct fixture *f, bool politely, long microseconds)
{
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct train_case c;
        open_case(&c);
        interrupt_install();
        const struct itimerval timer = {
            .it_value = {.tv_sec = microseconds / 1000000, .tv_usec = microseconds % 1000000}};
        signal(SIGALRM, politely ? send_interrupt : SIG_DFL);
        setitimer(ITIMER_REAL, &timer, NULL);
        const enum status code = train_case_run(&c, f->checkpoint, "same");
        _exit(code == OK ? DONE : code == ERR_INTERRUPTED ? INTERRUPTED : 9);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGALRM);
        return KILLED;
    }
    assert_true(WEXITSTATUS(status) == DONE || WEXITSTATUS(status) == INTERRUPTED);
    return WEXITSTATUS(status) == DONE ? DONE : INTERRUPTED;
}

// The files of the fixture's run and of one that nobody stopped.
static void check_same_as_uninterrupted(const struct fixture *f)
{
    struct train_case whole;
    struct train_case stopped;
    open_case(&whole);
    open_case(&stopped);
    assert_ok(train_case_run(&whole, NULL, NULL));
    assert_ok(train_case_run(&stopped, f->checkpoint, "same"));
    assert_true(stopped.report.resumed);
    assert_memory_equal(whole.network.params, stopped.network.params,
                        whole.network.graph.n_floats * sizeof(float));
    assert_memory_equal(whole.report.losses, stopped.report.losses, EPOCHS * sizeof(double));
    assert_true(whole.report.validation_accuracy == stopped.report.validation_accuracy);
    train_case_close(&whole);
    train_case_close(&stopped);
}

static void interrupted_runs_end_in_the_same_bytes(void **state)
{
    const struct fixture *f = *state;
    const long run = time_run();
    int interrupted = 0;
    for (int i = 0; i < MOST_TRIES; i++) {
        // Longer every time, so that it ends even where the clock runs unevenly.
        if (train_until_signal(f, true, run * (1 + i) / 8) == DONE) {
            break;
        }
        interrupted++;
    }
    assert_true(interrupted >= 1);
    check_same_as_uninterrupted(f);
}

static void killed_runs_end_in_the_same_bytes(void **state)
{
    const struct fixture *f = *state;
    const long run = time_run();
    train_until_signal(f, false, run / 3);
    train_until_signal(f, false, run / 2);
    // At least one epoch's checkpoint, whatever the moment of the kills was.
    struct train_case c;
    open_case(&c);
    assert_ok(train_case_run(&c, f->checkpoint, "same"));
    train_case_close(&c);
    check_same_as_uninterrupted(f);
}

// Slices of any length: the same bytes as in one go.
static void work_put_off_ends_in_the_same_bytes(void **state)
{
    const struct fixture *f = *state;
    struct train_case c;
    int64_t updates = 0;
    int slices = 0;
    bool finished = false;
    const double run = (double)time_run() / 1e6;
    for (; !finished; slices++) {
        open_case(&c);
        c.seconds = slices % 2 == 0 ? 1e-9 : run / 5; // one update; some
        c.quiet = true;
        assert_ok(train_case_run(&c, f->checkpoint, "same"));
        assert_true(c.report.updates > updates && c.report.updates <= c.report.updates_all);
        assert_true(slices % 2 != 0 || c.report.updates == updates + 1);
        updates = c.report.updates;
        finished = c.report.finished;
        assert_true(finished == (updates == c.report.updates_all));
        train_case_close(&c);
    }
    assert_true(slices > 3);
    check_same_as_uninterrupted(f);
}

static void a_finished_run_only_hands_out_its_result(void **state)
{
    const struct fixture *f = *state;
    struct train_case c;
    open_case(&c);
    c.recipe.epochs = 1;
    assert_ok(train_case_run(&c, f->checkpoint, "same"));
    const size_t bytes = c.network.graph.n_floats * sizeof(float);
    float *first = malloc(bytes);
    assert_non_null(first);
    memcpy(first, c.network.params, bytes);
    train_case_restart(&c);
    assert_ok(train_case_run(&c, f->checkpoint, "same"));
    assert_true(c.report.resumed && c.report.images_per_second == 0);
    assert_memory_equal(first, c.network.params, bytes);
    free(first);
    train_case_close(&c);
}

static void checkpoints_of_others_are_refused(void **state)
{
    const struct fixture *f = *state;
    struct train_case c;
    open_case(&c);
    c.recipe.epochs = 1;
    assert_ok(train_case_run(&c, f->checkpoint, "same"));
    assert_fails(train_case_run(&c, f->checkpoint, "other"), ERR_CONFIG, "another config");
    c.recipe.epochs = 2; // the same text, yet other sizes
    assert_fails(train_case_run(&c, f->checkpoint, "same"), ERR_INPUT, "losses");
    c.recipe.epochs = 1;
    assert_int_equal(truncate(f->checkpoint, 5000), 0);
    assert_int_equal(train_case_run(&c, f->checkpoint, "same"), ERR_INPUT);
    assert_int_equal(truncate(f->checkpoint, 4), 0);
    assert_int_equal(train_case_run(&c, f->checkpoint, "same"), ERR_INPUT);
    train_case_close(&c);
}

static void a_checkpoint_that_cannot_be_written_is_an_error(void **state)
{
    (void)state;
    struct train_case c;
    open_case(&c);
    c.recipe.epochs = 1;
    assert_int_equal(train_case_run(&c, "/nonexistent-folder/checkpoint", "same"), ERR_IO);
    train_case_close(&c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
int main(void)
{
    // The first two fork, so they come before anything that starts threads.
    const struct CMUnitTest tests[] = {
        TEST(interrupted_runs_end_in_the_same_bytes),
        TEST(killed_runs_end_in_the_same_bytes),
        TEST(work_put_off_ends_in_the_same_bytes),
        TEST(a_finished_run_only_hands_out_its_result),
        TEST(checkpoints_of_others_are_refused),
        TEST(a_checkpoint_that_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
