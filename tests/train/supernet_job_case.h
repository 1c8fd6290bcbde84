// A small supernet to train on drawn images.
#pragma once
#include "test_unit.h"
#include "train/train_supernet.h"

struct supernet_job_case {
    struct supernet_recipe recipe;
    struct dataset data;
    struct supernet supernet;
    struct backend *backend;
    struct arena arena;
    struct train_report report;
    double seconds;
};
enum { SUPERNET_JOB_CLASSES = 2 };

// A mobile space with 12 x 12 images of circles and bars; 2 epochs, batches of 36, two threads.
void supernet_job_open(struct supernet_job_case *c, const char *backend, int threads, int images);
void supernet_job_close(struct supernet_job_case *c);
void supernet_job_restart(struct supernet_job_case *c); // the first values again, by the recipe
enum status supernet_job_run(struct supernet_job_case *c, const struct collective *collective,
                             const char *checkpoint);
