// The safetensors format: u64 header length (little-endian), a JSON header, raw little-endian
// tensors without holes. https://github.com/huggingface/safetensors. Every length and offset of a
// file is checked before use.
#pragma once
#include "core/arena.h"
#include "core/file.h"
#include "core/status.h"

#include <stdint.h>

struct safetensor {
    const char *name; // arena
    char dtype[8];    // "F32", "I64", ...
    int n_dims;
    int64_t dims[8];
    const void *data; // of a file: NULL before safetensors_load; may be unaligned: copy with memcpy
    size_t bytes;
    size_t at; // of a file: where its bytes begin among those of all tensors
};
struct safetensors_entry { // metadata
    const char *key, *value;
};
struct safetensors_file {
    struct arena arena;
    const char *path;
    struct safetensor *tensors; // in the order of their data
    int n_tensors;
    struct safetensors_entry *metadata;
    int n_metadata;
    struct file_reader reader;
    size_t data_at, data_bytes; // of all tensors, in the file
    void *data;                 // owned; NULL before safetensors_load
};

// Reads and checks the header alone: names, shapes and metadata, whatever size the file has.
// ERR_INPUT for a damaged or hostile file (says which byte count or key), ERR_IO when it cannot be
// read.
enum status safetensors_open_header(const char *path, struct safetensors_file *out);
// Then the tensors' data. ERR_INPUT when the file was cut short meanwhile.
enum status safetensors_load(struct safetensors_file *file);
// Both.
enum status safetensors_open(const char *path, struct safetensors_file *out);
void safetensors_close(struct safetensors_file *file);
const struct safetensor *safetensors_find(const struct safetensors_file *file, const char *name);
const char *safetensors_metadata(const struct safetensors_file *file,
                                 const char *key); // NULL if absent

// Bytes of one element of this dtype, 0 for an unknown one.
size_t safetensors_dtype_bytes(const char *dtype);
// The values of an F32, F64, F16 or BF16 tensor as float; ERR_INPUT for other dtypes.
enum status safetensors_read_f32(const struct safetensor *tensor, float *out);
// Turns a failure to understand what a file says (its JSON, its architecture) into the file's
// fault: ERR_INPUT with the path before the message. ERR_MEMORY stays what it is.
enum status safetensors_refuse(enum status code, const char *path);

// Writes tensors (name, dtype, dims, data, bytes filled in) and metadata to `path`, atomically.
enum status safetensors_write(const char *path, const struct safetensor *tensors, int n_tensors,
                              const struct safetensors_entry *metadata, int n_metadata);
