// dikdik export --hub: a folder that safetensors, ONNX Runtime and a YAML reader take, with the
// results of the run that the network came from; which folders are written to, and what stays.
#include "readers.h"
#include "stripes.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char config[] =
    "{\"seed\": 3,"
    " \"networks\": [{\"name\": \"a\", \"architecture\": \"convnet\", \"data\":"
    "  {\"name\": \"stripes\", \"path\": \"stripes\"},"
    "  \"train\": {\"epochs\": 2, \"batch\": 40, \"crop_pad\": 0}}],"
    " \"tasks\": [{\"macs\": 0.5}], \"space\": {\"round_to\": 2},"
    " \"scoring\": {\"calibration_images\": 32, \"images\": 40, \"validation_share\": 0.5},"
    " \"search\": {\"evaluations\": 4, \"best\": 1, \"method\": \"evolution\"},"
    " \"finetune\": {\"epochs\": 1, \"batch\": 40, \"crop_pad\": 0}}";

#define FINAL "runs/small/final/a-macs0.5.safetensors"
#define EXPORT "export " FINAL " --compare 20 " // its run says where the data are

static void make_run(struct program *p)
{
    stripes_write(p, "stripes", STRIPES_TRAIN, 0, 0);
    program_write(p, "small.json", config);
    program_run(p, "run small.json --transport inline");
    ASSERT_RUN(p, 0, "");
}

// Entries of a folder; fails where one is a leftover of writing.
static int count_entries(const struct program *p, const char *folder)
{
    char path[PROGRAM_PATH_CHARS];
    int n = 0;
    DIR *entries = opendir(program_path(p, folder, path));
    assert_non_null(entries);
    for (const struct dirent *e = readdir(entries); e != NULL; e = readdir(entries)) {
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 ? 1 : 0;
        assert_null(strstr(e->d_name, ".tmp"));
        assert_null(strstr(e->d_name, "unchecked"));
    }
    closedir(entries);
    return n;
}

static bool has_file(const struct program *p, const char *name)
{
    char path[PROGRAM_PATH_CHARS];
    return access(program_path(p, name, path), F_OK) == 0;
}

static void a_hub_folder_is_read_by_others(void **state)
{
    struct program *p = *state;
    static const char *const ways[] = {"", "--input_values pixels", "--input_values bytes"};
    make_run(p);
    program_run(p, "eval " FINAL " --data stripes --data.path stripes --logits logits.safetensors");
    ASSERT_RUN(p, 0, "");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const struct json *said =
            program_json(p, EXPORT "--hub hub%s%s", i > 0 ? " " : "", ways[i]);
        assert_string_equal(program_string(said, "hub"), "hub");
        assert_string_equal(program_string(said, "file"), "hub/model.onnx");
        assert_true(json_bool(json_get(said, "results")));
        assert_true(json_bool(json_get(said, "compared_real")));
        assert_int_equal(count_entries(p, "hub"), 5); // written over the last way's
        if (readers_run(p, READ_HUB,
                        "hub logits.safetensors stripes/t10k-images-idx3-ubyte --results") ==
            READERS_MISSING) {
            skip();
        }
    }
    // The weights alone, from another place: nothing is known of a run.
    program_run(p, "export hub/model.safetensors --data stripes --data.path stripes --hub plain/");
    ASSERT_RUN(p, 0, "");
    readers_run(p, READ_HUB, "plain logits.safetensors stripes/t10k-images-idx3-ubyte");
}

static void results_of_another_network_are_left_out(void **state)
{
    struct program *p = *state;
    char from[PROGRAM_PATH_CHARS], to[PROGRAM_PATH_CHARS];
    make_run(p);
    const struct json *said =
        program_json(p, "export runs/small/found/a-macs0.5.safetensors --compare 0 --hub found");
    assert_true(json_bool(json_get(said, "results")));
    assert_int_equal(rename(program_path(p, "runs/small/networks/a.safetensors", from),
                            program_path(p, FINAL, to)),
                     0);
    said = program_json(p, "export " FINAL " --compare 0 --hub other");
    assert_false(json_bool(json_get(said, "results")));
    assert_non_null(strstr(p->errors, "is about another network"));
}

static void folders_of_others_are_refused(void **state)
{
    struct program *p = *state;
    char path[PROGRAM_PATH_CHARS];
    make_run(p);
    program_write(p, "README.md", "mine");
    program_write(p, "config.json", "{\"model_type\": \"resnet\"}");
    const int before = count_entries(p, ".");
    program_run(p, EXPORT "--hub .");
    ASSERT_RUN(p, 1, "--force");
    program_run(p, EXPORT "--hub README.md");
    ASSERT_RUN(p, 1, "expected a folder");
    program_run(p, EXPORT "--hub hub -o net.onnx");
    ASSERT_RUN(p, 1, "expected one of them");
    program_run(p, EXPORT "-o net.onnx --force");
    ASSERT_RUN(p, 1, "--force is for --hub");
    program_run(p, "export nothing.onnx --hub hub");
    ASSERT_RUN(p, 1, "nothing.onnx");
    program_run(p, EXPORT "--hub hub --int8 ort --batchnorm keep");
    ASSERT_RUN(p, 1, "fold");
    assert_int_equal(count_entries(p, "."), before);
    assert_false(has_file(p, "hub"));
    // With --force what has other names stays.
    program_run(p, EXPORT "--hub . --force");
    ASSERT_RUN(p, 0, "");
    assert_int_equal(count_entries(p, "."), before + 3);
    assert_true(has_file(p, "small.json") && has_file(p, "model.onnx"));
    program_run(p, EXPORT "--hub ."); // ours now
    ASSERT_RUN(p, 0, "");
    assert_int_equal(mkdir(program_path(p, "empty", path), 0700), 0);
    program_run(p, EXPORT "--hub empty");
    ASSERT_RUN(p, 0, "");
    assert_int_equal(count_entries(p, "empty"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hub_folder_is_read_by_others, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(results_of_another_network_are_left_out, program_setup,
                                        program_teardown),
        cmocka_unit_test_setup_teardown(folders_of_others_are_refused, program_setup,
                                        program_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
