// Jobs that launch themselves: a lost rank starts them again, an error does not, Ctrl-C reaches
// them once, and nothing is left running.
#include "core/clock.h"
#include "core/file.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

// Processes that have the folder of this test in their environment (TMPDIR), zombies left out.
static int count_processes(void)
{
    int n = 0;
    DIR *entries = opendir("/proc");
    assert_non_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        char path[300], text[65536];
        snprintf(path, sizeof path, "/proc/%s/environ", entry->d_name);
        FILE *file = isdigit((unsigned char)entry->d_name[0]) ? fopen(path, "rb") : NULL;
        if (file != NULL) {
            const size_t length = fread(text, 1, sizeof text, file);
            n += memmem(text, length, folder.path, strlen(folder.path)) != NULL;
            fclose(file);
        }
    }
    closedir(entries);
    return n;
}

static void nothing_is_left(void)
{
    for (int i = 0; i < 1000 && count_processes() > 0; i++) {
        clock_sleep(0.01);
    }
    assert_int_equal(count_processes(), 0);
}

// Starts the job; its output goes to "out", its errors to "err".
static pid_t start(char *const *words)
{
    fflush(NULL);
    remove(test_folder_path(&folder, "err")); // start_waiting looks at it
    const pid_t child = fork();
    if (child == 0) {
        setenv("TMPDIR", folder.path, 1);
        const int out = open(test_folder_path(&folder, "out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        const int errors =
            open(test_folder_path(&folder, "err"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(out, STDOUT_FILENO);
        dup2(errors, STDERR_FILENO);
        execv(LAUNCH_JOB, words);
        _exit(127);
    }
    return child;
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
    assert_int_equal(count_text("err", "lost one of its 2 processes: starting it again"), 2);
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

static void an_interrupt_is_handed_on_once(void **state)
{
    (void)state;
    const int signals[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        const pid_t child = start_waiting();
        kill(child, signals[i]);
        assert_int_equal(wait_for(child), 130);
        assert_int_equal(count_text("err", "interrupted by"), 1); // rank 0 has come to its end
        assert_int_equal(count_text("err", "starting it again"), 0);
        nothing_is_left();
    }
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
        IN_FOLDER(an_interrupt_is_handed_on_once),
        IN_FOLDER(a_killed_launcher_takes_the_job_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
