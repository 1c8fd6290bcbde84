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

// One part of a data set with its labels read; its images are read when they are asked for.
struct reading {
    const struct dataset_reader *reader;
    struct arena arena; // labels, state and the reader's scratch memory
    int n, h, w, c, classes;
    enum sample_type type; // of what `read` writes
    int32_t *labels;       // [n], 0 .. classes - 1, or -1 for a row that is left out; arena
    int32_t *groups; // [n], 0 .. n_groups - 1: images that belong together; NULL: not said; arena
    int n_groups;
    void *state; // the reader's own; arena
};

struct dataset_reader {
    const char *name;
    const char *files; // what it looks for, for messages
    bool decodes;      // rows are pictures that take time to decode
    // Does `path` look like this reader's? NULL: the set is drawn and has no path.
    bool (*claims)(const char *path);
    // Everything but the images.
    enum status (*open)(const struct dataset_source *source, const struct dataset_options *options,
                        enum dataset_part part, struct reading *out);
    // Writes these rows, in any order, to images [n_rows][h][w][c] of the reading's type. Called as
    // often as wanted, by several threads at once: what they share is only read, or behind a lock,
    // and nothing comes from the reading's arena.
    enum status (*read)(const struct reading *reading, const int32_t *rows, int n_rows,
                        void *images);
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

// Labels as a file has them, counted from first_label, become 0 .. *classes - 1. ERR_INPUT, naming
// `file` and row, for one outside. *classes = 0 is unknown: it becomes the greatest + 1. labels
// [n] out, from the arena.
enum status reader_take_labels(const char *file, const int64_t *values, int n, int first_label,
                               struct arena *arena, int32_t **labels, int *classes);

// Bytes that a part may take in memory: this process's share of data.memory.
size_t reader_most_bytes(const struct dataset_options *options);

// How many of rows [n], from the first on, follow one another: read at one go. n >= 1.
int reader_run(const int32_t *rows, int n);
// A file without a name for `bytes` unpacked bytes of `path`: in memory where they are at most
// most_bytes, else on a disk.
enum status reader_open_scratch(const char *path, size_t bytes, size_t most_bytes, int *fd);
// Reads exactly n bytes at an offset of a file that is open as fd.
enum status reader_read_at(const char *path, int fd, void *to, size_t n, int64_t offset);
