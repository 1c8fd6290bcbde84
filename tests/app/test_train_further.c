// Weights of other classes: a run gives them a new last layer and trains them on before it
// searches, `dikdik train` does the same.
#include "run_program.h"

#include <string.h>

#define DATA(classes)                                                                              \
    "\"data\": {\"name\": \"shapes\", \"size\": 12, \"count\": 2000, \"classes\": " classes "}"
#define RECIPE "{\"epochs\": 4, \"batch\": 32, \"learning_rate\": 0.05, \"crop_pad\": 0}"
static const char two[] =
    "{\"model\": {\"architecture\": \"resnet8\"}, " DATA("[0, 6]") ", \"train\": " RECIPE "}";
static const char three[] = "{\"model\": {\"weights\": \"two/network.safetensors\"}, " DATA(
    "[0, 3, 6]") ", \"train\": " RECIPE "}";
// Well below that of guessing, log 3; as long a training from new weights ends above it.
#define KNOWN 1.04
#define SEARCH(weights)                                                                            \
    "{\"networks\": [{\"name\": \"mine\", \"weights\": \"" weights                                 \
    "\", \"train_rows\": \"none\", \"train_further\": true, \"train\": " RECIPE                    \
    ", " DATA("[0, 3, 6]") "}], \"tasks\": [{\"macs\": 0.4}], \"space\": {\"round_to\": 2},"       \
                           " \"scoring\": {\"calibration_images\": 64, \"images\": 200},"          \
                           " \"search\": {\"evaluations\": 4}}"
static const char searched[] = SEARCH("two/network.safetensors");
static const char exported[] = SEARCH("two.onnx");

static double number_of(struct program *p, const char *file, const char *path)
{
    return program_number(program_json(p, "inspect %s", file), path);
}

static double loss_of(struct program *p, const char *file)
{
    return program_number(
        program_json(p, "eval %s --data.size 12 --data.count 2000 --data.classes 0,3,6", file),
        "loss");
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static void train_on_two(struct program *p)
{
    program_write(p, "two.json", two);
    program_write(p, "three.json", three);
    program_write(p, "searched.json", searched);
    program_write(p, "exported.json", exported);
    program_json(p, "train two.json --run-dir two");
}

static void runs_train_further(void **state)
{
    struct program *p = *state;
    train_on_two(p);
    program_json(p, "search searched.json --run-dir further --actors 2");
    const char *trained = "further/networks/mine.safetensors";
    assert_true(number_of(p, trained, "total.params") ==
                number_of(p, "two/network.safetensors", "total.params") + 64 + 1);
    assert_true(loss_of(p, trained) < KNOWN);
    program_json(p, "search searched.json --run-dir inline --transport inline");
    program_assert_same(p, trained, "inline/networks/mine.safetensors");
    program_json(p, "search searched.json --dry-run");
    program_json(p, "bench score inline/config.json --candidates 3 --grid-images 50 "
                    "--grid-calibration 32");

    program_run(p, "search searched.json --run-dir refused --networks.0.train_further=false");
    ASSERT_RUN(p, 1, "tells 2 classes apart, data set \"shapes\" has 3");
    ASSERT_RUN(p, 1, "train_further");
    program_run(p, "search searched.json --run-dir refused --networks.0.train.all_rows=true");
    ASSERT_RUN(p, 1, "networks[0].train.all_rows");
    // Of the images that are left, training sees all but the share for the search.
    program_run(p, "search searched.json --run-dir refused --networks.0.train_rows 200-1999");
    ASSERT_RUN(p, 1, "network \"mine\"");
}

// A training of some seconds in slices of one: what there is to tell is told once.
static void slices_do_not_repeat_themselves(void **state)
{
    struct program *p = *state;
    train_on_two(p);
    program_json(p, "search searched.json --run-dir sliced --actors.slice_seconds 1 "
                    "--networks.0.train.epochs 16 --networks.0.train_rows unknown");
    assert_int_equal(count(p->errors, "its last layer is new"), 1);
    assert_int_equal(count(p->errors, "it is not known which images"), 1);
}

static void exported_networks_are_trained_further(void **state)
{
    struct program *p = *state;
    train_on_two(p);
    program_json(p, "export two/network.safetensors -o two.onnx");
    program_json(p, "search exported.json --run-dir further");
    const char *trained = "further/networks/mine.safetensors";
    assert_true(number_of(p, trained, "total.params") ==
                number_of(p, "two/network.safetensors", "total.params") + 64 + 1);
    assert_true(loss_of(p, trained) < KNOWN);
}

static void trainings_begin_with_them(void **state)
{
    struct program *p = *state;
    train_on_two(p);
    program_json(p, "train three.json --run-dir three");
    ASSERT_RUN(p, 0, "its last layer is new");
    assert_true(loss_of(p, "three/network.safetensors") < KNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_train_further),
        TEST(slices_do_not_repeat_themselves),
        TEST(exported_networks_are_trained_further),
        TEST(trainings_begin_with_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
