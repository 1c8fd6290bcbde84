// Help on every level, and what users do wrong: exit codes and messages.
#include "run_program.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const commands[] = {"train",  "eval",  "inspect", "slim",
                                       "export", "bench", "doctor",  "sweep"};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static const char good_config[] = "{\"seed\": 1, \"model\": {\"architecture\": \"convnet\"},"
                                  " \"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 200},"
                                  " \"train\": {\"epochs\": 1, \"batch\": 20}}";

static void help_is_on_every_level(void **state)
{
    struct program *p = *state;
    program_run(p, "--help");
    ASSERT_RUN(p, 0, "");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        assert_non_null(strstr(p->output, commands[i]));
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        program_run(p, "%s --help", commands[i]);
        ASSERT_RUN(p, 0, "");
        assert_non_null(strstr(p->output, commands[i]));
        assert_non_null(strstr(p->output, "--json"));
    }
    program_run(p, "train --help");
    assert_non_null(strstr(p->output, "train.learning"));
    program_run(p, "--version");
    ASSERT_RUN(p, 0, "");
    assert_int_equal(strncmp(p->output, "dikdik ", 7), 0);
}

static void wrong_words_are_bad_input(void **state)
{
    struct program *p = *state;
    program_run(p, "%s", "");
    ASSERT_RUN(p, 1, "usage");
    program_run(p, "evla x");
    ASSERT_RUN(p, 1, "did you mean \"eval\"");
    for (size_t i = 0; i < N_COMMANDS; i++) {
        program_run(p, "%s --no-such-option", commands[i]);
        ASSERT_RUN(p, 1, "no-such-option");
        assert_string_equal(p->output, "");
    }
    program_run(p, "eval");
    ASSERT_RUN(p, 1, "FILE");
    program_run(p, "bench cc");
    ASSERT_RUN(p, 1, "\"cc\"");
    program_run(p, "bench nn --modes sing");
    ASSERT_RUN(p, 1, "sing");
    program_run(p, "inspect resnet20 --classes many");
    ASSERT_RUN(p, 1, "classes");
}

static void wrong_configs_are_named(void **state)
{
    struct program *p = *state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"train\": {\"epochs\": 1}", "config.json"},
        {"{\"train\": {\"epochz\": 1}}", "epochz"},
        {"{\"train\": {\"epochs\": \"one\"}}", "train.epochs"},
        {"{\"train\": {\"epochs\": 0}}", "train.epochs"},
        {"{\"seed\": 1, \"seed\": 2}", "seed"},
        {"{\"train\": {\"optimizer\": \"sdg\"}}", "optimizer"},
        {"{\"model\": {\"architecture\": \"resnet21\"}}", "architecture"},
        {"{\"model\": {\"architecture\": \"convnet\"}, \"name\": \"a/b\"}", "plain word"},
        {"{\"data\": {\"name\": \"shapes\"}}", "expected \"architecture\""},
        {"{\"model\": {\"architecture\": \"convnet\"}, \"data\": {\"name\": \"no-such-data\"}}",
         "no-such-data"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        program_write(p, "config.json", cases[i].text);
        program_run(p, "train config.json");
        ASSERT_RUN(p, 1, cases[i].message);
    }
    program_run(p, "train nowhere.json");
    ASSERT_RUN(p, 1, "nowhere.json");
    program_write(p, "good.json", good_config);
    program_run(p, "train good.json --set train.batch=500");
    ASSERT_RUN(p, 1, "train.batch = 500");
    program_run(p, "train good.json --backend gpu");
    ASSERT_RUN(p, 2, "gpu");
    char path[PROGRAM_PATH_CHARS];
    assert_int_not_equal(access(program_path(p, "runs", path), F_OK), 0); // nothing was begun
}

static void wrong_files_are_named(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    program_write(p, "good.json", good_config);
    program_run(p, "train good.json --run-dir run");
    ASSERT_RUN(p, 0, "");
    program_run(p, "eval nowhere.safetensors --data shapes");
    ASSERT_RUN(p, 1, "nowhere.safetensors");
    program_run(p, "inspect good.json");
    ASSERT_RUN(p, 1, "good.json");
    program_run(p, "slim run/network.safetensors -o out");
    ASSERT_RUN(p, 1, "--macs");
    program_run(p, "slim run/network.safetensors -o out --macs 0.5 --share 0.5");
    ASSERT_RUN(p, 1, "several");
    program_run(p, "slim run/network.safetensors --macs 0.5");
    ASSERT_RUN(p, 1, "--output");
    program_run(p, "slim run/network.safetensors -o out --macs 0.00001");
    ASSERT_RUN(p, 1, "cannot be met");
    program_run(p, "slim run/network.safetensors -o out --macs 0.5 --criterion best");
    ASSERT_RUN(p, 1, "bn_gamma");
    program_run(p, "slim run/network.safetensors -o nowhere/out --macs 0.5");
    ASSERT_RUN(p, 2, "nowhere/out");
    program_run(p, "eval run/network.safetensors --data.name=shapes --data.size 16");
    ASSERT_RUN(p, 1, "16 x 16 x 3");
    assert_int_equal(truncate(program_path(p, "run/network.safetensors", path), 3000), 0);
    program_run(p, "eval run/network.safetensors --data shapes --data.size 12");
    ASSERT_RUN(p, 1, "network.safetensors");
    assert_string_equal(p->output, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(help_is_on_every_level, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(wrong_words_are_bad_input, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(wrong_configs_are_named, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(wrong_files_are_named, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
