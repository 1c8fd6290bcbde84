// Files as people have them: other formats under a network file's name, networks without a graph,
// networks whose data set is the user's own.
#include "core/machine.h"
#include "run_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_bytes(const struct program *p, const char *name, const void *bytes, size_t n)
{
    char path[PROGRAM_PATH_CHARS];
    FILE *file = fopen(program_path(p, name, path), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

// ---- other formats
static void formats_are_called_by_their_names(void **state)
{
    struct program *p = *state;
    static const struct {
        const char *name, *bytes;
        size_t n;
        const char *said;
    } cases[] = {
        {"net.pt", "PK\003\004\024\0\0\0\0\0\0\0\0\0", 14, "safetensors.torch.save_file"},
        {"old.pth", "\200\002\212\012l\374\234F\371 j\250P", 13, "Python pickle"},
        {"picture.png", "\211PNG\r\n\032\n\0\0\0\rIHDR", 16, "a PNG image"},
        {"picture.safetensors", "\211PNG\r\n\032\n\0\0\0\rIHDR", 16, "a PNG image"},
        {"photo.jpg", "\377\330\377\340\0\020JFIF\0\001", 12, "a JPEG image"},
        {"keras.h5", "\211HDF\r\n\032\n\0\0\0\0\0\010\010\0", 16, "an HDF5 file"},
        {"array.npy", "\223NUMPY\001\0v\0{'descr", 16, "a NumPy array"},
        {"pointer.safetensors", "version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull"},
        {"page.safetensors", "<!DOCTYPE html><html>", 21, "download has failed"},
        {"text.safetensors", "{\"epochs\": 3, \"a\": 1}", 21, "a JSON text"},
        {"empty.safetensors", "", 0, "0 bytes"},
        {"short.safetensors", "abc", 3, "3 bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_bytes(p, cases[i].name, cases[i].bytes, cases[i].n);
        program_run(p, "eval %s --data shapes", cases[i].name);
        ASSERT_RUN(p, 1, cases[i].said);
        assert_non_null(strstr(p->errors, cases[i].name));
    }
    // An ONNX model is read as one whatever it is called; what is said is of ONNX then.
    static const char model[] = "\010\010\022\007pytorch:\002";
    write_bytes(p, "model.safetensors", model, sizeof model - 1);
    program_run(p, "eval model.safetensors --data shapes");
    ASSERT_RUN(p, 1, "model.safetensors");
    assert_null(strstr(p->errors, "header"));
}

// ---- no graph
// The weights alone, as PyTorch would save them; h: of the network's input.
static void write_bare(const struct program *p, const char *name, const char *architecture, int h)
{
    char path[PROGRAM_PATH_CHARS], command[4096];
    snprintf(command, sizeof command, "%s %s %s %d", WRITE_BARE, program_path(p, name, path),
             architecture, h);
    assert_int_equal(system(command), 0);
}

#define SHAPES "--data shapes --data.size 32 --data.count 50 --limit 5"

// torchvision's mobilenet_v2 has the same tensors and other strides: only a person can know.
static void a_file_without_a_graph_is_called_by_its_form(void **state)
{
    struct program *p = *state;
    write_bare(p, "mobile.safetensors", "mobilenet_v2", 224);
    program_run(p, "eval mobile.safetensors --architecture mobilenet_v2 " SHAPES);
    ASSERT_RUN(p, 0, "mobilenet_v2 in its CIFAR form for 32x32");
    ASSERT_RUN(p, 0, "export it as ONNX");
    program_run(p, "inspect mobile.safetensors --architecture mobilenet_v2 --input 224x224x3 "
                   "--classes 10 --mean 0.5,0.5,0.5 --std 1,1,1");
    ASSERT_RUN(p, 0, "mobilenet_v2 in its ImageNet form for 224x224");
    program_run(p, "inspect resnet1");
    ASSERT_RUN(p, 1, "resnet1");
    program_run(p, "eval --help");
    assert_non_null(strstr(p->output, "CIFAR form"));
}

// Mean and std are not in such a file either: taken from the images, with the options named.
static void mean_and_std_that_nobody_said(void **state)
{
    struct program *p = *state;
    write_bare(p, "convnet.safetensors", "convnet", 32);
    program_run(p, "eval convnet.safetensors --architecture convnet " SHAPES);
    ASSERT_RUN(p, 0, "does not say how its input is normalised");
    ASSERT_RUN(p, 0, "--mean and --std (in a config, `mean` and `std` of the network)");
    program_run(p, "eval convnet.safetensors --architecture convnet --mean 0.5,0.5,0.5 "
                   "--std 0.2,0.2,0.2 " SHAPES);
    ASSERT_RUN(p, 0, "");
    assert_null(strstr(p->errors, "normalised"));
    program_run(p,
                "inspect convnet.safetensors --architecture convnet --input 32x32x3 --classes 10");
    ASSERT_RUN(p, 1, "--mean 0.5,0.5,0.5");
}

// ---- the user's own data set
enum { IMAGES = 200, SIDE = 12 };

static void write_images(const struct program *p, const char *images_name, const char *labels_name)
{
    static unsigned char images[16 + IMAGES * SIDE * SIDE] = {0, 0, 8, 3,    0, 0, 0, IMAGES,
                                                              0, 0, 0, SIDE, 0, 0, 0, SIDE};
    static unsigned char labels[8 + IMAGES] = {0, 0, 8, 1, 0, 0, 0, IMAGES};
    for (int i = 0; i < IMAGES; i++) {
        labels[8 + i] = (unsigned char)(i % 2);
        for (int k = 0; k < SIDE * SIDE; k++) {
            images[16 + i * SIDE * SIDE + k] =
                (unsigned char)((i % 2) * 150 + (i * 7 + k * 5) % 100);
        }
    }
    write_bytes(p, images_name, images, sizeof images);
    write_bytes(p, labels_name, labels, sizeof labels);
}

static void write_data_set(const struct program *p)
{
    char path[PROGRAM_PATH_CHARS], command[PROGRAM_PATH_CHARS + 16];
    snprintf(command, sizeof command, "mkdir -p %s", program_path(p, "pictures", path));
    assert_int_equal(system(command), 0);
    write_images(p, "pictures/train-images-idx3-ubyte", "pictures/train-labels-idx1-ubyte");
    write_images(p, "pictures/t10k-images-idx3-ubyte", "pictures/t10k-labels-idx1-ubyte");
}

static void a_run_knows_where_its_data_set_is(void **state)
{
    struct program *p = *state;
    write_data_set(p);
    program_write(p, "own.json",
                  "{\"model\": {\"architecture\": \"convnet\"}, \"train\": {\"epochs\": 1, "
                  "\"batch\": 20, \"crop_pad\": 0}, \"data\": {\"name\": \"idx\", \"path\": "
                  "\"pictures\"}}");
    const double accuracy = program_number(program_json(p, "train own.json"), "accuracy");
    const char net[] = "runs/own/network.safetensors";
    const struct json *scored = program_json(p, "eval %s", net);
    assert_true(program_number(scored, "accuracy") == accuracy);
    ASSERT_RUN(p, 0, "runs/own/config.json: pictures");
    scored = program_json(p, "eval %s%s --recalibrate 100", net, // the training part too
                          machine_has_vnni() ? " --int8" : "");
    assert_true(program_number(scored, "images") == IMAGES);
    // One folder down, as a search leaves them.
    char from[PROGRAM_PATH_CHARS], to[PROGRAM_PATH_CHARS], command[2 * PROGRAM_PATH_CHARS + 40];
    snprintf(command, sizeof command, "mkdir -p %s/final && cp %s %s/final/task.safetensors",
             program_path(p, "runs/own", to), program_path(p, net, from), to);
    assert_int_equal(system(command), 0);
    scored = program_json(p, "eval runs/own/final/task.safetensors");
    assert_true(program_number(scored, "accuracy") == accuracy);
    // Said again, it is taken from where it was said to be.
    program_run(p, "eval %s --data.path elsewhere", net);
    ASSERT_RUN(p, 1, "elsewhere");
    // Outside of its run's folder, it has to be said.
    snprintf(command, sizeof command, "cp %s %s", from, program_path(p, "alone.safetensors", to));
    assert_int_equal(system(command), 0);
    program_run(p, "eval alone.safetensors");
    ASSERT_RUN(p, 1, "path");
    // Another program's config.json is nothing to trip over.
    program_write(p, "config.json", "{\"model_type\": \"resnet\", \"data\": [1, 2]");
    program_run(p, "eval alone.safetensors --data.path pictures");
    ASSERT_RUN(p, 0, "");
}

#define WITH_PROGRAM(test) cmocka_unit_test_setup_teardown(test, program_setup, program_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PROGRAM(formats_are_called_by_their_names),
        WITH_PROGRAM(a_file_without_a_graph_is_called_by_its_form),
        WITH_PROGRAM(mean_and_std_that_nobody_said),
        WITH_PROGRAM(a_run_knows_where_its_data_set_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
