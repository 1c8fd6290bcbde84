// Jobs that launch themselves: a lost rank starts them again, an error does not, Ctrl-C reaches
// them once, and nothing is left running.
#include "app/program_find.h"
#include "core/clock.h"
#include "core/file.h"
#include "marked.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void nothing_is_left(void)
{
    marked_all_gone(folder.path);
}

// Starts the job; its output goes to "out", its errors to "err", or to a descriptor unless that is
// -1.
static pid_t start_onto(char *const *words, int to)
{
    fflush(NULL);
    remove(test_folder_path(&folder, "err")); // start_waiting looks at it
    const pid_t child = fork();
    if (child == 0) {
        setenv("TMPDIR", folder.path, 1);
        const int out = open(test_folder_path(&folder, "out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        const int errors =
            to >= 0 ? to
                    : open(test_folder_path(&folder, "err"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(out, STDOUT_FILENO);
        dup2(errors, STDERR_FILENO);
        execv(LAUNCH_JOB, words);
        _exit(127);
    }
    return child;
}

static pid_t start(char *const *words)
{
    return start_onto(words, -1);
}

static int wait_for(pid_t child)
{
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
}

// How often `text` stands in "out" or "err".
static int count_text(const char *name, const char *text)
{
    struct arena arena = {0};
    char *bytes;
    size_t length;
    int n = 0;
    assert_ok(file_read(test_folder_path(&folder, name), 1 << 20, &arena, &bytes, &length));
    for (const char *at = strstr(bytes, text); at != NULL; at = strstr(at + 1, text)) {
        n++;
    }
    arena_close(&arena);
    return n;
}

#define WORDS(...)                                                                                 \
    (char *const[])                                                                                \
    {                                                                                              \
        "launch_job", __VA_ARGS__, NULL                                                            \
    }

static void a_job_ends_well(void **state)
{
    (void)state;
    assert_int_equal(wait_for(start(WORDS("3", "finish"))), 0);
    assert_int_equal(count_text("out", "finished"), 1);
    assert_int_equal(count_text("err", "again"), 0);
    nothing_is_left();
}

static void a_lost_rank_starts_it_again(void **state)
{
    (void)state;
    char mark[600];
    snprintf(mark, sizeof mark, "%s/mark", folder.path);
    assert_int_equal(wait_for(start(WORDS("3", "kill", mark, "2"))), 0);
    assert_int_equal(count_text("out", "finished"), 1);
    assert_int_equal(count_text("out", "TERMINATION"), 0); // mpiexec's own words
    assert_int_equal(count_text("err", "lost one of its processes: starting it again"), 2);
    assert_int_equal(count_text("err", "(2 of 3)"), 1);
    nothing_is_left();
}

static void not_for_ever(void **state)
{
    (void)state;
    char mark[600];
    snprintf(mark, sizeof mark, "%s/mark", folder.path);
    assert_int_equal(wait_for(start(WORDS("1", "kill", mark, "9"))), 2);
    assert_int_equal(count_text("out", "finished"), 0);
    assert_int_equal(count_text("err", "starting it again"), 1);
    assert_int_equal(count_text("err", "1 restarts are all that was allowed"), 1);
    nothing_is_left();
}

static void an_error_is_final(void **state)
{
    (void)state;
    assert_int_equal(wait_for(start(WORDS("3", "error"))), 1);
    assert_int_equal(count_text("err", "an error of the input"), 1);
    assert_int_equal(count_text("err", "again"), 0);
    nothing_is_left();
}

// MPI does not notice that one.
static void a_rank_that_ends_early_ends_the_job(void **state)
{
    (void)state;
    assert_int_equal(wait_for(start(WORDS("3", "early"))), 1);
    assert_int_equal(count_text("err", "again"), 0);
    nothing_is_left();
}

static pid_t start_waiting(void)
{
    const pid_t child = start(WORDS("3", "wait"));
    for (int i = 0; i < 3000; i++) {
        if (file_exists(test_folder_path(&folder, "err")) && count_text("err", "waiting") > 0) {
            return child;
        }
        clock_sleep(0.01);
    }
    fail_msg("the job does not start");
    return child;
}

// Starts a job that talks all the time, into a pipe, and closes that.
static pid_t start_talking(void)
{
    int talk[2];
    char safe[600], text[256];
    assert_int_equal(pipe2(talk, O_CLOEXEC), 0);
    snprintf(safe, sizeof safe, "%s/safe", folder.path);
    const pid_t child = start_onto(WORDS("3", "talk", safe), talk[1]);
    close(talk[1]);
    ssize_t n;
    do { // warnings may come first
        n = read(talk[0], text, sizeof text);
        assert_true(n > 0);
    } while (memmem(text, (size_t)n, "talk", 4) == NULL);
    close(talk[0]);
    return child;
}

static void an_interrupt_is_handed_on_once(void **state)
{
    (void)state;
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
    for (int i = 0; i < 12; i++) {
        const pid_t child = start_waiting();
        if (i % 2 == 0) {
            kill(child, signals[i / 2]);
        } else { // as a batch system does: launcher, mpiexec, its proxy and the ranks
            assert_true(marked_processes(folder.path, signals[i / 2]) >= 5);
        }
        assert_int_equal(wait_for(child), 130);
        assert_int_equal(count_text("err", "interrupted by"), 1); // rank 0 has come to its end
        assert_int_equal(count_text("err", "starting it again"), 0);
        nothing_is_left();
    }
}

// Nobody reads what it prints any more.
static void a_closed_reader_does_no_harm(void **state)
{
    (void)state;
    const pid_t child = start_talking();
    assert_true(marked_processes(folder.path, 0) >= 5);
    kill(child, SIGHUP);
    assert_int_equal(wait_for(child), 130);
    nothing_is_left();
    assert_true(file_exists(test_folder_path(&folder, "safe")));
}

static void a_start_that_fails_is_no_lost_rank(void **state)
{
    (void)state;
    assert_int_equal(wait_for(start(WORDS("3", "unready"))), 2);
    assert_int_equal(count_text("err", "ended in its start: starting it again"), 1);
    assert_int_equal(count_text("err", "before any of its 2 processes was ready"), 1);
    assert_int_equal(count_text("err", "lost"), 0);
    nothing_is_left();
    assert_int_equal(wait_for(start(WORDS("0", "unready"))), 2);
    assert_int_equal(count_text("err", "starting it again"), 0);
    nothing_is_left();
}

// A PATH of MPI's own programs alone, in a folder here.
static void hide_all_but_mpi(void)
{
    static const char *const names[] = {"mpirun", "mpiexec", "mpiexec.hydra", "hydra_pmi_proxy"};
    char from[4096], to[4096], tools[3072];
    snprintf(tools, sizeof tools, "%s/tools", folder.path);
    assert_int_equal(mkdir(tools, 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (program_find(names[i], from, sizeof from)) {
            snprintf(to, sizeof to, "%s/%s", tools, names[i]);
            assert_int_equal(symlink(from, to), 0);
        }
    }
    setenv("PATH", tools, 1);
}

// Slurm's variables without srun: mpiexec would wait for ever.
static void slurm_without_srun(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s", getenv("PATH"));
    hide_all_but_mpi();
    setenv("SLURM_JOB_ID", "77", 1);
    setenv("SLURM_NODELIST", "node3", 1);
    setenv("SLURM_TASKS_PER_NODE", "4", 1);
    assert_int_equal(wait_for(start(WORDS("3", "finish"))), 0);
    assert_int_equal(count_text("out", "finished"), 1);
    assert_int_equal(count_text("err", "without srun"), 1);
    setenv("SLURM_NNODES", "2", 1);
    setenv("SLURM_NODELIST", "node[3-4]", 1);
    assert_int_equal(wait_for(start(WORDS("3", "finish"))), 2);
    assert_int_equal(count_text("err", "2 hosts (node[3-4])"), 1);
    const char *const names[] = {"SLURM_JOB_ID", "SLURM_NODELIST", "SLURM_TASKS_PER_NODE",
                                 "SLURM_NNODES"};
    for (int i = 0; i < 4; i++) {
        unsetenv(names[i]);
    }
    setenv("PATH", path, 1);
    nothing_is_left();
}

static void a_killed_launcher_takes_the_job_along(void **state)
{
    (void)state;
    const pid_t child = start_waiting();
    kill(child, SIGKILL);
    assert_int_equal(wait_for(child), 128 + SIGKILL);
    nothing_is_left();
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_job_ends_well),
        IN_FOLDER(a_lost_rank_starts_it_again),
        IN_FOLDER(not_for_ever),
        IN_FOLDER(an_error_is_final),
        IN_FOLDER(a_rank_that_ends_early_ends_the_job),
        IN_FOLDER(an_interrupt_is_handed_on_once),
        IN_FOLDER(a_closed_reader_does_no_harm),
        IN_FOLDER(a_start_that_fails_is_no_lost_rank),
        IN_FOLDER(slurm_without_srun),
        IN_FOLDER(a_killed_launcher_takes_the_job_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
