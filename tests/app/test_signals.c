// Signals that ask for an end, sent to the program or to everything that it has started, and a
// terminal that is closed: a checkpoint, exit code 130, nothing left behind.
#include "core/clock.h"
#include "core/file.h"
#include "marked.h"
#include "run_program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char config[] =
    "{\"seed\": 1, \"environment\": \"sleep\", \"search\": {\"evaluations\": 100000},"
    " \"learner\": {\"mode\": \"sync\", \"batch\": 4}}";

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
enum { SIGNALS = sizeof signals / sizeof *signals };

static void assert_checkpoint(const struct program *p, const char *folder)
{
    char name[64], path[PROGRAM_PATH_CHARS];
    snprintf(name, sizeof name, "%s/checkpoint.h5", folder);
    assert_true(file_exists(program_path(p, name, path)));
    marked_all_gone(p->folder);
}

static void interrupt_run(struct program *p, const char *transport, int number, bool all)
{
    static int runs;
    char folder[32], first[64];
    snprintf(folder, sizeof folder, "run%d", runs++);
    snprintf(first, sizeof first, "%s/run.h5", folder);
    p->end_file = first;
    p->end_signal = number;
    p->end_all = all;
    program_run(p, "run sleep.json --actors 2 --transport %s --run-dir %s", transport, folder);
    if (p->ranks > 0) { // the exit code is mpirun's, which had the signal too
        assert_non_null(strstr(p->errors, "same command"));
    } else {
        ASSERT_RUN(p, 130, "same command");
    }
    assert_null(strstr(p->errors, "again in"));
    assert_checkpoint(p, folder);
}

static void every_signal_leaves_a_checkpoint(void **state)
{
    struct program *p = *state;
    program_write(p, "sleep.json", config);
    for (int i = 0; i < SIGNALS; i++) {
        interrupt_run(p, "mpi", signals[i], true);
        interrupt_run(p, "local", signals[i], i % 2 == 0);
    }
    interrupt_run(p, "mpi", SIGUSR1, false);
    interrupt_run(p, "mpi", SIGHUP, false);
    interrupt_run(p, "inline", SIGXCPU, false);
}

// mpirun that somebody else started handles these two itself.
static void under_another_mpirun(void **state)
{
    struct program *p = *state;
    program_write(p, "sleep.json", config);
    p->ranks = 3;
    interrupt_run(p, "mpi", SIGTERM, true);
    interrupt_run(p, "mpi", SIGUSR1, true);
}

// Training has ranks and no workers.
static void training_is_interrupted_alike(void **state)
{
    struct program *p = *state;
    program_write(p, "quick.json",
                  "{\"seed\": 5, \"model\": {\"architecture\": \"convnet\"},"
                  " \"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 320},"
                  " \"train\": {\"epochs\": 100000, \"batch\": 32, \"learning_rate\": 0.02}}");
    p->end_signal = SIGUSR1;
    p->end_all = true;
    for (int i = 0; i < 2; i++) {
        static const char *const files[] = {"alone/checkpoint.safetensors",
                                            "two/checkpoint.safetensors"}; // of the first epoch
        p->ranks = 2 * i;
        p->end_file = files[i];
        program_run(p, "train quick.json --run-dir %s", i == 0 ? "alone" : "two");
        assert_non_null(strstr(p->errors, "same command"));
        marked_all_gone(p->folder);
    }
}

// ---- a terminal that goes away

// In the child, whose terminal becomes `name`.
static _Noreturn void run_on_terminal(const struct program *p, const char *name,
                                      const char *transport)
{
    setsid();
    const int terminal = open(name, O_RDWR);
    if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) != 0 || chdir(p->folder) != 0 ||
        dup2(terminal, 0) < 0 || dup2(terminal, 1) < 0 || dup2(terminal, 2) < 0) {
        _exit(121);
    }
    setenv("DIKDIK_TEST_FOLDER", p->folder, 1);
    setenv("TERM", "xterm", 1);
    execl(PROGRAM_PATH, PROGRAM_PATH, "run", "sleep.json", "--actors", "2", "--transport",
          transport, "--run-dir", transport, (char *)NULL);
    _exit(122);
}

static void close_terminal(const struct program *p, const char *transport)
{
    char file[64], path[PROGRAM_PATH_CHARS], text[4096];
    snprintf(file, sizeof file, "%s/run.h5", transport);
    program_path(p, file, path);
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    const char *name = ptsname(terminal);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run_on_terminal(p, name, transport);
    }
    while (!file_exists(path)) {
        (void)!read(terminal, text, sizeof text); // else it would wait for somebody to
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
        clock_sleep(0.002);
    }
    close(terminal);
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 130);
    assert_checkpoint(p, transport);
}

static void a_closed_terminal_leaves_a_checkpoint(void **state)
{
    struct program *p = *state;
    static const char *const transports[] = {"mpi", "local", "inline"};
    program_write(p, "sleep.json", config);
    for (int i = 0; i < 3; i++) {
        close_terminal(p, transports[i]);
    }
}

// Whoever started it with nohup wants it to go on, also where a library's start-up code has a
// handler for SIGHUP.
static void nohup_is_kept(void **state)
{
    struct program *p = *state;
    program_write(p, "sleep.json", config);
    signal(SIGHUP, SIG_IGN);
    p->end_file = "run/run.h5";
    p->end_signal = SIGHUP;
    p->end_all = true;
    program_run(p, "run sleep.json --actors 2 --run-dir run --search.evaluations 200");
    signal(SIGHUP, SIG_DFL);
    ASSERT_RUN(p, 0, "took");
    assert_null(strstr(p->errors, "interrupted"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_signal_leaves_a_checkpoint),
        TEST(under_another_mpirun),
        TEST(training_is_interrupted_alike),
        TEST(a_closed_terminal_leaves_a_checkpoint),
        TEST(nohup_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
