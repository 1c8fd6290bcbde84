// Readers of data sets: what each one offers to dataset_open. Internal to data/.
#pragma once
#include "data/dataset.h"
#include "data/dataset_list.h"

enum {
    READER_PATH_BYTES = 4096,
    READER_MOST_SIDE = 16384, // pixels, of stored images
};

// Where a data set is, and what is known of it before a byte is read.
struct dataset_source {
    const struct dataset_reader *reader;
    char name[64];
    int classes;                  // 0 = as many as the training labels show
    char path[READER_PATH_BYTES]; // folder or file; "" for a drawn set
};

// One part of a data set with its labels read and its images still to come.
struct reading {
    struct arena arena; // labels, state and the reader's scratch memory
    int n, h, w, c, classes;
    int32_t *labels; // [n], 0 .. classes - 1, or -1 for a row that is left out; arena
    int32_t *groups; // [n], 0 .. n_groups - 1: images that belong together; NULL: not said; arena
    int n_groups;
    void *state; // the reader's own; arena
};

struct dataset_reader {
    const char *name;
    const char *files; // what it looks for, for messages
    // Does `path` look like this reader's? NULL: the set is drawn and has no path.
    bool (*claims)(const char *path);
    enum status (*open)(const struct dataset_source *source, const struct dataset_options *options,
                        enum dataset_part part, struct reading *out);
    // Writes the chosen rows to images [n_rows][h][w][c]. rows [n_rows] ascend. Called once.
    enum status (*read)(struct reading *reading, const int32_t *rows, int n_rows, uint8_t *images);
    // Called after open, whether it succeeded or not; the arena is closed by the caller. NULL:
    // nothing but the arena is held.
    void (*close)(struct reading *reading);
};

#define X(name) extern const struct dataset_reader reader_##name;
READER_LIST(X)
#undef X

// Finds the data set that the options ask for, or says where it was looked for.
enum status dataset_locate(const struct dataset_options *options, struct dataset_source *out);

// ERR_INPUT, naming `file`, for a shape that no data set can have.
enum status reader_check_shape(const char *file, int64_t n, int64_t h, int64_t w, int64_t c);

// ERR_INPUT, naming `file`, when n rows are more than this machine's memory.
enum status reader_check_memory(const char *file, int64_t n, int64_t row_bytes);

// Numbers the groups of n rows from 0, by the numbers that the file gives them, or by the part of
// each name that options.group_pattern stands for: its first parenthesised sub-expression, or the
// whole match. ERR_CONFIG for a bad pattern, ERR_INPUT naming the first file without a match
// (folder: for the message). groups [n] out, from the arena.
enum status groups_of_numbers(const int64_t *numbers, int n, struct arena *arena, int32_t **groups,
                              int *n_groups);
enum status groups_of_names(const char *pattern, const char *folder, const char *const *names,
                            int n, struct arena *arena, int32_t **groups, int *n_groups);

// ERR_INPUT, naming `file` and row, for a label outside 0 .. *classes - 1. *classes = 0 is unknown:
// it becomes the greatest label + 1.
enum status reader_check_labels(const char *file, const int32_t *labels, int n, int *classes);
