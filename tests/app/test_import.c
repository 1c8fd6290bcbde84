// dikdik import, and ONNX files wherever a network file may stand.
#include "run_program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_refusals(void **state)
{
    struct program *p = *state;
    program_write(p, "pickle.pt", "PK\003\004 and so on, a ZIP archive");
    program_run(p, "import pickle.pt -o net.safetensors");
    ASSERT_RUN(p, 1, "torch.save");
    program_run(p, "inspect pickle.pt");
    ASSERT_RUN(p, 1, "torch.save");
    program_write(p, "text.onnx", "this is no model at all");
    program_run(p, "import text.onnx -o net.safetensors");
    ASSERT_RUN(p, 1, "text.onnx");
    program_run(p, "import nowhere.onnx -o net.safetensors");
    ASSERT_RUN(p, 1, "nowhere.onnx");
    program_run(p, "import text.onnx");
    ASSERT_RUN(p, 1, "--output is missing");
}

static bool has_data(void)
{
    if (getenv("DIKDIK_DATA") == NULL) {
        print_message("skipped: DIKDIK_DATA is not set\n");
        return false;
    }
    return true;
}

static void test_resnets(void **state)
{
    struct program *p = *state;
    if (!has_data()) {
        skip();
    }
    const char *root = getenv("DIKDIK_DATA");
    const struct json *json =
        program_json(p, "import %s/weights/cifar10_resnet20.onnx -o net.safetensors", root);
    assert_true(program_number(json, "macs") == 40551040);
    assert_true(program_number(json, "groups") == 14);
    json = program_json(p, "slim net.safetensors -o half.safetensors --macs 0.5");
    assert_true(program_number(json, "macs") <= 20275520);
    // What we wrote ourselves says all that is needed.
    program_json(p, "export %s/weights/clean_resnet20.safetensors -o back.onnx --compare 16", root);
    const double back = program_number(program_json(p, "eval back.onnx --limit 500"), "accuracy");
    json = program_json(p, "eval %s/weights/clean_resnet20.safetensors --limit 500", root);
    assert_true(back == program_number(json, "accuracy"));
    // Its sheet says 87.21% for raw pixels.
    json =
        program_json(p,
                     "eval %s/weights/mlperftiny_resnet8_cifar10.onnx --data cifar10 --mean 0,0,0 "
                     "--std 0.00392156862745098,0.00392156862745098,0.00392156862745098",
                     root);
    assert_true(fabs(program_number(json, "accuracy") - 0.8721) < 1e-6);
}

// Every exported network is grouped and slimmed to half its multiply-adds.
static void test_exported(void **state)
{
    static const char *const names[] = {
        "mobilenet_v2_dynamo",       "mobilenet_v2_script",  "mobilenet_v3_small_dynamo",
        "mobilenet_v3_small_script", "resnet18_dynamo",      "shufflenet_v2_x0_5_dynamo",
        "shufflenet_v2_x0_5_script", "squeezenet1_1_dynamo", "squeezenet1_1_script"};
    struct program *p = *state;
    if (!has_data()) {
        skip();
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct json *json = program_json(
            p, "slim %s/onnx_exported/%s/model.onnx -o half.safetensors --macs 0.5 --global",
            getenv("DIKDIK_DATA"), names[i]);
        const double share = program_number(json, "macs") / program_number(json, "macs_before");
        if (share > 0.5 || share < 0.45) {
            fail_msg("%s: cut to %g of its multiply-adds", names[i], share);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refusals, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(test_resnets, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(test_exported, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
