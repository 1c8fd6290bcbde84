// Which backend a search takes, and that it stays with the kind that it began with.
#include "core/arena.h"
#include "core/file.h"
#include "run_program.h"

#include <string.h>

#define DATA "\"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 600, \"classes\": [0, 6]}"
static const char config[] = "{\"seed\": 3,"
                             " \"networks\": ["
                             "  {\"name\": \"a\", \"architecture\": \"convnet\", " DATA ","
                             "   \"train\": {\"epochs\": 1, \"batch\": 32, \"crop_pad\": 0}}],"
                             " \"tasks\": [{\"macs\": 0.5}],"
                             " \"scoring\": {\"calibration_images\": 16, \"images\": 20},"
                             " \"search\": {\"evaluations\": 2, \"best\": 1},"
                             " \"learner\": {\"batch\": 2}}";

static bool is_there(const struct program *p, const char *name)
{
    char path[PROGRAM_PATH_CHARS];
    return file_exists(program_path(p, name, path));
}

// Said before a folder is made.
static void what_cannot_be_had_claims_nothing(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    program_run(p, "search small.json --transport inline --run-dir none --backend gpu");
    ASSERT_RUN(p, 2, "no backend \"gpu\"");
    program_run(p, "search small.json --transport inline --run-dir none --backend.device 99");
    ASSERT_RUN(p, 1, "backend.device");
    assert_false(is_there(p, "none"));
}

// In mode sync the same search gives the same bytes, so the same kind of backend goes on with it.
static void another_kind_goes_on_in_async_alone(void **state)
{
    struct program *p = *state;
    static const char *const modes[] = {"sync", "async"};
    program_write(p, "small.json", config);
    for (int i = 0; i < 2; i++) {
        program_run(p,
                    "search small.json --transport inline --run-dir %s --learner.mode %s "
                    "--backend cpu",
                    modes[i], modes[i]);
        ASSERT_RUN(p, 0, "");
        program_run(p,
                    "search small.json --transport inline --run-dir %s --learner.mode %s "
                    "--backend ref",
                    modes[i], modes[i]);
        ASSERT_RUN(p, i == 0 ? 1 : 0, "the machine that this run began on");
        ASSERT_RUN(p, i == 0 ? 1 : 0, "backend cpu, oneDNN");
        ASSERT_RUN(p, i == 0 ? 1 : 0, "backend ref, plain loops");
    }
}

// The default is written down as it was given, so that a run finds the best there is anew.
static void auto_stays_open_in_the_config(void **state)
{
    struct program *p = *state;
    const struct json *facts = program_json(p, "doctor");
    const char *best = program_string(facts, "backend");
    assert_true(strcmp(best, "cpu") == 0 || strcmp(best, "cuda") == 0);
    assert_non_null(strstr(program_string(facts, "cpu"), "oneDNN"));
    assert_non_null(strstr(program_string(facts, "ref"), "plain loops"));
    assert_true(strlen(program_string(facts, "gpus")) > 0);
    const bool none = strncmp(program_string(facts, "gpus"), "none", strlen("none")) == 0;
    program_write(p, "small.json", config);
    program_run(p, "search small.json --transport inline --run-dir open");
    ASSERT_RUN(p, 0, "");
    if (none && !file_exists("/dev/nvidiactl") && !file_exists("/dev/dxg")) {
        assert_null(strstr(p->errors, "computing on")); // nobody expects a GPU
    }
    struct arena arena = {0};
    char path[PROGRAM_PATH_CHARS], *text;
    size_t n;
    program_path(p, "open/config.json", path);
    assert_int_equal(file_read(path, 1 << 20, &arena, &text, &n), OK);
    assert_non_null(memmem(text, n, "\"networks\"", strlen("\"networks\"")));
    assert_null(memmem(text, n, "\"cpu\"", strlen("\"cpu\"")));
    arena_close(&arena);
    program_run(p, "search small.json --transport inline --run-dir open");
    ASSERT_RUN(p, 0, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_cannot_be_had_claims_nothing),
        TEST(another_kind_goes_on_in_async_alone),
        TEST(auto_stays_open_in_the_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
