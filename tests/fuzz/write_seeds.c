// Good inputs of the targets whose files no command of dikdik writes: write_seeds FOLDER, which has
// a folder for each target.
#include "core/file.h"
#include "core/hdf5_log.h"
#include "fuzz_agent.h"
#include "run/run_policy.h"
#include "tests/data/image_files.h"
#include "tests/search_space/supernet_case.h"
#include "train/train_checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 6, SIDE = 4, CIFAR_ROW = 3073, METHODS = 11 };

static const char *path_of(const char *root, const char *name)
{
    static char paths[2][512];
    static int next;
    char *path = paths[next++ % 2];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

// Two files as one input: see fuzz_take.
static enum status write_pair(const char *path, const void *first, size_t n_first,
                              const void *second, size_t n_second)
{
    const uint32_t length = (uint32_t)n_first;
    struct file_writer writer;
    TRY(file_writer_open(path, &writer));
    file_writer_bytes(&writer, &length, sizeof length);
    file_writer_bytes(&writer, first, n_first);
    file_writer_bytes(&writer, second, n_second);
    return file_writer_commit(&writer);
}

static enum status write_idx(const char *root)
{
    uint8_t images[16 + IMAGES * SIDE * SIDE] = {0, 0, 8, 3,    0, 0, 0, IMAGES,
                                                 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    uint8_t labels[8 + IMAGES] = {0, 0, 8, 1, 0, 0, 0, IMAGES};
    for (int i = 0; i < IMAGES; i++) {
        labels[8 + i] = (uint8_t)(i % 3);
    }
    return write_pair(path_of(root, "idx/small"), images, sizeof images, labels, sizeof labels);
}

static enum status write_cifar(const char *root)
{
    static uint8_t rows[2 * (CIFAR_ROW + 1)];
    for (int i = 0; i < 2; i++) {
        rows[i * CIFAR_ROW] = (uint8_t)i;
    }
    TRY(write_pair(path_of(root, "cifar/ten"), rows, 2 * CIFAR_ROW, rows, CIFAR_ROW));
    return write_pair(path_of(root, "cifar/hundred"), rows, 2 * (CIFAR_ROW + 1), rows,
                      CIFAR_ROW + 1);
}

// The last byte tells fuzz_hdf5.c what the file is.
static enum status mark_table(const char *path)
{
    FILE *file = fopen(path, "ab");
    if (file == NULL || fputc('t', file) == EOF || fclose(file) != 0) {
        FAIL(ERR_IO, "%s cannot be written", path);
    }
    return OK;
}

static enum status write_hdf5(const char *root)
{
    static const uint8_t images[IMAGES * SIDE * SIDE * 3];
    static const int64_t labels[IMAGES] = {0, 1, 2, 0, 1, 2};
    const struct hdf5_item items[] = {
        {"images", {HDF5_U8, 4, {IMAGES, SIDE, SIDE, 3}, sizeof images}, images},
        {"labels", {HDF5_I64, 1, {IMAGES}, IMAGES}, labels},
    };
    struct row {
        int64_t number;
        double value;
    } rows[3] = {{1, 0.5}, {2, 1.5}, {3, 2.5}};
    static const struct hdf5_column columns[] = {
        {"number", HDF5_I64, 1, false, offsetof(struct row, number)},
        {"value", HDF5_F64, 1, false, offsetof(struct row, value)},
    };
    static const struct hdf5_table table = {"rows", columns, 2, sizeof(struct row)};
    struct hdf5_log *log;
    TRY(hdf5_write(path_of(root, "hdf5/images"), items, 2));
    TRY(hdf5_log_open(path_of(root, "hdf5/table"), &table, 1, NULL, 0, NULL, &log));
    TRY(hdf5_log_append(log, 0, rows, 3));
    TRY(hdf5_log_close(log));
    return mark_table(path_of(root, "hdf5/table"));
}

static enum status write_images(const char *root)
{
    uint8_t pixels[SIDE * SIDE * 4], bmp[54 + SIDE * SIDE * 3] = {'B', 'M'};
    const char *folder = path_of(root, "image");
    for (size_t i = 0; i < sizeof pixels; i++) {
        pixels[i] = (uint8_t)(i * 37);
    }
    image_write_png(folder, "grey.png", IMAGE_GREY, SIDE, SIDE, pixels);
    image_write_png(folder, "rgb.png", IMAGE_RGB, SIDE, SIDE, pixels);
    image_write_png(folder, "rgba.png", IMAGE_RGBA, SIDE, SIDE, pixels);
    image_write_jpeg(folder, "grey.jpg", IMAGE_GREY, SIDE, SIDE, pixels, 0);
    image_write_jpeg(folder, "rgb.jpg", IMAGE_RGB, SIDE, SIDE, pixels, 0);
    image_write_jpeg(folder, "progressive.jpg", IMAGE_RGB, SIDE, SIDE, pixels, 1);
    bmp[2] = (uint8_t)sizeof bmp;
    bmp[10] = 54;
    bmp[14] = 40;
    bmp[18] = bmp[22] = SIDE;
    bmp[26] = 1;
    bmp[28] = 24;
    TRY(file_write(path_of(root, "image/rgb.bmp"), bmp, sizeof bmp));
    static const char ppm[] = "P6\n# made\n2 1\n255\nabcdef", pgm[] = "P2\n2 1\n15\n3 12\n";
    TRY(file_write(path_of(root, "image/rgb.ppm"), ppm, sizeof ppm - 1));
    return file_write(path_of(root, "image/grey.pgm"), pgm, sizeof pgm - 1);
}

static enum status write_policy(const char *root)
{
    static const struct trajectory_shape shape = {.rows = 5, .n_obs = 6, .n_choices = 4};
    struct agent agent;
    struct graph graph;
    fuzz_agent(&shape, &agent);
    TRY(agent_graph(&agent, 1, &graph));
    float *weights = calloc(graph.n_floats, sizeof *weights);
    const enum status status =
        weights != NULL ? run_policy_save(path_of(root, "policy"), &agent, weights) : ERR_MEMORY;
    free(weights);
    graph_close(&graph);
    return status;
}

static enum status write_supernets(const char *root)
{
    const struct supernet_setting settings[] = {
        {NAS_MOBILE, supernet_case_mobile, true, false},
        {NAS_RESNET, supernet_case_resnet, false, true},
        {NAS_CELL, "{\"channels\": 6, \"cells\": 1}", false, false},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        char name[64];
        struct supernet supernet;
        supernet_case_open(&settings[i], &supernet);
        snprintf(name, sizeof name, "supernet/%s", nas_spaces[settings[i].kind]->name);
        const enum status status = supernet_save(&supernet, path_of(root, name));
        supernet_close(&supernet);
        TRY(status);
    }
    return OK;
}

static enum status write_training(const char *root)
{
    struct arena arena = {0};
    struct train_state state;
    TRY(train_state_open(5, 3, 2, &arena, &state));
    state.position = (struct train_position){.epoch = 1, .batch = 2, .step = 7};
    const enum status status =
        train_checkpoint_save(&state, "fuzz", path_of(root, "training/whole"));
    arena_close(&arena);
    return status;
}

static enum status write_trajectory(const char *root)
{
    static const struct trajectory_shape shape = {
        .rows = 5, .n_obs = 6, .n_choices = 4, .n_result = 3};
    static _Alignas(8) uint8_t bytes[8 + 4096];
    uint8_t *block = bytes + 8; // one byte before it counts
    struct trajectory t;
    bytes[7] = 1;
    trajectory_view(&shape, block, &t);
    t.header->rows = 4;
    t.header->n_result = 3;
    t.header->score = 0.5;
    for (int row = 0; row < 4; row++) {
        t.choices[row] = 4;
        t.action[row] = row % 4;
        t.reward[row] = 0.25F;
        t.result[row % 3] = 8 + row;
    }
    t.flags[3] = FLAG_TERMINATED;
    trajectory_seal(&shape, block);
    return file_write(path_of(root, "trajectory/whole"), bytes + 7, 1 + trajectory_bytes(&shape));
}

// A method each, with an edit that changes one array a little.
static enum status write_checkpoints(const char *root)
{
    for (int i = 0; i < METHODS; i++) {
        char name[64];
        uint8_t bytes[8] = {(uint8_t)i, (uint8_t)(3 * i), 1, 0, 0, 0, 0, 1};
        snprintf(name, sizeof name, "checkpoint/method%d", i);
        TRY(file_write(path_of(root, name), bytes, sizeof bytes));
    }
    return OK;
}

int main(int argc, char **argv)
{
    enum status (*const writers[])(const char *root) = {
        write_idx,       write_cifar,    write_hdf5,       write_images,     write_policy,
        write_supernets, write_training, write_trajectory, write_checkpoints};
    for (size_t i = 0; argc == 2 && i < sizeof writers / sizeof writers[0]; i++) {
        if (writers[i](argv[1]) != OK) {
            fprintf(stderr, "write_seeds: %s\n", status_message());
            return 1;
        }
    }
    return argc == 2 ? 0 : 1;
}
