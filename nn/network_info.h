// A network's description as the metadata of its file: text in, text out.
#pragma once
#include "core/text.h"
#include "nn/network.h"
#include "nn/safetensors.h"

// What the file's metadata say, and for what they leave out, its graph (NULL: it has none), then
// `fallback` (may be NULL). ERR_INPUT names the key that is missing or wrong.
enum status network_info_read(const struct safetensors_file *file, const struct graph *graph,
                              const struct network_info *fallback, struct network_info *out);

// The rows that the file says its weights were trained on; not known when it does not. ERR_INPUT
// names the file and the text that is wrong.
enum status network_info_rows(const struct safetensors_file *file, struct row_set *out);

// ERR_INPUT when the description is not one of a network: sizes below 1, std not above 0 ...
enum status network_info_check(const struct network_info *info);

// Exactly n finite numbers, "0.5,0.5" or "[0.5, 0.5]".
bool network_info_parse_numbers(const char *text, float *out, int n);
// What a network reads, as metadata and options name it.
#define NETWORK_SAMPLES_BYTES "u8"
#define NETWORK_SAMPLES_FLOATS "f32"
enum status network_info_parse_samples(const char *text, bool *floats);
// "32x32x3" into h, w and c: whole numbers of at least 1.
bool network_info_parse_input(const char *text, struct network_info *out);

// Numbers as "0.485,0.456,0.406": the shortest text that reads back the same floats.
void network_info_numbers(struct text *out, const float *values, int n);

// network->graph: `whole` with other channel counts, as files named them before they carried
// graphs:
// {"layer1.0.conv1": 8, "layer2.0.shortcut": [4, 3]}. Notes what it was.
enum status network_cut_graph(const struct graph *whole, const char *widths,
                              struct network *network);
