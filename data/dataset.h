// Labelled images in memory, as u8 NHWC, and where they come from.
#pragma once
#include "core/arena.h"
#include "core/option.h"
#include "core/row_set.h"
#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

enum dataset_part { DATASET_TRAIN, DATASET_TEST };

#define DATASET_MAX_CHANNELS 16
#define DATASET_MAX_CLASSES 1000

struct dataset {
    struct arena arena;
    char name[64];
    int n, h, w, c, classes;
    const uint8_t *images; // [n][h][w][c], owned (mapped or allocated)
    int32_t *labels;       // [n], 0 .. classes - 1; arena
    // Where in the part's files each image comes from, ascending; NULL: all are there. arena
    int32_t *rows; // [n]
    int part_rows; // how many rows the files have
    // Images that belong together (of one track, of one patient) have one number, 0 .. n_groups -
    // 1; NULL: nothing is said about that. arena
    int32_t *groups; // [part_rows]
    int n_groups;
    // Of pixels / 255 over this part, after choosing rows; the std of a constant channel is 1.
    float mean[DATASET_MAX_CHANNELS], std[DATASET_MAX_CHANNELS];
    void *mapped; // owned, NULL if images are allocated
    size_t mapped_bytes;
};

enum dataset_labels { LABELS_FINE, LABELS_COARSE };
// Config rows "data.*": which data set and which part of it.
struct dataset_options {
    const char *name;      // of dataset_list.h, or with a path any other
    const char *path;      // file or folder; "" = look for `name` under data_root, $DIKDIK_DATA,
                           // /usr/share/datasets
    const char *data_root; // "" = none
    enum dataset_labels labels; // of cifar100
    int superclass; // cifar100: only the five fine classes of this coarse class, relabelled 0..4;
                    // -1 = all
    const struct int_list *classes; // kept, relabelled in this order; empty = all
    double share;                   // of the images of each class that is kept, (0, 1]
    int size;                       // folder: images are resized to size x size; shapes: drawn so
    int64_t count;                  // shapes: images of the training part; test has a fifth
    uint64_t seed;                  // of share and of shapes
    const char *group_pattern;      // folder: regular expression, the group in a file's path; "" =
                                    // no groups
};
extern const struct option dataset_option_table[];

// Reads one part. ERR_INPUT names the file, what was expected and what was found; when no folder
// has the data set, the message lists the folders looked in and how to get it.
enum status dataset_open(const struct dataset_options *options, enum dataset_part part,
                         struct dataset *out);
void dataset_close(struct dataset *dataset); // a zeroed one is fine
// Whether both name the same images, labels and groups. Classes may be NULL: none named.
bool dataset_options_same(const struct dataset_options *a, const struct dataset_options *b);

// Where `name` would be read from, for dikdik doctor: a path (or "drawn by dikdik") in `out`, or
// false.
bool dataset_find(const struct dataset_options *options, char *out, size_t out_bytes);
extern const char *const dataset_names[]; // of those known by name, NULL-ended

int32_t dataset_row(const struct dataset *dataset, int i); // rows[i]

// Cuts the training part in two by seed, the same share of each class: indices (from the arena) in
// random order. Where images belong to groups, a group is on one side only and the shares are as
// near as that allows; ERR_CONFIG when all images are of one group.
struct dataset_split {
    int32_t *train, *validation;
    int n_train, n_validation;
};
enum status dataset_split(const struct dataset *dataset, double validation_share, uint64_t seed,
                          struct arena *arena, struct dataset_split *out);
// The same for weights that were trained on these rows of the whole part: validation has only
// others (none of whose group was trained on either), and may be short of the share or empty; train
// has the rows trained on, or, where none of the data set's was, all that are left. For rows that
// dataset_split chose for training it is that split again, and also when they are not known.
// ERR_INPUT for rows beyond the part's last.
enum status dataset_split_unseen(const struct dataset *dataset, const struct row_set *train_rows,
                                 double validation_share, uint64_t seed, struct arena *arena,
                                 struct dataset_split *out);

// Copies of `images` of the given rows, the first in the order that the seed gives: u8
// [images][h][w][c] in *out, from the arena. indices NULL = the first n; images <= n.
enum status dataset_sample(const struct dataset *dataset, const int32_t *indices, int n, int images,
                           uint64_t seed, struct arena *arena, uint8_t **out);
