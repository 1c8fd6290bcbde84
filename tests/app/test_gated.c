// A network with gates and hard-swish, of another tool, as a task of its own: ONNX in, trained for
// an epoch on Fashion-MNIST, searched to half its multiply-adds, fine-tuned, ONNX out.
#include "run_program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char training[] =
    "{\"seed\": 1, \"model\": {\"weights\": \"gated.onnx\"},"
    " \"data\": {\"name\": \"fashion-mnist\", \"share\": 0.25},"
    " \"train\": {\"epochs\": 1, \"batch\": 64, \"learning_rate\": 0.1, \"crop_pad\": 0}}";
static const char search[] =
    "{\"seed\": 1,"
    " \"networks\": [{\"name\": \"gated\", \"weights\": \"trained/network.safetensors\","
    "                 \"data\": {\"name\": \"fashion-mnist\", \"share\": 0.25}}],"
    " \"tasks\": [{\"network\": \"gated\", \"macs\": 0.5}],"
    " \"space\": {\"round_to\": 2},"
    " \"scoring\": {\"calibration_images\": 128, \"images\": 300},"
    " \"search\": {\"evaluations\": 8, \"best\": 2},"
    " \"finetune\": {\"epochs\": 1, \"batch\": 64, \"learning_rate\": 0.05, \"crop_pad\": 0}}";

static void a_gated_network_is_a_task(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS], command[2 * PROGRAM_PATH_CHARS];
    snprintf(command, sizeof command, "%s %s", WRITE_GATED, program_path(p, "gated.onnx", path));
    assert_int_equal(system(command), 0);
    program_write(p, "train.json", training);
    program_write(p, "search.json", search);
    const struct json *json = program_json(p, "train train.json --run-dir trained");
    const double trained = program_number(json, "accuracy");
    const double macs = program_number(json, "macs");
    assert_true(trained > 0.5);
    program_run(p, "run search.json --transport inline --run-dir run");
    ASSERT_RUN(p, 0, "");
    json = program_json(p, "eval run/final/gated-macs0.5.safetensors --data fashion-mnist");
    const double accuracy = program_number(json, "accuracy");
    assert_true(program_number(json, "macs") <= 0.5 * macs);
    assert_true(accuracy > trained - 0.1);
    // What other runtimes get says the same.
    json = program_json(p, "eval run/final/gated-macs0.5.onnx --data fashion-mnist");
    assert_true(fabs(program_number(json, "accuracy") - accuracy) < 0.001);
    assert_true(program_number(json, "macs") <= 0.5 * macs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_gated_network_is_a_task, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
