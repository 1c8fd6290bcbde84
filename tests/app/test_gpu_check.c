// scripts/gpu_check.sh on the processor: its table, what it does where time, a device or the
// program fails, and that it leaves nothing behind, whatever folder it is called from.
#include "core/arena.h"
#include "core/file.h"
#include "run_program.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

// What it printed, and its exit code. Its temporary files go into the folder's tmp/.
static char *check(const struct program *p, struct arena *arena, const char *options, int *code)
{
    char command[1024], path[PROGRAM_PATH_CHARS], *text;
    size_t n;
    snprintf(command, sizeof command,
             "cd %s && mkdir -p tmp && TMPDIR=$PWD/tmp %s --window 0.05 --small %s >out 2>err",
             p->folder, GPU_CHECK, options);
    const int status = system(command);
    assert_true(WIFEXITED(status));
    *code = WEXITSTATUS(status);
    assert_int_equal(file_read(program_path(p, "out", path), 1 << 20, arena, &text, &n), OK);
    return text;
}

static void assert_nothing_left(const struct program *p)
{
    char path[PROGRAM_PATH_CHARS];
    DIR *folder = opendir(program_path(p, "tmp", path));
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        assert_true(entry->d_name[0] == '.');
    }
    closedir(folder);
}

static void the_parts_of_a_processor(void **state)
{
    const struct program *p = *state;
    struct arena arena = {0};
    int code, lines = 0;
    const char *text = check(p, &arena,
                             "--backend cpu --dikdik " PROGRAM_PATH
                             " --only doctor,sync,search,nn,sanitizer --seconds 170",
                             &code);
    static const char *const said[] = {
        "gpu_check: backend cpu",  "8 at once, and again", "8 at once, and 32",      "same bytes",
        "resumed on another",      "refused, with reason", "candidates/s",           "frames/s",
        "a whole search, 4 tasks", "train 16: ",           "not run: for cuda alone"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        if (strstr(text, said[i]) == NULL) {
            fail_msg("\"%s\" is not in:\n%s", said[i], text);
        }
    }
    for (const char *at = text; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    assert_true(lines >= 10 && lines <= 60);
    assert_null(strstr(text, "WRONG"));
    assert_int_equal(code, 0);
    assert_nothing_left(p);
    arena_close(&arena);
}

static void time_ends_it(void **state)
{
    const struct program *p = *state;
    struct arena arena = {0};
    int code;
    const char *text =
        check(p, &arena, "--backend cpu --dikdik " PROGRAM_PATH " --seconds 0", &code);
    assert_int_equal(code, 0);
    assert_non_null(strstr(text, "not run: time"));
    assert_null(strstr(text, "candidates/s"));
    assert_nothing_left(p);
    arena_close(&arena);
}

// A program that fails is no success, and a word that is not known is said.
static void what_fails_is_wrong(void **state)
{
    const struct program *p = *state;
    struct arena arena = {0};
    char path[PROGRAM_PATH_CHARS];
    int code;
    program_write(p, "broken.sh", "#!/bin/sh\necho dikdik: it broke >&2\nexit 2\n");
    assert_int_equal(chmod(program_path(p, "broken.sh", path), 0755), 0);
    const char *text =
        check(p, &arena, "--backend cpu --dikdik ./broken.sh --only doctor,sync,search,nn", &code);
    assert_int_equal(code, 1);
    assert_non_null(strstr(text, "SOMETHING IS WRONG"));
    assert_non_null(strstr(text, "WRONG: exit 2: dikdik: it broke"));
    assert_nothing_left(p);
    (void)check(p, &arena, "--sideways", &code);
    assert_int_equal(code, 1);
    (void)check(p, &arena, "--dikdik ./nobody", &code);
    assert_int_equal(code, 1);
    assert_nothing_left(p);
    arena_close(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_parts_of_a_processor),
        TEST(time_ends_it),
        TEST(what_fails_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
