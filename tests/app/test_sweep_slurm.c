// A sweep as a job array of a Slurm of one node that the test starts for itself: the same table as
// without Slurm, and a run that is queued anew in the middle goes on. Skipped, with a word, where
// there can be no Slurm.
#include "core/clock.h"
#include "core/file.h"
#include "run_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PATIENCE_SECONDS 120.0

static char cluster[64] = "/tmp/dikdik-slurm-XXXXXX";

static const char config[] =
    "{\"environment\": \"sleep\", \"sleep\": {\"seconds\": 0.02},"
    " \"search\": {\"evaluations\": 40, \"episodes\": 60},"
    " \"learner\": {\"mode\": \"sync\", \"batch\": 4, \"lag\": 0, \"checkpoint_seconds\": 600},"
    " \"sweep\": {\"learner.entropy\": [0.01, 0.02], \"seed\": \"1..3\"}}";

static int run_line(const char *line)
{
    const int ended = system(line); // NOLINT(cert-env33-c): words of this file alone
    return ended >= 0 && WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
}

static void wait_for_file(const struct program *p, const char *name)
{
    char path[PROGRAM_PATH_CHARS];
    const double end = clock_seconds() + PATIENCE_SECONDS;
    program_path(p, name, path);
    while (!file_exists(path)) {
        assert_true(clock_seconds() < end);
        clock_sleep(0.02);
    }
}

static void wait_for_end(void)
{
    const double end = clock_seconds() + PATIENCE_SECONDS;
    // A squeue that fails says nothing of jobs.
    while (run_line("jobs=$(squeue --noheader) && test -z \"$jobs\"") != 0) {
        assert_true(clock_seconds() < end);
        clock_sleep(0.2);
    }
}

static int setup(void **state)
{
    const int code = program_setup(state);
    struct program *p = *state;
    program_write(p, "many.json", config);
    return code;
}

static void an_array_gives_the_same_table(void **state)
{
    struct program *p = *state;
    program_run(p, "sweep many.json --sweep-dir here");
    ASSERT_RUN(p, 0, "");
    program_run(p, "sweep many.json --sweep-dir array --slurm");
    ASSERT_RUN(p, 0, "Submitted batch job");
    assert_non_null(strstr(p->output, "#SBATCH --array=0-5\n"));
    wait_for_end();
    program_assert_same(p, "here/sweep.csv", "array/sweep.csv");
    program_assert_same(p, "here/sweep.h5", "array/sweep.h5");
    program_run(p, "sweep many.json --sweep-dir array --slurm");
    ASSERT_RUN(p, 0, "nothing to submit");
}

// What is queued anew waits two minutes by itself, and is refused while the job still ends. Slurm
// revokes the job's old credentials to the second, so one that starts within the second of its
// requeue is killed as revoked: hence the pause.
static void start_what_was_requeued(void)
{
    const double end = clock_seconds() + PATIENCE_SECONDS;
    while (run_line("test $(squeue --noheader --format=%T) = PENDING") != 0) {
        assert_true(clock_seconds() < end);
        clock_sleep(0.2);
    }
    clock_sleep(3.0);
    while (run_line("scontrol update jobid=$(squeue --noheader --format=%A) StartTime=now "
                    "2>/dev/null") != 0) {
        assert_true(clock_seconds() < end);
        clock_sleep(0.2);
    }
}

// Slurm ends the job with SIGTERM, dikdik writes a checkpoint, and the job goes on from there. A
// checkpoint is due every ten minutes, so one that is there was written at the end.
static void a_requeued_run_goes_on(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    static const char options[] = "--set seed=1 --set learner.entropy=0.01 --set "
                                  "sleep.seconds=0.1 --slurm-options=--job-name=again";
    program_run(p, "sweep many.json --sweep-dir here %s", options);
    ASSERT_RUN(p, 0, "");
    program_run(p, "sweep many.json --sweep-dir array %s --slurm", options);
    ASSERT_RUN(p, 0, "Submitted batch job");
    wait_for_file(p, "array/runs/seed=1/run.h5");
    clock_sleep(1.5);
    assert_int_equal(run_line("scontrol requeue $(squeue --noheader --format=%A)"), 0);
    wait_for_file(p, "array/runs/seed=1/checkpoint.h5");
    assert_false(file_exists(program_path(p, "array/results/seed=1.json", path)));
    start_what_was_requeued();
    // What a job that failed leaves out is missing here, and is named.
    wait_for_file(p, "array/sweep.csv");
    wait_for_file(p, "array/sweep.h5");
    wait_for_end();
    program_assert_same(p, "here/sweep.csv", "array/sweep.csv");
    program_assert_same(p, "here/sweep.h5", "array/sweep.h5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_array_gives_the_same_table, setup, program_teardown),
        cmocka_unit_test_setup_teardown(a_requeued_run_goes_on, setup, program_teardown),
    };
    char line[512], path[128];
    if (mkdtemp(cluster) == NULL) {
        return 1;
    }
    snprintf(line, sizeof line, "%s start %s", SLURM_CLUSTER, cluster);
    int code = run_line(line);
    if (code == 0) {
        snprintf(path, sizeof path, "%s/slurm.conf", cluster);
        setenv("SLURM_CONF", path, 1);
        code = cmocka_run_group_tests(tests, NULL, NULL);
        snprintf(line, sizeof line, "%s stop %s", SLURM_CLUSTER, cluster);
        (void)run_line(line);
    }
    snprintf(line, sizeof line, "rm -rf %s", cluster);
    (void)run_line(line);
    return code;
}
