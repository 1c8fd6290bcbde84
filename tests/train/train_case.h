// A small training job on drawn images, for the tests of the training loop.
#pragma once
#include "test_unit.h"
#include "train/train.h"

struct train_case {
    struct train_recipe recipe;
    struct dataset data;
    struct network network;
    struct backend *backend;
    struct arena arena;
    struct train_report report;
    double seconds; // as in train_job, as is quiet
    bool quiet;
};

#define TRAIN_CASE_CLASSES 2

// convnet on `images` drawn images of 12 x 12 pixels, circles and bars, 3 epochs, batches of 32,
// sgd; two threads.
void train_case_open(struct train_case *c, int images);
void train_case_close(struct train_case *c);

// The initial weights again.
void train_case_restart(struct train_case *c);

// train_network alone, with this checkpoint file (NULL: none).
enum status train_case_run(struct train_case *c, const char *checkpoint, const char *identity);

// A temporary folder, "/tmp/..."; removed with all files in it.
void train_case_make_folder(char *out, size_t n);
void train_case_remove_folder(const char *folder);
