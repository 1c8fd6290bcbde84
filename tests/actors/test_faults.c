// Injected faults: their text, how often they strike, and that each attempt draws anew.
#include "actors/faults.h"
#include "core/isolate.h"
#include "test_unit.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_text(void **state)
{
    (void)state;
    struct faults faults;
    assert_ok(faults_parse("", &faults));
    for (int i = 0; i < 1000; i++) {
        assert_ok(faults_strike(&faults));
        assert_ok(faults_strike(NULL));
    }
    assert_ok(faults_parse("memory=0.25,kill=1e-3", &faults));
    const double rates[FAULT_KINDS] = {0.001, 0.0, 0.0, 0.25};
    assert_memory_equal(faults.rates, rates, sizeof rates);
    const char *const wrong[] = {"kill",
                                 "kill=",
                                 "kill=x",
                                 "kill=2",
                                 "kill=-1",
                                 "kill=nan",
                                 "crash=0.1",
                                 "kill=0.1;segv=0.1",
                                 "kill=0.1 ,segv=0.1",
                                 ","};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_fails(faults_parse(wrong[i], &faults), ERR_CONFIG, "actors.faults");
    }
}

// Runs one attempt of so many phases in a child with little memory; how it ended.
static int attempt(const char *text, int64_t episode, int number, int phases)
{
    const pid_t self = getpid(), child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        isolate_begin_child(self);
        isolate_limit_memory((size_t)40 << 20);
        struct faults faults;
        int code = faults_parse(text, &faults) == OK ? 0 : 1;
        faults_begin(&faults, 5, episode, number);
        for (int i = 0; i < phases && code == 0; i++) {
            code = faults_strike(&faults) == ERR_MEMORY ? 2 : 0;
        }
        _exit(code);
    }
    int how = 0;
    assert_int_equal(waitpid(child, &how, 0), child);
    return how;
}

static void test_kinds(void **state)
{
    (void)state;
    int how = attempt("kill=1", 0, 1, 1);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    how = attempt("segv=1", 0, 1, 1);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGSEGV);
    how = attempt("memory=1", 0, 1, 1);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 2);
    how = attempt("kill=0", 0, 1, 100);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

// 200 attempts of ten phases at 5%: 40% of them should end, and the same again.
static void test_share(void **state)
{
    (void)state;
    int ended = 0, differ = 0;
    for (int episode = 0; episode < 100; episode++) {
        const bool first = WIFSIGNALED(attempt("kill=0.05", episode, 1, 10));
        const bool second = WIFSIGNALED(attempt("kill=0.05", episode, 2, 10));
        ended += first + second;
        differ += first != second;
        if (episode < 10) {
            assert_true(first == WIFSIGNALED(attempt("kill=0.05", episode, 1, 10)));
        }
    }
    const double expected = 200.0 * (1.0 - pow(0.95, 10));
    assert_true(fabs((double)ended - expected) < 4.0 * sqrt(expected * pow(0.95, 10)));
    assert_true(differ > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
