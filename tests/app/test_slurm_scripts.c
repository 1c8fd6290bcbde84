// The batch scripts of configs/slurm, with stand-ins for scontrol and srun: a signal before the
// time limit becomes a checkpoint, the job asks to be requeued, and the same script goes on to the
// end.
#include "core/clock.h"
#include "run_program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char config[] =
    "{\"environment\": \"sleep\", \"sleep\": {\"seconds\": 0.02, \"steps\": 2},"
    " \"search\": {\"method\": \"random\", \"evaluations\": 80},"
    " \"learner\": {\"batch\": 4, \"checkpoint_seconds\": 0.1}}";

static void write_program(const struct program *p, const char *name, const char *text)
{
    char path[PROGRAM_PATH_CHARS];
    program_write(p, name, text);
    assert_int_equal(chmod(program_path(p, name, path), 0700), 0);
}

// The script as Slurm would start it, in the folder; its process.
static pid_t start(const struct program *p, const char *script, const char *words)
{
    const pid_t child = fork();
    if (child == 0) {
        char command[1024], path[1024];
        snprintf(path, sizeof path, "%s:%s", p->folder, getenv("PATH"));
        snprintf(command, sizeof command, "exec bash %s/%s small.json %s >>log 2>&1", SLURM_SCRIPTS,
                 script, words);
        setenv("PATH", path, 1);
        setenv("DIKDIK", PROGRAM_PATH, 1);
        setenv("SLURM_JOB_ID", "77", 1);
        if (chdir(p->folder) == 0) {
            execl("/bin/bash", "bash", "-c", command, (char *)NULL);
        }
        _exit(127);
    }
    assert_true(child > 0);
    return child;
}

static int end_of(pid_t child)
{
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
}

static bool has_file(const struct program *p, const char *name)
{
    char path[PROGRAM_PATH_CHARS];
    return access(program_path(p, name, path), F_OK) == 0;
}

static void a_signal_requeues_and_the_run_goes_on(void **state)
{
    struct program *p = *state;
    static const struct {
        const char *script, *words;
        int signal;
    } ways[] = {{"one-host.sh", "--actors 2", SIGUSR1}, {"one-host.sh", "--actors 1", SIGTERM}};
    program_write(p, "small.json", config);
    write_program(p, "scontrol", "#!/bin/sh\necho \"$*\" >>asked\n");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char words[128], checkpoint[64];
        snprintf(words, sizeof words, "%s --run-dir run%zu", ways[i].words, i);
        snprintf(checkpoint, sizeof checkpoint, "run%zu/checkpoint.previous.h5", i);
        const pid_t first = start(p, ways[i].script, words);
        for (int turn = 0; turn < 3000 && !has_file(p, checkpoint); turn++) {
            clock_sleep(0.01);
        }
        assert_int_equal(kill(first, ways[i].signal), 0);
        assert_int_equal(end_of(first), 130);
        assert_true(has_file(p, "asked"));
        assert_int_equal(end_of(start(p, ways[i].script, words)), 0);
        char path[PROGRAM_PATH_CHARS], report[64];
        snprintf(report, sizeof report, "run%zu/report.json", i);
        assert_true(has_file(p, report));
        assert_int_equal(unlink(program_path(p, "asked", path)), 0);
    }
}

// Ranks get the signal themselves; the script sees srun's exit code. Any other one is no requeue.
static void exit_codes_of_srun_decide(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    write_program(p, "scontrol", "#!/bin/sh\necho \"$*\" >>asked\n");
    write_program(p, "srun", "#!/bin/sh\necho \"$*\" >>started\nexit 130\n");
    assert_int_equal(end_of(start(p, "hosts.sh", "--run-dir run")), 130);
    assert_true(has_file(p, "asked"));
    char path[PROGRAM_PATH_CHARS];
    assert_int_equal(unlink(program_path(p, "asked", path)), 0);
    write_program(p, "srun", "#!/bin/sh\nexit 1\n");
    assert_int_equal(end_of(start(p, "hosts.sh", "--run-dir run")), 1);
    assert_int_equal(end_of(start(p, "one-host.sh", "--no-such-option")), 1);
    assert_false(has_file(p, "asked"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_signal_requeues_and_the_run_goes_on, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(exit_codes_of_srun_decide, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
