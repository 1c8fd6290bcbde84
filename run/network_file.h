// A network file as people have it, with what they say of it that it does not say itself.
#pragma once
#include "core/option.h"
#include "data/dataset.h"
#include "nn/network.h"

// What may be said of a network beside its file. Mean and std hold whatever the file says; the rest
// is for files that do not say it.
struct network_hints {
    const char *architecture; // zoo network; "" = not said
    const char *input;        // "32x32x3"; "" = not said
    int classes;              // 0 = not said
    const char *samples;      // "u8", "f32"; "" = not said
    const struct double_list *mean,
        *std; // per channel, of pixels / 255 or floats; empty = not said
};

// Option rows for the hints in member `member` of struct `type`.
#define NETWORK_HINT_AT(type, member, field) .offset = offsetof(type, member.field)
#define NETWORK_HINT_ROWS(type, member)                                                            \
    {"input", "height x width x channels, 32x32x3, of a file that does not say it", OPTION_STRING, \
     NETWORK_HINT_AT(type, member, input)},                                                        \
        {"classes",     "of a file that does not say it; 0 = its data set's",                      \
         OPTION_INT,    NETWORK_HINT_AT(type, member, classes),                                    \
         .fallback = 0, .least = 0,                                                                \
         .most = 1e6},                                                                             \
        {"samples",                                                                                \
         "what the network reads, of a file that does not say it: u8 (bytes) or f32; empty = "     \
         "what "                                                                                   \
         "its data set has",                                                                       \
         OPTION_STRING, NETWORK_HINT_AT(type, member, samples)},                                   \
        {"mean",                                                                                   \
         "of the network's input, per channel, of pixels / 255 or of f32 samples; empty = as its " \
         "file says",                                                                              \
         OPTION_DOUBLE_LIST,                                                                       \
         NETWORK_HINT_AT(type, member, mean),                                                      \
         .least = -1e3,                                                                            \
         .most = 1e3},                                                                             \
    {                                                                                              \
        "std", "likewise, what is divided by", OPTION_DOUBLE_LIST,                                 \
            NETWORK_HINT_AT(type, member, std), .least = 1e-6, .most = 1e6                         \
    }

// The option row of what is said of the rows that a file's weights were trained on. at: .offset =
// ...
#define TRAIN_ROWS_ROW(at)                                                                         \
    {                                                                                              \
        "train_rows",                                                                              \
            "rows of the data set's training part that the weights were trained on, such as "      \
            "0-9999,20000-44999, or none; empty = as their file says; unknown = as if it did not " \
            "say",                                                                                 \
            OPTION_STRING, at                                                                      \
    }

// Option row: whether convolutions get the BatchNorm again that exporters fold into them. at:
// .offset = ...
#define RESTORE_BATCHNORM_ROW(at)                                                                  \
    {                                                                                              \
        "restore_batchnorm",                                                                       \
            "give weights that have no BatchNorm, as exporters to ONNX fold it, one behind each "  \
            "convolution, which does what its bias did, so that they bear training",               \
            OPTION_BOOL, at, .fallback = 1                                                         \
    }

// What it says of its data set and training, without its weights being read.
enum status network_file_origin(const char *path, struct network_origin *out);

// Reads the file, safetensors or ONNX. data: the training part of a data set that it is for, which
// says what file and hints leave out (size, classes, normalisation); may be NULL. A warning names a
// normalisation that nobody said.
enum status network_file_load(const char *path, const struct network_hints *hints,
                              const struct dataset *data, struct network *out);

// ERR_CONFIG when a network was called `architecture` ("" = it was not) and its file says another
// name.
enum status network_file_check(const char *path, const char *architecture,
                               const struct network *network);

// What a network of the zoo for this data set is like, and one with initial weights by seed.
void network_file_info(const char *architecture, const struct dataset *data,
                       struct network_info *out);
enum status network_file_create(const char *architecture, const struct dataset *data, uint64_t seed,
                                struct network *out);
