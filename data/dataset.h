// Labelled images: where they come from, what is known of them without reading one, and the images
// themselves, in memory or streamed from their files as they are asked for.
#pragma once
#include "core/arena.h"
#include "core/option.h"
#include "core/row_set.h"
#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

enum dataset_part { DATASET_TRAIN, DATASET_TEST };

#define DATASET_MAX_CHANNELS 64
#define DATASET_MAX_CLASSES 65535

// How samples are kept. What is asked for comes as u8, or else as f32.
enum sample_type { SAMPLE_U8, SAMPLE_I16, SAMPLE_F32 };

struct dataset {
    struct arena arena;
    char name[64];
    int n, h, w, c, classes;
    enum sample_type type;
    // [n][h][w][c] of `type`, owned, read-only; NULL: not in memory, dataset_fetch reads the files.
    const uint8_t *images;
    int32_t *labels; // [n], 0 .. classes - 1; arena
    // Where in the part's files each image comes from, ascending; NULL: all are there. arena
    int32_t *rows; // [n]
    int part_rows; // how many rows the files have
    // Images that belong together (of one track, of one patient) have one number, 0 .. n_groups -
    // 1; NULL: nothing is said about that. arena
    int32_t *groups; // [part_rows]
    int n_groups;
    // Of pixels / 255 (u8) or of the samples themselves, over this part, after choosing rows; the
    // std of a constant channel is 1. Zeros until dataset_measure.
    float mean[DATASET_MAX_CHANNELS], std[DATASET_MAX_CHANNELS];
    bool measured;
    bool decoded;            // images are pictures that take time to decode
    bool streamed;           // too large for data.memory: loaded, but images is NULL
    int threads;             // that read and decode
    size_t most_bytes;       // of images in memory
    struct reading *reading; // owned: the open files; NULL when none is needed any more
    void *mapped;            // owned, NULL if images are not
    size_t mapped_bytes;
};

enum dataset_labels { LABELS_FINE, LABELS_COARSE };
enum dataset_channels { CHANNELS_AUTO, CHANNELS_FIRST, CHANNELS_LAST, CHANNELS_NONE };
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
    int height, width;              // folder: of the images; 0 = size
    const char *background;         // folder: what transparent pixels show, image_parse_ground's
    bool skip_bad;                  // folder: leave out files that cannot be decoded
    int64_t count;                  // shapes: images of the training part; test has a fifth
    uint64_t seed;                  // of share and of shapes
    const char *group_pattern;      // folder: regular expression, the group in a file's path; "" =
                                    // no groups
    int memory;  // MiB of images kept in memory, a part that needs more is streamed; 0 = half of
                 // what this host has
    int threads; // that read and decode ahead of use; 0 = one per usable core
    int first_label;                // idx, hdf5, npy: the label of the first class
    enum dataset_channels channels; // hdf5, npy: where the channels of samples are
};
extern const struct option dataset_option_table[];

// How many processes of this host keep images at a time: each keeps its share of data.memory. 1
// until it is said; of parts opened from then on.
void dataset_share_memory(int processes);

// Opens one part without reading its images: shape, classes, labels and groups are there, mean and
// std are not. ERR_INPUT names the file, what was expected and what was found; when no folder has
// the data set, the message lists the folders looked in and how to get it.
enum status dataset_describe(const struct dataset_options *options, enum dataset_part part,
                             struct dataset *out);
// mean and std of a described part; nothing if they are there. Of all images where those are at
// most DATASET_MEASURED_BYTES, else of DATASET_MEASURED_IMAGES chosen by a fixed seed: the same
// numbers on every machine, in memory or streamed.
#define DATASET_MEASURED_BYTES ((size_t)256 << 20)
#define DATASET_MEASURED_IMAGES 8192
enum status dataset_measure(struct dataset *dataset);
// Makes a described part ready for training: its images in memory, or streamed where they need more
// than data.memory; and measured. Nothing if it is.
enum status dataset_load(struct dataset *dataset);
// Describes and loads.
enum status dataset_open(const struct dataset_options *options, enum dataset_part part,
                         struct dataset *out);
// ERR_INPUT unless the test part fits the training part: sizes, channels, kind of samples, classes.
// Both need only be described.
enum status dataset_check_test(const struct dataset *train, const struct dataset *test);

// Bytes of one image as dataset_fetch gives it: [h][w][c] of u8 or f32.
size_t dataset_image_bytes(const struct dataset *dataset);
// The images of these rows, 0 .. dataset->n - 1 in any order, to `out` [n_rows][h][w][c]: u8, or
// f32 for samples of another type. Reads them from the files unless they are in memory. Threads may
// call it at once.
enum status dataset_fetch(const struct dataset *dataset, const int32_t *rows, int n_rows,
                          void *out);
// The same with dataset->threads threads.
enum status dataset_fetch_many(const struct dataset *dataset, const int32_t *rows, int n_rows,
                               void *out);

void dataset_close(struct dataset *dataset); // a zeroed one is fine
// Whether both name the same images, labels and groups, however they are kept. Classes may be NULL:
// none named.
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

// Copies of `images` of the given rows, the first in the order that the seed gives: as bytes of
// [images][h][w][c] in *out, u8 or f32 as dataset_fetch gives them, from the arena. indices NULL =
// the first n; images <= n.
enum status dataset_sample(const struct dataset *dataset, const int32_t *indices, int n, int images,
                           uint64_t seed, struct arena *arena, uint8_t **out);
// Those rows: *out [images], from the arena.
enum status dataset_sample_rows(const int32_t *indices, int n, int images, uint64_t seed,
                                struct arena *arena, int32_t **out);
