// dikdik config: faults with line and path, comments, examples, what options mean, the schema.
#include "run_program.h"

#include <stdio.h>
#include <string.h>

#define DATA "\"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 300}"
#define REST                                                                                       \
    " \"networks\": [{\"architecture\": \"convnet\", " DATA ",\n"                                  \
    "  \"train\": {\"epochs\": 1, \"batch\": 20}}],\n"                                             \
    " \"tasks\": [{\"macs\": 0.5}],\n"                                                             \
    " \"scoring\": {\"images\": 20, \"calibration_images\": 20},\n"                                \
    " \"finetune\": {\"epochs\": 1, \"batch\": 20}"

static const struct {
    const char *text, *fault;
} cases[] = {
    {"{\n \"seed\": 1,\n \"serch\": {},\n" REST "}",
     "c.json: line 3: serch: unknown option (did you"},
    {"{\n" REST ",\n \"learner\":\n  {\"batch\": \"four\"}}",
     "c.json: line 8: learner.batch: expected an integer, got the string 'four'"},
    {"{\n" REST ",\n\n \"learner\": {\"discount\": 1.5}}",
     "c.json: line 8: learner.discount: 1.5 is out of range, expected 0 to 1"},
    {"{\n" REST ",\n \"learner\": {\"mode\": \"asinc\"}}",
     "c.json: line 7: learner.mode: expected one of async, sync, got 'asinc' (did you mean "
     "'async'"},
    {"{\n \"tasks\": [{\"macs\": 0.5}]}", "c.json: networks: expected at least one network"},
    {"{\n \"networks\": [\n  {\n   " DATA "}],\n \"tasks\": [{\"macs\": 0.5}]}",
     "c.json: line 3: networks[0]: expected \"weights\""},
    {"{\n \"networks\": [{\"architecture\": \"convnet\"}],\n \"tasks\": [{\"macs\": 0.5}]}",
     "c.json: line 2: networks[0].data.name: expected a data set"},
    {"{\n" REST ",\n \"name\": \"a/b\"}", "c.json: line 7: name: expected a plain word"},
    {"{\n" REST ",\n \"search\": {\"method\": \"frozen\"}}",
     "c.json: line 7: search.method frozen"},
    {"{\n" REST ",\n \"sweep\": {\"learner.bach\": [1]}}",
     "c.json: line 7: sweep.learner.bach: unknown option (did you mean 'learner.batch'?)"},
    {"{\n" REST ",\n \"sweep\": {\n\"learner.batch\": [1, \"x\"]}}",
     "c.json: line 8: sweep.learner.batch[1]: expected an integer"},
    {"{\n" REST ",\n \"sweep\": {\"learner.mode\": \"1..5\"}}",
     "c.json: line 7: sweep.learner.mode: expected one of async, sync"},
    {"{\n" REST ",\n \"sweep\": {\"learner.batch\": []}}",
     "c.json: line 7: sweep.learner.batch: expected a list of values"},
    {"{\n" REST ",\n \"sweep\": {\"learner.discount\": {\"from\": 0, \"to\": 2}}}",
     "c.json: line 7: sweep.learner.discount.to: 2 is out of range"},
    {"{\n \"seed\": 1,\n \"seed\": 2}", "c.json: line 3, column 2: the key 'seed' is there twice"},
    {"{\n \"seed\": 1 // first\n \"name\": 2}", "c.json: line 3, column 2: expected ','"},
    {"[]", "c.json: line 1: the whole text: expected an object"},
    {"{\n \"model\": {\"architecture\": \"convnat\"},\n " DATA "}",
     "c.json: line 2: model.architecture: "},
    {"{\"model\": {\"architecture\": \"convnet\"}}", "c.json: data.name: expected a data set"},
    {"{\n \"model\": {\"architecture\": \"convnet\"},\n " DATA ",\n \"train\": {\"epochs\": 0}}",
     "c.json: line 4: train.epochs: 0 is out of range"},
    // Known from the network and its data alone.
    {"{\n \"networks\": [{\"architecture\": \"convnet\", " DATA "}],\n"
     " \"tasks\": [\n  {\"macs\": 0.5},\n  {\"macs\": 0.0001}]}",
     "but the least possible is"},
};

static void faults_are_told_with_line_and_path(void **state)
{
    struct program *p = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        program_write(p, "c.json", cases[i].text);
        program_run(p, "config --check c.json");
        ASSERT_RUN(p, 1, cases[i].fault);
        assert_string_equal(p->output, "");
    }
    program_run(p, "config --check nowhere.json");
    ASSERT_RUN(p, 1, "nowhere.json");
}

static void several_faults_are_told_at_once(void **state)
{
    struct program *p = *state;
    program_write(p, "c.json",
                  "{\n \"seed\": -1,\n \"learner\": {\n  \"batch\": 0,\n  \"unrol\": 3},\n"
                  " \"tasks\": [{\"macs\": \"half\"}, {\"mac\": 1}, 7],\n"
                  " \"sweep\": {\"no\": [1]}}");
    program_run(p, "config --check c.json");
    static const char *const parts[] = {
        "line 2: seed: ",          "line 4: learner.batch: 0",
        "line 5: learner.unrol: ", "line 6: tasks[0].macs: ",
        "line 6: tasks[1].mac: ",  "line 6: tasks[2]: expected an object, got 7",
        "line 7: sweep.no: "};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        ASSERT_RUN(p, 1, parts[i]);
    }
    program_run(p, "config --check c.json --json");
    ASSERT_RUN(p, 1, "");
    struct json *json;
    assert_int_equal(json_parse(p->output, strlen(p->output), "output", &json), OK);
    assert_false(json_bool(json_get(json, "good")));
    assert_int_equal(json_count(json_get(json, "faults")), 7);
    json_close(json);
}

static void good_configs_may_name_what_is_not_here(void **state)
{
    struct program *p = *state;
    program_write(p, "c.json", "{" REST "}");
    program_run(p, "config --check c.json");
    ASSERT_RUN(p, 0, "");
    assert_string_equal(p->output, "c.json: good, a config of dikdik run and dikdik search\n");
    program_write(p, "c.json",
                  "{\"sweep\": {\"config\": \"other.json\", \"kind\": \"random\", \"draws\": 5,\n"
                  " \"learner.mode\": \"sync\", \"seed\": \"1..5\", \"learner.batch\": [2, 4],\n"
                  " \"learner.discount\": {\"from\": 0.5, \"to\": 1}}}");
    program_run(p, "config --check c.json");
    ASSERT_RUN(p, 0, "");
    program_write(p, "c.json",
                  "{\n \"networks\": [\n  {\"weights\": \"gone.safetensors\", " DATA "}],\n"
                  " \"tasks\": [{\"macs\": 0.5}]}");
    program_run(p, "config --check c.json");
    ASSERT_RUN(p, 0, "gone.safetensors");
    assert_int_equal(json_count(json_get(program_json(p, "config --check c.json"), "absent")), 1);
}

// In a run as well as in a check, and messages keep their lines.
static void comments_are_no_part_of_a_config(void **state)
{
    struct program *p = *state;
    program_write(p, "c.json",
                  "// \"seed\": \"x\"\n"
                  "{ \"$schema\": \"http://a//b.json\", // seen by editors\n"
                  " \"name\": \"c\", // \"},\n"
                  " \"model\": {\"architecture\": \"convnet\"}, //\n"
                  " \"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 200},\n"
                  " \"train\": {\"epochs\": 1, \"batch\": 20}\n"
                  "}// end");
    program_run(p, "config --check c.json");
    ASSERT_RUN(p, 0, "");
    program_run(p, "train c.json --run-dir run");
    ASSERT_RUN(p, 0, "");
    program_run(p, "train c.json --run-dir run --train.epochs 0");
    ASSERT_RUN(p, 1, "--train.epochs");
    program_write(p, "c.json", "// one\n{\n \"seed\": // three\n  \"x // y\"}");
    program_run(p, "train c.json");
    ASSERT_RUN(p, 1,
               "c.json: line 3: seed: expected a seed from 0 to 18446744073709551615, got the "
               "string 'x // y'");
}

static void examples_pass_the_check(void **state)
{
    struct program *p = *state;
    static const char *const names[] = {"prune", "nas", "sweep"};
    for (int i = 0; i < 3; i++) {
        program_run(p, "config --example %s", names[i]);
        ASSERT_RUN(p, 0, "");
        assert_non_null(strstr(p->output, "//"));
        program_write(p, "example.json", p->output);
        program_run(p, "config --check example.json");
        ASSERT_RUN(p, 0, "");
    }
    program_run(p, "config --example prun");
    ASSERT_RUN(p, 1, "did you mean 'prune'");
}

static void options_are_explained(void **state)
{
    struct program *p = *state;
    const struct json *json = program_json(p, "config --explain learner.learning_rate");
    const struct json *option = json_at(json_get(json, "options"), 0);
    assert_string_equal(program_string(option, "path"), "learner.learning_rate");
    assert_string_equal(program_string(option, "type"), "a number");
    assert_string_equal(program_string(option, "values"), "default 0.005; 1e-12 to 1000000");
    assert_true(program_number(option, "most") == 1e6);
    json = program_json(p, "config --explain learner.mode");
    option = json_at(json_get(json, "options"), 0);
    assert_int_equal(json_count(json_get(option, "choices")), 2);
    // By the end of a path: of base networks, supernets, fine-tuning and both kinds of configs.
    json = program_json(p, "config --explain epochs");
    assert_int_equal(json_count(json_get(json, "options")), 4);
    static const char *const elements[] = {"tasks.0.macs", "tasks[2].macs", "tasks.macs"};
    for (int i = 0; i < 3; i++) {
        program_run(p, "config --explain %s", elements[i]);
        ASSERT_RUN(p, 0, "");
        assert_non_null(strstr(p->output, "most multiply-adds"));
    }
    program_run(p, "config --explain learner");
    assert_non_null(strstr(p->output, "checkpoint_seconds"));
    program_run(p, "config --explain learner.learnin_rate");
    ASSERT_RUN(p, 1, "did you mean learner.learning_rate?");
    program_run(p, "config --explain xyzzy_xyzzy");
    ASSERT_RUN(p, 1, "no such option");
    program_run(p, "config");
    ASSERT_RUN(p, 1, "expected one of --schema");
    program_run(p, "config --schema --explain seed");
    ASSERT_RUN(p, 1, "got several");
}

// Where jsonschema is, config_schema.py has the rest.
static void the_schema_has_every_option(void **state)
{
    struct program *p = *state;
    program_run(p, "config --schema");
    ASSERT_RUN(p, 0, "");
    struct json *schema;
    assert_int_equal(json_parse(p->output, strlen(p->output), "schema", &schema), OK);
    assert_string_equal(program_string(schema, "$schema"),
                        "https://json-schema.org/draft/2020-12/schema");
    const struct json *run = json_get(json_get(schema, "$defs"), "run");
    assert_string_equal(program_string(run, "properties.learner.properties.learning_rate.type"),
                        "number");
    assert_true(program_number(run, "properties.networks.items.properties.supernet.properties."
                                    "epochs.minimum") >= 0);
    assert_non_null(json_get(json_get(json_get(json_get(run, "properties"), "sweep"), "properties"),
                             "learner.batch"));
    json_close(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(faults_are_told_with_line_and_path, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(several_faults_are_told_at_once, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(good_configs_may_name_what_is_not_here, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(comments_are_no_part_of_a_config, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(examples_pass_the_check, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(options_are_explained, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(the_schema_has_every_option, program_setup,
                                        program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
