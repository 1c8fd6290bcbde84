// SIGINT and SIGTERM: the first sets a flag, a later one ends the process.
#include "core/clock.h"
#include "core/interrupt.h"
#include "test_unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

// What a child does after the first signal, and how it ended.
static int run_child(int number, double pause_s, bool second)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        interrupt_install();
        if (interrupt_pending() || interrupt_check() != OK) {
            _exit(50);
        }
        raise(number);
        if (!interrupt_pending() || interrupt_check() != ERR_INTERRUPTED ||
            strstr(status_message(), number == SIGINT ? "SIGINT" : "SIGTERM") == NULL) {
            _exit(51);
        }
        clock_sleep(pause_s);
        if (second) {
            raise(SIGINT);
        }
        _exit(7);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    return WEXITSTATUS(ended);
}

static void first_signal_sets_the_flag(void **state)
{
    (void)state;
    assert_int_equal(run_child(SIGINT, 0.0, false), 7);
    assert_int_equal(run_child(SIGTERM, 0.0, false), 7);
}

static void repeated_at_once_is_the_same(void **state)
{
    (void)state;
    assert_int_equal(run_child(SIGINT, 0.0, true), 7);
}

static void second_signal_ends(void **state)
{
    (void)state;
    assert_int_equal(run_child(SIGTERM, 1.1, true), 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_signal_sets_the_flag),
        cmocka_unit_test(repeated_at_once_is_the_same),
        cmocka_unit_test(second_signal_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
