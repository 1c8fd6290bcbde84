// Completion scripts in the shells that are here, manual pages, and what `cmake --install` puts.
#include "run_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What a shell command prints, up to `bytes` of it.
static int shell(const char *command, char *out, size_t bytes)
{
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    const size_t n = fread(out, 1, bytes - 1, pipe);
    out[n] = '\0';
    return pclose(pipe);
}

static void assert_completes(const struct program *p, const char *words, int at, const char *parts)
{
    char command[1024], got[16384];
    snprintf(command, sizeof command,
             "cd %s && bash -c 'source ./script; COMP_WORDS=(%s); COMP_CWORD=%d; _dikdik; echo "
             "\" ${COMPREPLY[*]} \"'",
             p->folder, words, at);
    assert_int_equal(shell(command, got, sizeof got), 0);
    if (strstr(got, parts) == NULL) {
        fail_msg("\"%s\" at %d: expected \"%s\", got \"%s\"", words, at, parts, got);
    }
}

static void bash_completes(void **state)
{
    struct program *p = *state;
    program_run(p, "completion bash");
    ASSERT_RUN(p, 0, "");
    program_write(p, "script", p->output);
    program_write(p, "config-file.json", "{}");
    assert_completes(p, "dikdik \"\"", 1, " run search sweep ");
    assert_completes(p, "dikdik ins", 1, " inspect \n");
    assert_completes(p, "dikdik run conf", 2, " config-file.json \n");
    assert_completes(p, "dikdik run c.json --learner.mo", 3, " --learner.mode --learner.momentum ");
    assert_completes(p, "dikdik run c.json --learner.mode \"\"", 4, " async sync \n");
    assert_completes(p, "dikdik run c.json --learner.mode = s", 5, " sync \n");
    assert_completes(p, "dikdik run c.json --set learner.mod", 4, " learner.mode= ");
    assert_completes(p, "dikdik run c.json --set learner.mode = \"\"", 6, " async sync \n");
    assert_completes(p, "dikdik run c.json --act", 3, " --actors.count ");
    assert_completes(p, "dikdik eval f --data fash", 4, " fashion-mnist \n");
    assert_completes(p, "dikdik bench \"\"", 2, " nn search score ");
    assert_completes(p, "dikdik bench nn --mod", 3, " --modes \n");
    assert_completes(p, "dikdik train c.json --model.architecture resnet1", 4,
                     " resnet14 resnet110 \n");
    program_run(p, "completion csh");
    ASSERT_RUN(p, 1, "expected bash, zsh or fish");
}

// Every option of every command has a line in each of the scripts; the shells that are here take
// them.
static void zsh_and_fish_read_theirs(void **state)
{
    struct program *p = *state;
    static const struct {
        const char *shell, *option, *values;
    } cases[] = {
        {"zsh", "'--learner.mode=[async", ":value:(async sync)'"},
        {"fish", "-n '__dikdik_is run' -l learner.mode -d '", " -x -a 'async sync'"},
    };
    for (size_t i = 0; i < 2; i++) {
        char command[256], got[1024];
        program_run(p, "completion %s", cases[i].shell);
        ASSERT_RUN(p, 0, "");
        const char *option = strstr(p->output, cases[i].option);
        assert_non_null(option);
        assert_true(strstr(option, cases[i].values) < strchr(option, '\n'));
        program_write(p, "script", p->output);
        snprintf(command, sizeof command, "command -v %s > /dev/null", cases[i].shell);
        if (shell(command, got, sizeof got) != 0) {
            print_message("no %s here to read its script\n", cases[i].shell);
            continue;
        }
        snprintf(command, sizeof command, "%s -n %s/script 2>&1", cases[i].shell, p->folder);
        assert_int_equal(shell(command, got, sizeof got), 0);
        assert_string_equal(got, "");
    }
}

static void fish_completes(void **state)
{
    struct program *p = *state;
    char command[512], got[16384];
    if (shell("command -v fish > /dev/null", got, sizeof got) != 0) {
        skip();
    }
    program_run(p, "completion fish");
    program_write(p, "script", p->output);
    snprintf(command, sizeof command,
             "cd %s && HOME=. fish -c 'source ./script; complete -C \"dikdik run c --learner.mode "
             "\"; complete -C \"dikdik ins\"'",
             p->folder);
    assert_int_equal(shell(command, got, sizeof got), 0);
    assert_non_null(strstr(got, "async"));
    assert_non_null(strstr(got, "inspect"));
}

// groff finds nothing to warn of in any page.
static void manual_pages_are_clean(void **state)
{
    struct program *p = *state;
    char command[512], got[4096];
    static const char *const names[] = {"", "run", "train", "bench", "config", "completion"};
    const bool there =
        shell("command -v man > /dev/null && command -v groff > /dev/null", got, sizeof got) == 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        program_run(p, i == 0 ? "man" : "man %s", names[i]);
        ASSERT_RUN(p, 0, "");
        assert_non_null(strstr(p->output, "\n.SH NAME\ndikdik"));
        program_write(p, "page.1", p->output);
        if (there) {
            snprintf(command, sizeof command,
                     "LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=100 man --warnings -l %s/page.1 2>&1 > "
                     "/dev/null",
                     p->folder);
            assert_int_equal(shell(command, got, sizeof got), 0);
            assert_string_equal(got, "");
        }
    }
    if (!there) {
        print_message("no man or groff here to check the pages\n");
    }
    program_run(p, "man rnu");
    ASSERT_RUN(p, 1, "no command \"rnu\"");
}

static void install_puts_them_where_shells_look(void **state)
{
    struct program *p = *state;
    char command[1024], got[65536], path[PROGRAM_PATH_CHARS];
    static const char *const files[] = {
        "bin/dikdik",
        "share/bash-completion/completions/dikdik",
        "share/zsh/site-functions/_dikdik",
        "share/fish/vendor_completions.d/dikdik.fish",
        "share/dikdik/dikdik.schema.json",
        "share/man/man1/dikdik.1",
        "share/man/man1/dikdik-run.1",
        "share/man/man1/dikdik-doctor.1",
    };
    snprintf(command, sizeof command, "cmake --install %s --prefix %s 2>&1", BUILD_FOLDER,
             p->folder);
    if (shell(command, got, sizeof got) != 0) {
        fail_msg("%s", got);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (access(program_path(p, files[i], path), R_OK) != 0) {
            fail_msg("%s is not installed", files[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bash_completes, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(zsh_and_fish_read_theirs, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(fish_completes, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(manual_pages_are_clean, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(install_puts_them_where_shells_look, program_setup,
                                        program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
