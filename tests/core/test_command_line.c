// The command line: options by full path and by last part, --set, config files, help, errors.
#include "core/config.h"
#include "option_case.h"
#include "test_folder.h"
#include "test_unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS_MAX = 16 };

static const struct cli command = {
    .command = "dikdik train",
    .usage = "CONFIG [options]",
    .about = "Trains a network.",
    .positional = (const char *const[]){"CONFIG", "OUT", NULL},
    .required = 0,
    .table = option_case_table,
};

// Splits `line` at '|' and reads it; values' strings live in `arena`.
static enum status read_line(const struct cli *cli, const char *line, struct option_case *values,
                             struct arena *arena, struct cli_result *result)
{
    char *rest = arena_copy_text(arena, line);
    char *words[WORDS_MAX];
    int n = 0;
    words[n++] = arena_copy_text(arena, "train");
    while (rest != NULL && *line != '\0') {
        assert_true(n < WORDS_MAX);
        words[n++] = strsep(&rest, "|");
    }
    return cli_read(cli, n, words, values, arena, result);
}

static void options_of_every_kind(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct option_case values;
    struct cli_result result;
    assert_ok(read_line(&command,
                        "--train.epochs|3|--verbose|--batch=32|--share|.75|--name|17|--mode|async",
                        &values, &arena, &result));
    assert_int_equal(values.train.epochs, 3);
    assert_true(values.verbose);
    assert_int_equal(values.batch, 32);
    assert_true(values.share == 0.75);
    assert_string_equal(values.name, "17");
    assert_int_equal(values.mode, CASE_ASYNC);
    assert_int_equal(values.tune.epochs, 8);
    assert_int_equal(result.n_positional, 0);
    assert_false(result.help);

    assert_ok(read_line(&command,
                        "--seed|18446744073709551615|--sizes|80,-120|--shares|[0.5,1]|--widths|"
                        "layer1.0=8,fc=16|--images|-1|--verbose|false|--name=a=b",
                        &values, &arena, &result));
    assert_true(values.seed == UINT64_MAX);
    assert_int_equal(values.sizes->n, 2);
    assert_int_equal(values.sizes->values[1], -120);
    assert_true(values.shares->values[0] == 0.5);
    assert_string_equal(values.widths->keys[0], "layer1.0");
    assert_int_equal(values.widths->values[1], 16);
    assert_int_equal(values.images, -1);
    assert_false(values.verbose);
    assert_string_equal(values.name, "a=b");

    // '-' stands for '_', not for '.'.
    assert_fails(read_line(&command, "--tune-epochs|4", &values, &arena, &result), ERR_CONFIG,
                 "unknown option (did you mean 'tune.epochs'?)");
    assert_ok(read_line(&command, "--sizes=|--widths=|--name=", &values, &arena, &result));
    assert_int_equal(values.sizes->n, 0);
    assert_int_equal(values.widths->n, 0);
    assert_string_equal(values.name, "");
    assert_ok(read_line(&command, "", &values, &arena, &result));
    assert_int_equal(values.batch, 64);
    arena_close(&arena);
}

static void set_takes_paths(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct option_case values;
    struct cli_result result;
    assert_ok(read_line(&command,
                        "--set|train.epochs=5|--set=tune.rate=0.5|--set|widths.layer1.0.conv1=8|"
                        "--set|widths.widths=9|--set|train.milestones=[1,2]",
                        &values, &arena, &result));
    assert_int_equal(values.train.epochs, 5);
    assert_true(values.tune.rate == 0.5);
    assert_int_equal(values.widths->n, 2);
    assert_string_equal(values.widths->keys[0], "layer1.0.conv1");
    assert_string_equal(values.widths->keys[1], "widths");
    assert_int_equal(values.train.milestones->n, 2);
    assert_ok(read_line(&command,
                        "--set|train={\"epochs\":7}|--set|train.rate=2|--batch|1|--batch|2",
                        &values, &arena, &result));
    assert_int_equal(values.train.epochs, 7);
    assert_true(values.train.rate == 2.0);
    assert_int_equal(values.batch, 2); // the last one counts
    arena_close(&arena);
}

static void paths_into_lists(void **state)
{
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    struct arena arena = {0};
    struct option_case values;
    struct cli_result result;
    const char *path = test_folder_path(&folder, "c.json");
    const char *text = "{\"tasks\": [{}, {\"macs\": 0.25, \"stages\": [{}, {}]}]}";
    test_folder_write(path, text, strlen(text));
    char line[1024];
    snprintf(line, sizeof line,
             "%s|--set|tasks.0.macs=0.3|--tasks.1.stages.1.epochs|3|--set|tasks.1.tune.rate=2|"
             "--set|tasks.1.widths.layer1.0=7|--set|tasks.0.network=17",
             path);
    assert_ok(read_line(&command, line, &values, &arena, &result));
    assert_int_equal(values.tasks->n, 2);
    const struct option_case_task *first = option_list_at(values.tasks, 0),
                                  *second = option_list_at(values.tasks, 1);
    assert_true(first->macs == 0.3);
    assert_string_equal(first->network, "17");
    assert_true(second->macs == 0.25);
    assert_true(second->tune.rate == 2.0);
    assert_string_equal(second->widths->keys[0], "layer1.0");
    assert_int_equal(((const struct option_case_inner *)option_list_at(second->stages, 1))->epochs,
                     3);
    snprintf(line, sizeof line, "%s|--set|tasks.1={\"macs\":0.75}|--tasks.1.tune.epochs=5", path);
    assert_ok(read_line(&command, line, &values, &arena, &result));
    second = option_list_at(values.tasks, 1);
    assert_true(second->macs == 0.75);
    assert_int_equal(second->tune.epochs, 5);
    assert_int_equal(second->stages->n, 0);
    assert_ok(read_line(&command, "--tasks|[{\"macs\": 1}]|--set|tasks.0.network=x", &values,
                        &arena, &result));
    first = option_list_at(values.tasks, 0);
    assert_true(first->macs == 1.0);
    assert_string_equal(first->network, "x");
    snprintf(line, sizeof line, "%s|--set|tasks.2.macs=0.3", path);
    assert_fails(read_line(&command, line, &values, &arena, &result), ERR_CONFIG,
                 "c.json: '2' cannot be set: 'tasks' is a list of 2, expected an index below");
    arena_close(&arena);
    test_folder_remove(&folder);
}

static void config_file_lies_below(void **state)
{
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    struct arena arena = {0};
    struct option_case values;
    struct cli_result result;
    const char *path = test_folder_path(&folder, "c.json");
    const char *text = "{\"batch\": 16, \"train\": {\"epochs\": 2, \"rate\": 0.5}}";
    test_folder_write(path, text, strlen(text));
    char line[1024];
    snprintf(line, sizeof line, "%s|--train.epochs|9|out.bin", path);
    assert_ok(read_line(&command, line, &values, &arena, &result));
    assert_int_equal(values.batch, 16);
    assert_int_equal(values.train.epochs, 9);
    assert_true(values.train.rate == 0.5);
    assert_int_equal(result.n_positional, 2);
    assert_string_equal(result.positional[0], path);
    assert_string_equal(result.positional[1], "out.bin");

    text = "{\"train\": {\"epocs\": 2}}";
    test_folder_write(path, text, strlen(text));
    assert_fails(read_line(&command, line, &values, &arena, &result), ERR_CONFIG,
                 "c.json: line 1: train.epocs: unknown option (did you mean 'epochs'?)");
    text = "{\"train\": 3}";
    test_folder_write(path, text, strlen(text));
    assert_fails(read_line(&command, line, &values, &arena, &result), ERR_CONFIG, "c.json: ");
    text = "[]";
    test_folder_write(path, text, strlen(text));
    assert_fails(read_line(&command, line, &values, &arena, &result), ERR_CONFIG, "c.json: ");
    remove(path);
    assert_fails(read_line(&command, line, &values, &arena, &result), ERR_INPUT, "c.json");
    arena_close(&arena);
    test_folder_remove(&folder);
}

struct bad {
    const char *line, *message;
};
static const struct bad bad_lines[] = {
    {"--epochs|3", "dikdik train: --epochs: can mean 'train.epochs' or 'tune.epochs'"},
    {"--set|epochs=3", "--set epochs: can mean"},
    {"--train.epocs|3", "--train.epocs: unknown option (did you mean 'train.epochs'?)"},
    {"--bach|3", "dikdik train: --bach: unknown option (did you mean 'batch'?)"},
    {"--zzzzzzz", "--zzzzzzz: unknown option (see --help)"},
    {"--|--batch|3|4", "'4' is one word too many"},
    {"-b|3", "-b: unknown option; options begin with '--'"},
    {"--batch", "--batch needs a value, got the end of the line"},
    {"--batch|--verbose", "--batch needs a value, got --verbose"},
    {"--batch|many", "dikdik train: --batch: expected an integer, got the string 'many'"},
    {"--batch|", "--batch: expected an integer, got the string ''"},
    {"--batch|0", "--batch: 0 is out of range, expected 1 to 4096"},
    {"--batch|2.5", "--batch: expected an integer, got 2.5"},
    {"--batch|1e999", "--batch: expected an integer, got the string '1e999'"},
    {"--share|nan", "--share: expected a number, got the string 'nan'"},
    {"--share|0x1p-1", "--share: expected a number"},
    {"--verbose=yes", "--verbose: expected true or false, got the string 'yes'"},
    {"--mode|synk", "--mode: expected one of async, sync, local, got 'synk'"},
    {"--seed|-1", "--seed: expected a seed"},
    {"--seed|18446744073709551616", "--seed: expected a seed"},
    {"--images|9007199254740993", "--images: an integer of this size"},
    {"--sizes|1,x", "--sizes: line 1"},
    {"--sizes|1,2.5", "--sizes[1]: expected an integer"},
    {"--widths|fc", "--widths: expected an object of integers, got the string 'fc'"},
    {"--widths|fc=1,b", "--widths: expected an object of integers"},
    {"--widths|fc=1,fc=2", "the key 'fc' is there twice"},
    {"--widths|fc=0", "--widths.fc: 0 is out of range"},
    {"--set|widths.fc=0", "--set widths.fc: 0 is out of range"},
    {"--set", "--set needs PATH=VALUE, got 'nothing'"},
    {"--set|batch", "--set needs PATH=VALUE, got 'batch'"},
    {"--set|=3", "--set needs PATH=VALUE"},
    {"--set|train.unknown=3", "--set train.unknown: unknown option"},
    {"--set|widths.=3", "--set widths.: unknown option"},
    {"--set|train.epochs=none", "--set train.epochs: expected an integer, got the string 'none'"},
    {"--set|train=3", "--set train: expected an object, got 3"},
    {"--set|train={\"epochs\":0}", "--set train.epochs: 0 is out of range"},
    {"--set|tasks.0.macs=2", "--set tasks.0.macs: 2 is out of range, expected 0.01 to 1"},
    {"--set|tasks.0.mac=1", "--set tasks.0.mac: unknown option"},
    {"--set|tasks.x.macs=1", "--set tasks.x.macs: unknown option"},
    {"--set|tasks.0x.macs=1", "--set tasks.0x.macs: unknown option"},
    {"--set|tasks.0.=1", "--set tasks.0.: unknown option"},
    {"--set|tasks.=1", "--set tasks.: unknown option"},
    {"--set|tasks.0=1", "--set tasks.0: expected an object, got 1"},
    {"--set|tasks=1", "--set tasks: expected a list of objects, got 1"},
    {"--set|tasks.0.macs=0.5", "tasks: expected a list of objects, got an object"},
    {"--macs|1", "--macs: unknown option"},
    {"--=3", "unknown option"},
};

static void bad_lines_are_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    const struct cli bare = {.command = "dikdik train",
                             .usage = "[options]",
                             .about = "",
                             .positional = (const char *const[]){"OUT", "IN", NULL},
                             .table = option_case_table};
    for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++) {
        struct option_case values;
        struct cli_result result;
        const enum status status = read_line(&bare, bad_lines[i].line, &values, &arena, &result);
        if (status == OK) {
            fail_msg("accepted: %s", bad_lines[i].line);
        }
        assert_fails(status, ERR_CONFIG, bad_lines[i].message);
        assert_int_equal(strncmp(status_message(), "dikdik train: ", 14), 0);
    }
    arena_close(&arena);
}

static void words_without_options(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct option_case values;
    struct cli_result result;
    const struct cli eval = {.command = "dikdik eval",
                             .usage = "FILE",
                             .about = "",
                             .positional = (const char *const[]){"FILE", NULL},
                             .required = 1};
    assert_fails(read_line(&eval, "", &values, &arena, &result), ERR_CONFIG,
                 "dikdik eval: FILE is missing; usage: dikdik eval FILE");
    assert_ok(read_line(&eval, "-", &values, &arena, &result));
    assert_string_equal(result.positional[0], "-");
    assert_ok(read_line(&eval, "--|--odd-name", &values, &arena, &result));
    assert_string_equal(result.positional[0], "--odd-name");
    assert_fails(read_line(&eval, "a|--x", &values, &arena, &result), ERR_CONFIG, "--x: unknown");
    arena_close(&arena);
}

// A short name finds an option wherever only one ends that way.
static void short_names(void **state)
{
    (void)state;
    static const struct option table[] = {
        {.key = "train",
         .kind = OPTION_OBJECT,
         .offset = offsetof(struct option_case, train),
         .table = option_case_inner_table},
        {.key = NULL},
    };
    struct arena arena = {0};
    struct option_case values;
    struct cli_result result;
    const struct cli cli = {.command = "x", .usage = "", .about = "", .table = table};
    assert_ok(read_line(&cli, "--epochs|3|--set|rate=0.5", &values, &arena, &result));
    assert_int_equal(values.train.epochs, 3);
    assert_true(values.train.rate == 0.5);
    assert_fails(read_line(&cli, "--pochs|3", &values, &arena, &result), ERR_CONFIG, "unknown");
    arena_close(&arena);
}

static void help_is_printed(void **state)
{
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    const char *path = test_folder_path(&folder, "help.txt");
    struct arena arena = {0};
    struct option_case values;
    struct cli_result result;
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO), file = open(path, O_RDWR | O_CREAT, 0600);
    dup2(file, STDOUT_FILENO);
    const enum status status =
        read_line(&command, "--batch|wrong|--help", &values, &arena, &result);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    assert_ok(status);
    assert_true(result.help);
    assert_int_equal(values.batch, 64);
    char text[8192] = {0};
    assert_true(pread(file, text, sizeof text - 1, 0) > 0);
    close(file);
    const char *const expected[] = {"usage: dikdik train CONFIG [options]\n",
                                    "Trains a network.",
                                    "  --batch N  ",
                                    "images per step",
                                    "(default 64; 1 to 4096)",
                                    "--train.epochs N",
                                    "passes over the images (default 8; 1 to 1000)",
                                    "one of async, sync, local; default sync",
                                    "--widths NAME=N,...",
                                    "--set PATH=VALUE",
                                    "--tasks JSON",
                                    "what to shrink (a list of objects, N from 0; default empty)",
                                    "--tasks.N.macs X",
                                    "--tasks.N.stages.N.epochs N",
                                    "--verbose "};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        if (strstr(text, expected[i]) == NULL) {
            fail_msg("'%s' is not in the help:\n%s", expected[i], text);
        }
    }
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 100);
    }
    arena_close(&arena);
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_of_every_kind), cmocka_unit_test(set_takes_paths),
        cmocka_unit_test(paths_into_lists),      cmocka_unit_test(config_file_lies_below),
        cmocka_unit_test(bad_lines_are_refused), cmocka_unit_test(words_without_options),
        cmocka_unit_test(short_names),           cmocka_unit_test(help_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
