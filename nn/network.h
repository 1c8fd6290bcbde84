// A network: a graph with its weights and what they need to be used (how the input is
// normalised, for which data), read from and written to safetensors.
#pragma once
#include "core/row_set.h"
#include "nn/graph.h"

#define NETWORK_MAX_CHANNELS 64

struct network_info {
    char architecture[64]; // what it is called, of the zoo its name there; "" = not said
    char dataset[64];      // "" = not said
    int h, w, c, classes;
    bool floats; // it reads f32 samples, else bytes
    // Per channel, of pixels / 255, or of the f32 samples themselves.
    float mean[NETWORK_MAX_CHANNELS], std[NETWORK_MAX_CHANNELS];
    char format[16]; // "dikdik" for files we wrote, else "pt"
    bool guessed;    // nobody said mean and std: they are those of a data set
};

struct network {
    struct network_info info;
    struct graph graph;
    float *params; // [graph.n_floats], owned, host
    // Rows of info.dataset's training part that the weights have been trained on; owned.
    struct row_set train_rows;
    // Of a cut network, the channel counts that it had before, where they differ (JSON, owned);
    // NULL: it is whole.
    char *whole;
};

// A new network from the zoo with initial weights by seed, trained on no row yet. info.h.. must be
// filled; mean/std of zeros mean 0 and 1.
enum status network_create(const struct network_info *info, uint64_t seed, struct network *out);

// Reads a safetensors file. `fallback` (may be NULL) says what the file's metadata does not. A file
// without a graph is one of the zoo's, PyTorch's or ours of before, cut if its tensors or its
// `widths` say so. Tensors that hold no weights (counters of steps, of operations) are passed over,
// a prefix that all names share is taken off with a line in the log; what else is missing, extra or
// misshapen is ERR_INPUT with all of it.
enum status network_load(const char *path, const struct network_info *fallback,
                         struct network *out);

// Writes atomically: a full disk or a kill leaves the old file whole.
enum status network_save(const struct network *network, const char *path);

void network_close(struct network *network); // a zeroed network is fine

// The network is for this data set from now on. Rows of another one say nothing about the new
// one's, which may hold the same images: train_rows is then not known.
void network_set_dataset(struct network *network, const char *name);

// What a file says of its training, without its weights being read.
struct network_origin {
    char dataset[64];          // "" = not said
    struct row_set train_rows; // owned
    bool complete;             // it says its network, sizes and normalisation
};
enum status network_read_origin(const char *path, struct network_origin *out);

// What a data set says about itself, for networks that are to fit it.
struct network_data {
    const char *name;
    int h, w, c, classes;
    bool floats;             // samples are f32
    const float *mean, *std; // [c] of pixels / 255 or of the samples; NULL: not known
};
// ERR_INPUT says what does not fit: image size, channels, kind of samples, classes. mean and std
// are not looked at.
enum status network_check_data(const struct network *network, const struct network_data *data);
// The description of a network made for this data.
void network_info_of_data(const char *architecture, const struct network_data *data,
                          struct network_info *out);

// Bytes of the weights as saved (f32).
size_t network_bytes(const struct network *network);

// Notes in a network cut from `before` what it was; before_whole: the `whole` of that one, if it
// was cut itself.
enum status network_note_whole(struct network *network, const struct graph *before,
                               const char *before_whole);
// The graph that a cut network had when it was whole.
enum status network_whole_graph(const struct network *network, struct graph *out);
