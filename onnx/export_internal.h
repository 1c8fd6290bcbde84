// Export: every node of ours becomes a few of ONNX's. Inside onnx/ only.
//
// What is written is the folded graph, or, to keep BatchNorm, a plain copy. A value exists as a map
// [n, c, h, w] or flat [n, c * h * w]; the other form is made when somebody asks for it.
#pragma once
#include "nn/fold.h"
#include "onnx/export.h"
#include "onnx/export_message.h"

// Names that are taken. ONNX has one space of names for inputs, values and initialisers.
struct export_names {
    const char **slots; // hash table, NULL free; arena
    size_t n, n_slots;  // n_slots: a power of two
};

// How a value becomes integers: real = (integer - zero) * scale.
struct export_quant {
    bool on;
    float scale;
    int zero;
};

// Names of a node's output, NULL where that form was not made. Arena.
struct export_value {
    const char *map, *flat; // as nodes read it: behind its QuantizeLinear and DequantizeLinear
    const char *exact;      // as it was computed, for outputs
    bool computed_flat;     // the form that it was computed in
};

struct exporter {
    struct arena arena;
    struct onnx_message message;
    const struct network *network;
    const struct onnx_export_options *options;
    struct graph graph;          // what is written; owned
    struct fold_source *sources; // [graph.n_nodes], where that came from
    float *params;               // [graph.n_floats] arena
    struct export_names names;
    struct export_value *values; // [graph.n_nodes]
    struct export_quant *quants; // [graph.n_nodes] of each output
    bool *live;                  // [graph.n_nodes] an output depends on it
    bool *written;               // [graph.n_outputs] a value has this output's name
};

enum export_form {
    EXPORT_MAP,
    EXPORT_FLAT,
    EXPORT_EITHER // flat where its inputs are 1x1 and were computed flat, else a map
};

// ---- the table of kinds (export_nodes.c), by enum node_kind
struct export_kind {
    // Writes the nodes whose last one puts out `out`. Activation and sum of a folded node are not
    // its business. NULL: see `refused`; of DROPOUT and INPUT: there is nothing to write.
    enum status (*write)(struct exporter *exporter, int node, const char *out);
    enum export_form form; // of inputs and output alike
    bool passes;           // its output is its input
    const char *refused;   // why no file can have it
};
extern const struct export_kind export_kinds[NODE_KIND_COUNT];

// ---- for them (export_write.c). When memory runs out, message.failed says so in the end.
// `base` with `suffix`, and a number where that is taken.
const char *export_name(struct exporter *exporter, const char *base, const char *suffix);
enum status export_open_names(struct exporter *exporter, size_t most);
// A node of ONNX's whose inputs are the names that follow.
#define EXPORT_OP(exporter, op, out, ...)                                                          \
    onnx_message_node(&(exporter)->message, (op), (out), (const char *const[]){__VA_ARGS__},       \
                      (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)))

// Name of input i, in the form that the node reads.
const char *export_input(struct exporter *exporter, int node, int i);
// ... of any node, in this form.
const char *export_read(struct exporter *exporter, int node, bool flat);

// Initialisers; each returns its name, which begins with `base` and `suffix`. Values are copied.
const char *export_floats(struct exporter *exporter, const char *base, const char *suffix,
                          const int64_t *dims, int rank, const float *values);
const char *export_float(struct exporter *exporter, const char *base, const char *suffix,
                         float value); // of rank 0
const char *export_ints(struct exporter *exporter, const char *base, const char *suffix,
                        const int64_t *values, int n);
// A parameter of the node: index into its params. "" where it has none.
const char *export_param(struct exporter *exporter, int node, int which);

// ---- parts
void export_act(struct exporter *exporter, struct activation act, const char *in, const char *out);
enum status export_conv(struct exporter *exporter, int node, const char *out);
enum status export_linear(struct exporter *exporter, int node, const char *out);
enum status export_max_pool(struct exporter *exporter, int node, const char *out);
enum status export_avg_pool(struct exporter *exporter, int node, const char *out);
enum status export_pad(struct exporter *exporter, int node, const char *out);
enum status export_shuffle(struct exporter *exporter, int node, const char *out);
enum status export_resize(struct exporter *exporter, int node, const char *out);
void export_input_values(struct exporter *exporter); // the file's input and its normalisation

// ---- int8 (export_int8.c)
enum status export_plan_int8(struct exporter *exporter); // fills quants
// `value` as integers and back; returns the name of that.
const char *export_quantize(struct exporter *exporter, const char *value,
                            struct export_quant quant);
// A convolution's output before its sum or its activation, where a runtime wants integers there;
// `value` itself elsewhere.
const char *export_quantize_inner(struct exporter *exporter, int node, const char *value,
                                  bool before_sum);
// Weight and bias of a CONV or LINEAR, as integers in an int8 file. *bias: "" where it has none.
enum status export_weights(struct exporter *exporter, int node, const char **weight,
                           const char **bias);
