// A network as exporters leave it, its BatchNorms folded into convolutions: a run puts them back
// and trains on at the usual rate, unless told not to.
#include "run_program.h"

#include <math.h>
#include <string.h>

#define DATA "\"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 2000, \"classes\": [0, 6]}"
static const char trained[] =
    "{\"model\": {\"architecture\": \"resnet8\"}, " DATA ", "
    " \"train\": {\"epochs\": 2, \"batch\": 32, \"learning_rate\": 0.05, \"crop_pad\": 0}}";
static const char searched[] = "{\"networks\": [{\"name\": \"mine\", \"weights\": \"mine.onnx\", "
                               "\"train_rows\": \"none\", " DATA "}],"
                               " \"tasks\": [{\"macs\": 0.4}],"
                               " \"scoring\": {\"calibration_images\": 64, \"images\": 200},"
                               " \"search\": {\"evaluations\": 4},"
                               " \"finetune\": {\"epochs\": 1, \"batch\": 32, \"crop_pad\": 0}}";

static double params_of(struct program *p, const char *file)
{
    return program_number(program_json(p, "inspect %s", file), "total.params");
}

static double loss_of(struct program *p, const char *file)
{
    return program_number(
        program_json(p, "eval %s --data.size 12 --data.count 2000 --data.classes 0,6", file),
        "loss");
}

static void test_run(void **state)
{
    struct program *p = *state;
    program_write(p, "trained.json", trained);
    program_write(p, "searched.json", searched);
    program_json(p, "train trained.json --run-dir trained");
    const double params = params_of(p, "trained/network.safetensors");
    const double loss = loss_of(p, "trained/network.safetensors");
    program_json(p, "export trained/network.safetensors -o mine.onnx --compare 16");
    const double folded = params_of(p, "mine.onnx");
    assert_true(folded < params);

    program_json(p, "run searched.json --run-dir back");
    assert_true(params_of(p, "back/networks/mine.safetensors") == params);
    assert_true(fabs(loss_of(p, "back/networks/mine.safetensors") - loss) < 1e-4 * loss);

    program_json(p, "search searched.json --run-dir as-is --networks.0.restore_batchnorm false");
    assert_true(params_of(p, "as-is/networks/mine.safetensors") == folded);

    program_json(p, "import mine.onnx -o imported.safetensors");
    program_json(
        p, "search searched.json --run-dir imported --networks.0.weights=imported.safetensors");
    assert_true(params_of(p, "imported.safetensors") == folded);
    assert_true(params_of(p, "imported/networks/mine.safetensors") == params);
}

// A cut made from it, and a training that goes on from it, have them too.
static void test_slim_and_train(void **state)
{
    struct program *p = *state;
#define SLIM                                                                                       \
    "slim mine.onnx --share 0.5 --data shapes --data.size 12 --data.count 2000 --data.classes "    \
    "0,6 -o "
    program_write(p, "trained.json", trained);
    program_json(p, "train trained.json --run-dir trained");
    const double params = params_of(p, "trained/network.safetensors");
    program_json(p, "export trained/network.safetensors -o mine.onnx");
    program_json(p, SLIM "cut.safetensors");
    program_json(p, SLIM "as-is.safetensors --restore-batchnorm false");
    assert_true(params_of(p, "cut.safetensors") > params_of(p, "as-is.safetensors"));
#undef SLIM
    program_json(p, "train trained.json --run-dir on --set train.epochs=1 --model.weights "
                    "mine.onnx --model.train_rows none");
    assert_true(params_of(p, "on/network.safetensors") == params);
    program_run(p, "train trained.json --run-dir refused --model.train_rows none");
    ASSERT_RUN(p, 1, "model.train_rows");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run, program_setup, program_teardown),
        cmocka_unit_test_setup_teardown(test_slim_and_train, program_setup, program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
