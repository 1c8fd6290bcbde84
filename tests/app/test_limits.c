// Machines that do not give what is needed, launchers that start other numbers of processes than
// asked for, workers that always die: an error that says so, soon, and nothing left behind.
#include "marked.h"
#include "run_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config[] =
    "{\"seed\": 3,"
    " \"networks\": [{\"name\": \"a\", \"architecture\": \"convnet\","
    "   \"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 1000, \"classes\": [0, 6]},"
    "   \"train\": {\"epochs\": 1, \"batch\": 32, \"learning_rate\": 0.05, \"crop_pad\": 0}}],"
    " \"tasks\": [{\"macs\": 0.5}],"
    " \"space\": {\"round_to\": 2},"
    " \"scoring\": {\"calibration_images\": 64, \"images\": 50},"
    " \"search\": {\"evaluations\": 4, \"best\": 1},"
    " \"learner\": {\"mode\": \"sync\", \"batch\": 4},"
    " \"finetune\": {\"epochs\": 1, \"batch\": 32, \"learning_rate\": 0.02, \"crop_pad\": 0}}";
static const char sleep_config[] =
    "{\"seed\": 1, \"environment\": \"sleep\", \"search\": {\"evaluations\": 8}}";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 // those reserve terabytes
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

// Success, or an error that says what is allowed. Returns whether it was a success.
static bool run_within(struct program *p, const char *transport, int mib)
{
    p->space_mib = mib;
    p->kill_seconds = 120; // a hang
    program_run(p, "run small.json --actors 2 --threads 2 --transport %s --run-dir %s-%d",
                transport, transport, mib);
    p->space_mib = 0;
    p->kill_seconds = 0;
    const bool done = p->exit_code == 0;
    char allowed[64];
    snprintf(allowed, sizeof allowed, "ulimit -v allows %d", mib);
    if (!done && !((p->exit_code == 1 || p->exit_code == 2) && strstr(p->errors, allowed))) {
        fail_msg("%s with %d MiB: exit code %d, %s", transport, mib, p->exit_code, p->errors);
    }
    marked_all_gone(p->folder);
    return done;
}

static void address_space_is_asked_for(void **state)
{
    if (SANITIZED) {
        skip();
    }
    struct program *p = *state;
    static const char *const transports[] = {"inline", "local", "mpi"};
    program_write(p, "small.json", config);
    for (int i = 0; i < 3; i++) {
        assert_false(run_within(p, transports[i], 170)); // the loader needs most of it
        assert_false(run_within(p, transports[i], 400));
        assert_true(run_within(p, transports[i], 1600));
    }
    for (int mib = 200; mib <= 800; mib += 100) {
        (void)run_within(p, mib % 200 == 0 ? "inline" : "local", mib);
    }
    (void)run_within(p, "mpi", 330);
    (void)run_within(p, "mpi", 600);
}

static void shared_memory_is_asked_for(void **state)
{
    struct program *p = *state;
    program_write(p, "sleep.json", sleep_config);
    setenv("UCX_POSIX_DIR", "/proc", 1); // which has no room, however large the machine is
    program_run(p, "run sleep.json --actors 65535");
    unsetenv("UCX_POSIX_DIR");
    ASSERT_RUN(p, 2, "MPI needs 278528 MiB of shared memory to start 65536 processes");
    p->shared_mib = 1;
    program_run(p, "run sleep.json --actors 2");
    p->shared_mib = 0;
    if (p->exit_code == PROGRAM_NOT_ALLOWED) {
        return; // no mounts here
    }
    ASSERT_RUN(p, 2, "needs 13 MiB of shared memory to start 3 processes");
    assert_non_null(strstr(p->errors, "/dev/shm has 1 MiB free"));
    assert_null(strstr(p->errors, "UCX"));
    assert_null(strstr(p->errors, "again"));
    p->shared_mib = 1;
    p->ranks = 3; // mpirun that somebody else started
    program_run(p, "run sleep.json");
    p->shared_mib = 0;
    assert_true(p->exit_code != 0);
    assert_non_null(strstr(p->errors, "needs 13 MiB of shared memory to start 3 processes"));
    assert_null(strstr(p->errors, "UCX"));
    p->shared_mib = 16;
    p->ranks = 0;
    program_run(p, "run sleep.json --actors 2");
    p->shared_mib = 0;
    ASSERT_RUN(p, 0, "");
    marked_all_gone(p->folder);
}

static void numbers_of_processes_must_fit(void **state)
{
    struct program *p = *state;
    program_write(p, "sleep.json", sleep_config);
    p->ranks = 3;
    program_run(p, "run sleep.json --actors 7");
    ASSERT_RUN(p, 1, "actors.count = 7 asks for 8 processes");
    assert_non_null(strstr(p->errors, "started 3"));
    program_run(p, "run sleep.json --actors 2 --transport local");
    ASSERT_RUN(p, 1, "started 3");
    program_run(p, "run sleep.json --actors 2 --run-dir fits");
    ASSERT_RUN(p, 0, "");
    program_run(p, "run sleep.json --run-dir all");
    ASSERT_RUN(p, 0, "");
    p->ranks = 0;
    setenv("PMI_SIZE", "1", 1);
    setenv("PMI_RANK", "0", 1);
    program_run(p, "run sleep.json --actors 3");
    ASSERT_RUN(p, 1, "actors.count = 3 asks for 4 processes");
    assert_non_null(strstr(p->errors, "started 1"));
    unsetenv("PMI_SIZE");
    unsetenv("PMI_RANK");
}

static void workers_that_always_die_end_the_run(void **state)
{
    struct program *p = *state;
    static const char *const transports[] = {"local", "mpi"};
    program_write(p, "sleep.json", sleep_config);
    for (int i = 0; i < 2; i++) {
        program_run(p,
                    "run sleep.json --actors 2 --transport %s --run-dir %s --actors.faults kill=1 "
                    "--search.evaluations 100000",
                    transports[i], transports[i]);
        ASSERT_RUN(p, 2, "15 workers in a row were lost and none has finished an episode");
        assert_non_null(strstr(p->errors, "signal 9"));
        marked_all_gone(p->folder);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(address_space_is_asked_for),
        TEST(shared_memory_is_asked_for),
        TEST(numbers_of_processes_must_fit),
        TEST(workers_that_always_die_end_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
