// One file of IDX, the format of the MNIST family, with or without gzip. Internal to data/.
#pragma once
#include "data/reader.h"

#include <pthread.h>
#include <zlib.h>

enum { IDX_MOST_DIMS = 3 };

struct idx_file {
    gzFile file; // owned; also reads what is not compressed
    char path[READER_PATH_BYTES];
    int64_t dims[IDX_MOST_DIMS];
    int64_t header_bytes;
    int64_t values;       // bytes
    pthread_mutex_t lock; // of what follows, which the first read makes
    bool open, ready;
    enum status failed; // of the first read: later ones fail alike
    struct status_note note;
    int fd;         // of the values, plain; -1 none
    int64_t offset; // of the values in it
};

// Where the images or labels of one part lie. NAME(train|t10k|test)-(images|labels)-idxD-ubyte,
// also with a dot for a dash and with .gz, where NAME is empty, "logmel-" or what the data set is
// called and a dash; or any other that only one set of files has. What is no file but a folder may
// hold the file. kind: "images" or "labels". ERR_INPUT when there is none, or several and no way to
// choose.
enum status idx_find(const char *folder, const char *set, enum dataset_part part, const char *kind,
                     char out[READER_PATH_BYTES]);
bool idx_is_there(const char *folder); // images of some part

// Opens `idx->path` and reads its header; n_dims: how many dimensions it must have.
enum status idx_open(struct idx_file *idx, int n_dims);
// Reads the next n bytes in order.
enum status idx_read(struct idx_file *idx, void *to, int64_t n);
// After the last value: nothing may follow, and the checksum of a compressed file must be right.
enum status idx_check_end(struct idx_file *idx);
// n values at a place. The first call unpacks a compressed file: into memory, or where it needs
// more than most_bytes, into a temporary file without a name. Threads may call it at once, after
// idx_open and nothing else.
enum status idx_read_at(struct idx_file *idx, void *to, int64_t n, int64_t place,
                        size_t most_bytes);
void idx_close(struct idx_file *idx);
