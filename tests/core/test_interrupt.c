// Signals that ask for an end: the first sets a flag, a person's second one ends the process.
#include "core/clock.h"
#include "core/interrupt.h"
#include "test_unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int ended_how(pid_t child)
{
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
}

// A child gets one signal, and after a pause perhaps (0 = not) another one. How it ended; 7: by
// itself.
static int run_child(int first, double pause_s, int second)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char expected[32];
        interrupt_install();
        interrupt_install_one(INTERRUPT_BY_LAUNCHER);
        interrupt_install_one(INTERRUPT_BY_NURSERY);
        if (interrupt_pending() || interrupt_check() != OK) {
            _exit(50);
        }
        raise(first);
        snprintf(expected, sizeof expected, "SIG%s", sigabbrev_np(first));
        const bool ours = first == INTERRUPT_BY_LAUNCHER || first == INTERRUPT_BY_NURSERY;
        if (!interrupt_pending() || interrupt_check() != ERR_INTERRUPTED ||
            strstr(status_message(), ours ? "process that started" : expected) == NULL) {
            _exit(51);
        }
        clock_sleep(pause_s);
        if (second > 0) {
            raise(second);
        }
        _exit(7);
    }
    return ended_how(child);
}

static void the_first_signal_sets_the_flag(void **state)
{
    (void)state;
    const int numbers[] = {SIGINT,  SIGTERM, SIGHUP,  SIGUSR1,
                           SIGUSR2, SIGXCPU, SIGQUIT, INTERRUPT_BY_NURSERY};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_int_equal(run_child(numbers[i], 0.0, 0), 7);
        assert_int_equal(run_child(numbers[i], 0.0, numbers[i]), 7); // one key press
    }
}

// Batch systems send one signal long before the limit and another one at it: a checkpoint that is
// being written then is not cut off.
static void who_asks_again_is_obeyed(void **state)
{
    (void)state;
    assert_int_equal(run_child(SIGTERM, 1.1, SIGINT), 130);
    assert_int_equal(run_child(SIGUSR1, 1.1, SIGTERM), 7);
    assert_int_equal(run_child(SIGUSR1, 1.1, SIGUSR1), 7);
    assert_int_equal(run_child(SIGTERM, 1.1, INTERRUPT_BY_LAUNCHER), 7);
    assert_int_equal(run_child(INTERRUPT_BY_LAUNCHER, 1.1, INTERRUPT_BY_LAUNCHER), 128 + SIGQUIT);
}

static void blocked_and_ignored_ones_come_through(void **state)
{
    (void)state;
    const pid_t blocked = fork();
    if (blocked == 0) {
        interrupt_block();
        raise(SIGUSR1); // waits
        interrupt_install();
        _exit(interrupt_pending() ? 7 : 52);
    }
    assert_int_equal(ended_how(blocked), 7);
    const pid_t ignoring = fork();
    if (ignoring == 0) {
        interrupt_ignore();
        raise(SIGTERM);
        raise(SIGHUP);
        raise(SIGQUIT);
        interrupt_install_one(INTERRUPT_BY_NURSERY);
        if (interrupt_pending()) {
            _exit(53);
        }
        raise(INTERRUPT_BY_NURSERY);
        _exit(interrupt_pending() ? 7 : 54);
    }
    assert_int_equal(ended_how(ignoring), 7);
}

static void a_reader_that_is_gone_is_an_error(void **state)
{
    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        int ends[2];
        interrupt_install();
        if (pipe(ends) != 0) {
            _exit(55);
        }
        close(ends[0]);
        _exit(write(ends[1], "x", 1) < 0 && errno == EPIPE ? 7 : 56);
    }
    assert_int_equal(ended_how(child), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_signal_sets_the_flag),
        cmocka_unit_test(who_asks_again_is_obeyed),
        cmocka_unit_test(blocked_and_ignored_ones_come_through),
        cmocka_unit_test(a_reader_that_is_gone_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
