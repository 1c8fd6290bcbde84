// What is known of a task's winner, as a small JSON file of the run folder: results/TASK.json.
#pragma once
#include "core/arena.h"

#include <stdint.h>

// Whether any weight of the uncut network was trained on images of the search-validation set.
enum run_images { IMAGES_UNKNOWN, IMAGES_UNSEEN };
extern const char *const run_images_names[]; // NULL-ended

struct run_result {
    int64_t full_macs, full_params, full_bytes; // of the whole network
    int64_t macs, params, bytes;                // of the winner
    enum run_images validation_images;
    double accuracy_base;         // uncut, whole search-validation set, float32
    double score;                 // the winner's, as the search saw it
    double accuracy_found;        // the winner's, whole search-validation set, before fine-tuning
    int64_t evaluations, episode; // candidates scored; the winner's episode
    int n_widths;
    const int *widths; // arena
    bool tested;       // fine-tuned and scored on the test images
    double accuracy_test, accuracy_base_test;
};
enum status run_result_write(const struct run_result *result, const char *path);
enum status run_result_read(const char *path, struct arena *arena, struct run_result *out);
