// --progress-json: lines of progress for programs, from run, search and train, however many
// processes they are, and whoever reads them or does not.
#include "core/file.h"
#include "run_program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OURS = 9, NOBODYS = 17 }; // descriptors

static const char config[] =
    "{\"seed\": 3,"
    " \"networks\": ["
    "  {\"name\": \"a\", \"architecture\": \"convnet\", \"data\": {\"name\": \"shapes\","
    "   \"size\": 12, \"count\": 600, \"classes\": [0, 6]},"
    "   \"train\": {\"epochs\": 1, \"batch\": 32, \"crop_pad\": 0}}],"
    " \"tasks\": [{\"macs\": 0.5}, {\"name\": \"b\", \"params\": 0.4}],"
    " \"space\": {\"round_to\": 2},"
    " \"scoring\": {\"calibration_images\": 64, \"images\": 60},"
    " \"search\": {\"evaluations\": 16, \"best\": 1, \"method\": \"evolution\"},"
    " \"finetune\": {\"epochs\": 1, \"batch\": 32, \"crop_pad\": 0}}";
static const char training[] =
    "{\"model\": {\"architecture\": \"convnet\"}, \"data\": {\"name\": \"shapes\", \"size\": 12,"
    " \"count\": 200, \"classes\": [0, 6]}, \"train\": {\"epochs\": 2, \"batch\": 20}}";

// What program_run starts has `file` as number OURS.
static void give(int file)
{
    assert_int_equal(dup2(file, OURS), OURS);
    close(file);
}

static void give_file(const struct program *p, const char *name, int flags)
{
    char path[PROGRAM_PATH_CHARS];
    const int file = open(program_path(p, name, path), flags | O_CREAT, 0600);
    assert_true(file >= 0);
    give(file);
}

struct told {
    int lines, stages;
    char names[8][16]; // of stages, in order
    int tasks;         // of the last line that had any
    double best[4];
};

// Every line is JSON; numbers rise within a stage, and each stage that begins ends.
static void read_lines(const struct program *p, const char *name, struct told *out)
{
    struct arena arena = {0};
    char path[PROGRAM_PATH_CHARS], *text;
    size_t n;
    bool open_stage = false;
    double done = 0;
    memset(out, 0, sizeof *out);
    assert_int_equal(file_read(program_path(p, name, path), 1 << 20, &arena, &text, &n), OK);
    assert_true(n > 0 && text[n - 1] == '\n');
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest), out->lines++) {
        struct json *json;
        if (json_parse(line, strlen(line), "line", &json) != OK) {
            fail_msg("%s: %s", status_message(), line);
        }
        if (!open_stage) {
            assert_true(out->stages < 8);
            snprintf(out->names[out->stages++], sizeof out->names[0], "%s",
                     program_string(json, "stage"));
            done = 0;
        }
        assert_string_equal(out->names[out->stages - 1], program_string(json, "stage"));
        assert_true(program_number(json, "done") >= done);
        done = program_number(json, "done");
        assert_true(program_number(json, "all") >= done);
        assert_true(program_number(json, "seconds") >= 0);
        open_stage = !json_bool(json_get(json, "ended"));
        if (!open_stage) {
            assert_true(program_number(json, "all") == done);
            assert_true(program_number(json, "seconds_left") == 0);
        }
        const struct json *tasks = json_get(json, "tasks");
        out->tasks = tasks != NULL ? json_count(tasks) : out->tasks;
        for (int i = 0; tasks != NULL && i < json_count(tasks); i++) {
            const struct json *best = json_get(json_at(tasks, i), "best");
            assert_string_equal(program_string(json_at(tasks, i), "task"),
                                i == 0 ? "a-macs0.5" : "b");
            out->best[i] = json_kind(best) == JSON_NUMBER ? json_number(best) : -1;
        }
        json_close(json);
    }
    assert_false(open_stage);
    arena_close(&arena);
}

static void assert_main_job(struct program *p, const char *words)
{
    struct told told;
    give_file(p, "lines", O_WRONLY | O_TRUNC);
    const struct json *report =
        program_json(p, "run small.json %s --progress-json %d", words, OURS);
    close(OURS);
    read_lines(p, "lines", &told);
    static const char *const stages[] = {"base", "search", "rescore", "finetune", "latency"};
    assert_int_equal(told.tasks, 2);
    assert_int_equal(told.stages, 5);
    assert_true(told.lines >= 10); // each begins and ends
    for (int i = 0; i < 5; i++) {
        assert_string_equal(told.names[i], stages[i]);
    }
    for (int i = 0; i < 2; i++) { // the winner may be another one, by reward or when scored again
        assert_true(told.best[i] > 0 && told.best[i] <= 1);
        assert_true(json_count(json_get(report, "tasks")) == 2);
    }
}

static void lines_come_from_every_way_to_run(void **state)
{
    struct program *p = *state;
    program_write(p, "small.json", config);
    assert_main_job(p, "--transport inline --run-dir inline");
    assert_main_job(p, "--transport local --actors 2 --run-dir local");
    assert_main_job(p, "--actors 2 --run-dir job"); // through the launcher
}

static void training_tells_too(void **state)
{
    struct program *p = *state;
    struct told told;
    program_write(p, "quick.json", training);
    give_file(p, "lines", O_WRONLY);
    program_run(p, "train quick.json --progress-json %d", OURS);
    close(OURS);
    ASSERT_RUN(p, 0, "");
    read_lines(p, "lines", &told);
    assert_int_equal(told.stages, 1);
    assert_int_equal(told.tasks, 0);
    assert_string_equal(told.names[0], "train");
    p->ranks = 2; // standard error is what reaches a rank
    program_run(p, "train quick.json --run-dir two --progress-json 2");
    ASSERT_RUN(p, 0, "{\"stage\":\"train\"");
}

static void what_cannot_be_written_to_is_refused(void **state)
{
    struct program *p = *state;
    int ends[2];
    program_write(p, "small.json", config);
    program_write(p, "quick.json", training);
    static const char *const commands[] = {"search small.json", "run small.json",
                                           "train quick.json"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        program_run(p, "%s --progress-json %d", commands[i], NOBODYS);
        ASSERT_RUN(p, 1, "--progress-json 17: no file is open");
        program_run(p, "%s --json --progress-json 1", commands[i]);
        ASSERT_RUN(p, 1, "standard output has the result");
        program_run(p, "%s --progress-json -1", commands[i]);
        ASSERT_RUN(p, 1, "--progress-json: ");
        program_run(p, "%s --progress-json lines.txt", commands[i]);
        ASSERT_RUN(p, 1, "--progress-json: ");
    }
    give_file(p, "lines", O_RDONLY);
    program_run(p, "run small.json --progress-json %d", OURS);
    ASSERT_RUN(p, 1, "can only be read");
    assert_int_equal(pipe(ends), 0);
    give(ends[1]);
    close(ends[0]);
    program_run(p, "run small.json --progress-json %d", OURS);
    ASSERT_RUN(p, 1, "nobody reads");
    give_file(p, "lines", O_WRONLY);
    p->ranks = 2;
    program_run(p, "train quick.json --progress-json %d", OURS);
    ASSERT_RUN(p, 1, "only 1 and 2");
    close(OURS);
    char path[PROGRAM_PATH_CHARS];
    assert_false(file_exists(program_path(p, "runs", path))); // nothing was begun
}

// A reader that takes a few bytes and leaves, and one that never reads.
static void readers_do_not_disturb_the_work(void **state)
{
    struct program *p = *state;
    int ends[2];
    program_write(p, "small.json", config);
    static const char *const ways[] = {"--transport inline", "--actors 2"};
    for (int way = 0; way < 2; way++) {
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        const pid_t reader = fork();
        if (reader == 0) {
            char text[16];
            close(ends[1]);
            _exit(read(ends[0], text, sizeof text) > 0 ? 0 : 1);
        }
        give(ends[1]);
        close(ends[0]);
        program_run(p, "search small.json %s --run-dir left%d --progress-json %d", ways[way], way,
                    OURS);
        ASSERT_RUN(p, 0, "");
        close(OURS);
        int ended;
        assert_int_equal(waitpid(reader, &ended, 0), reader);
        assert_int_equal(ended, 0);

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        char full[4096] = {0};
        while (send(ends[1], full, sizeof full, MSG_DONTWAIT) > 0) {
        }
        give(ends[1]);
        program_run(p, "search small.json %s --run-dir full%d --progress-json %d", ways[way], way,
                    OURS);
        ASSERT_RUN(p, 0, "");
        close(OURS);
        close(ends[0]);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_from_every_way_to_run, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(training_tells_too, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_to_is_refused, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(readers_do_not_disturb_the_work, program_setup,
                                        program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
