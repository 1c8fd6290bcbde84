// The event file beside run.h5, read by TensorBoard's own reader: every number of run.h5, while a
// run goes on, after it was interrupted, killed and resumed, and of failed episodes.
#include "readers.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static const char config[] =
    "{\"seed\": 3,"
    " \"networks\": ["
    "  {\"name\": \"a\", \"architecture\": \"convnet\", \"data\": {\"name\": \"shapes\","
    "   \"size\": 12, \"count\": 600, \"classes\": [0, 6]},"
    "   \"train\": {\"epochs\": 1, \"batch\": 32, \"crop_pad\": 0}}],"
    " \"tasks\": [{\"macs\": 0.5}, {\"params\": 0.4}],"
    " \"space\": {\"round_to\": 2},"
    " \"scoring\": {\"calibration_images\": 64, \"images\": 60},"
    " \"search\": {\"evaluations\": 40, \"best\": 1},"
    " \"learner\": {\"mode\": \"sync\", \"batch\": 4, \"on_policy_from\": 10}}";

#define SEARCH "search small.json --transport local --actors 2 --learner.checkpoint_seconds 0.05"

static int count_event_files(const struct program *p)
{
    char path[PROGRAM_PATH_CHARS];
    int n = 0;
    DIR *entries = opendir(program_path(p, "runs/small", path));
    assert_non_null(entries);
    for (const struct dirent *e = readdir(entries); e != NULL; e = readdir(entries)) {
        n += strstr(e->d_name, "tfevents") != NULL ? 1 : 0;
        assert_string_not_equal(e->d_name, "events.next");
    }
    closedir(entries);
    return n;
}

static void all_numbers_of_the_run_file_are_there(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    const struct program_kills kills = {.first = 0.6, .step = 0.15, .most = 3};
    program_kill_often(p, &kills, SEARCH);
    program_run(p, SEARCH " --actors.faults segv=0.02,kill=0.02 --actors.tries 1");
    ASSERT_RUN(p, 0, "");
    assert_int_equal(count_event_files(p), 1);
    if (readers_run(p, READ_EVENTS, "runs/small") == READERS_MISSING) {
        skip();
    }
    // A search that is done already, given again, says the same.
    program_run(p, SEARCH);
    ASSERT_RUN(p, 0, "");
    assert_int_equal(count_event_files(p), 1);
    readers_run(p, READ_EVENTS, "runs/small");
}

static void an_interrupted_run_can_be_read(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    p->end_file = "runs/small/checkpoint.previous.h5";
    program_run(p, SEARCH);
    p->end_file = NULL;
    ASSERT_RUN(p, 130, "");
    if (readers_run(p, READ_EVENTS, "runs/small --live") == READERS_MISSING) {
        skip();
    }
    p->end_file = "runs/small/checkpoint.previous.h5";
    p->kill_seconds = 0.8;
    program_run(p, SEARCH);
    p->end_file = NULL;
    p->kill_seconds = 0;
    readers_run(p, READ_EVENTS, "runs/small --live"); // as anybody sees it who looks meanwhile
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_numbers_of_the_run_file_are_there, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(an_interrupted_run_can_be_read, program_setup,
                                        program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
