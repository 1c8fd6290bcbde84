// How samples lie in a file of arrays (NumPy's, HDF5), and what becomes of them. Internal to data/.
#pragma once
#include "data/reader.h"

enum element {
    ELEMENT_U8,
    ELEMENT_I8,
    ELEMENT_U16,
    ELEMENT_I16,
    ELEMENT_U32,
    ELEMENT_I32,
    ELEMENT_U64,
    ELEMENT_I64,
    ELEMENT_F16,
    ELEMENT_F32,
    ELEMENT_F64
};
size_t element_bytes(enum element element);
bool element_is_integer(enum element element);
// The numbers as integers, not for the floats; swap: of the other byte order.
void element_integers(const void *from, enum element element, bool swap, size_t n, int64_t *to);

struct sample_layout {
    enum element element;
    bool swap;   // the other byte order
    bool planar; // [c][h][w], else [h][w][c]
    int h, w, c;
    enum sample_type type; // that they become: u8, i16, or f32 for all that fits neither
    size_t row_bytes;      // in the file
};
// Tells channels from height and width by the dimensions [n_dims] with the rows first, where
// `channels` does not. ERR_INPUT for dimensions that are no samples; ERR_CONFIG for what only
// data.channels can tell.
enum status sample_layout_find(const char *file, const int64_t *dims, int n_dims,
                               enum element element, enum dataset_channels channels,
                               struct sample_layout *out);
// Rows of a file that begins to hold them at `offset`, as a reader's `read`.
enum status sample_layout_read(const struct sample_layout *layout, const char *path, int fd,
                               int64_t offset, const int32_t *rows, int n_rows, void *out);
