// Import: ONNX's nodes become nodes of ours, one after another. Inside onnx/ only.
//
// A value of the file is either known (a tensor: weights, shapes, whatever follows from them) or an
// activation: what a draft of one of our nodes puts out, under a view. ONNX's shapes are [n, c, h,
// w], ours are per image; n is never a number here but ONNX_BATCH. A view says how the file sees
// the draft's values, whose own order is [c][h][w]: reshaping and transposing change the view
// alone, and only an operator that needs a map (or a flat vector) asks whether the view still is
// one.
#pragma once
#include "nn/graph.h"
#include "onnx/model.h"
#include "onnx/onnx.h"

struct onnx_view {
    int draft;
    int rank;                       // with the batch, 1 to ONNX_MAX_RANK
    int64_t dims[ONNX_MAX_RANK];    // [0]: ONNX_BATCH
    int64_t strides[ONNX_MAX_RANK]; // into [c][h][w] of one image; [0] unused
};

enum onnx_value_kind { ONNX_VALUE_UNSET, ONNX_VALUE_TENSOR, ONNX_VALUE_VIEW };
struct onnx_value {
    const char *name; // borrowed
    enum onnx_value_kind kind;
    int uses;       // how many inputs of nodes, and outputs of the file, name it
    bool integer;   // a view of an input of integers, which nothing but a cast may read
    bool quantized; // made by QuantizeLinear, for DequantizeLinear to read
    union {
        struct onnx_tensor tensor;
        struct onnx_view view;
    } is;
};

// A node of ours in the making. Those that nothing reads in the end are dropped.
struct onnx_draft {
    struct node node;  // kind, attributes, inputs (numbers of drafts), h, w, c; no name yet
    const char *label; // wanted name, made by onnx_label; arena; NULL: by its op
    int n_weights;
    struct onnx_tensor weights[NODE_MAX_PARAMS]; // in our layout and the kind's order
    double factors[NODE_MAX_PARAMS];             // that they are multiplied by
    // A BATCHNORM made of arithmetic with constants: y = scale * x + shift, per channel, n_affine
    // being c, or 1 for one pair for all; 0 for everything else.
    int n_affine;
    const double *scale, *shift; // arena
    int n_views;                 // values that show it
    bool live;
    int emitted; // number in the graph
};

struct importer {
    const struct onnx_model *model;
    const struct onnx_import_options *options;
    struct arena arena;
    struct onnx_value *values;
    int n_values, capacity_values;
    int *slots; // hash table of values, by name; -1 free
    size_t n_slots;
    struct onnx_draft *drafts;
    int n_drafts, capacity_drafts;
    int64_t batch;      // images as the file fixes them; 0: any number
    bool integer_input; // pixels 0 .. 255
    size_t bytes_left;  // that tensors and parameters may still take
};

// The node being imported.
struct onnx_call {
    struct importer *importer;
    const struct onnx_node *node;
    int number; // in the file
};

// ---- the table of operators (op_table.c). Adding one is a function and a row.
struct onnx_op {
    const char *name;
    enum status (*import)(struct onnx_call *call); // at least one input is an activation
    enum status (*fold)(struct onnx_call *call);   // every input is known
};
const struct onnx_op *onnx_find_op(const char *name); // NULL: there is none

// ---- values (value.c)
enum status onnx_value_add(struct importer *importer, const char *name, int *out);
int onnx_value_find(const struct importer *importer, const char *name); // -1 if absent

// Input i of the node; NULL where it was left out.
const struct onnx_value *onnx_call_value(const struct onnx_call *call, int i);
// ... which must be there, and known; `what` names it in the message.
enum status onnx_call_tensor(const struct onnx_call *call, int i, const char *what,
                             const struct onnx_tensor **out);
// ... the same of one that may be left out: *out is NULL then.
enum status onnx_call_optional_tensor(const struct onnx_call *call, int i, const char *what,
                                      const struct onnx_tensor **out);
// ... which must be there, and an activation.
enum status onnx_call_view(const struct onnx_call *call, int i, const struct onnx_view **out);
enum status onnx_set_tensor(const struct onnx_call *call, int i, const struct onnx_tensor *tensor);
enum status onnx_set_view(const struct onnx_call *call, int i, const struct onnx_view *view);
// Output i becomes what the draft puts out, as a map of this rank (see onnx_map_view).
enum status onnx_set_map(const struct onnx_call *call, int i, int draft, int rank);
// Outputs from i on must not be used; `what` names them.
enum status onnx_unused_outputs(const struct onnx_call *call, int i, const char *what);

// The whole numbers of a tensor of rank 0 or 1, at most `most` of them.
enum status onnx_read_integers(const struct onnx_tensor *tensor, const char *what, int most,
                               int64_t *out, int *n);
// A new tensor, row-major, whose elements the caller fills in.
enum status onnx_new_tensor(struct importer *importer, enum onnx_type type, const int64_t *dims,
                            int rank, struct onnx_tensor *out, void **elements);
// The same elements in row-major order: the tensor itself, or a copy.
enum status onnx_reshaped(struct importer *importer, const struct onnx_tensor *tensor,
                          const int64_t *dims, int rank, struct onnx_tensor *out);

// ---- views (view.c)
// [n, c, h, w], [n, c, h] (w = 1), [n, c] or [n] of a draft, by rank.
struct onnx_view onnx_map_view(const struct importer *importer, int draft, int rank);
// The view shows the draft's values in their own order, whatever the dims.
bool onnx_view_is_flat(const struct onnx_view *view);
// The view is that of onnx_map_view. Fails with a reason otherwise.
enum status onnx_require_map(const struct importer *importer, const struct onnx_view *view);
bool onnx_views_same(const struct onnx_view *a, const struct onnx_view *b);
int64_t onnx_view_count(const struct onnx_view *view); // per image
// A negative axis counts from the end. Fails for one outside [-rank, rank).
enum status onnx_axis(int64_t axis, int rank, int *out);

// ---- drafts (draft.c)
// Of this kind, reading nothing yet; its h, w and c are those of draft `input`.
struct onnx_draft onnx_draft_of(const struct importer *importer, enum node_kind kind, int input);
// Checks the size, and puts the draft behind the others.
enum status onnx_draft_add(const struct onnx_call *call, const struct onnx_draft *draft,
                           const int *inputs, int n_inputs, int *out);
// A PAD that reads draft *input. Where that is a PAD that nothing else reads (`alone`), one node
// does what both do, if one can; *input is what is read in the end.
void onnx_join_pads(const struct importer *importer, struct onnx_draft *pad, bool alone,
                    int *input);
void onnx_draft_weights(struct onnx_draft *draft, const struct onnx_tensor *tensor, double factor);
// A name from that of the weights ("layer1.0.conv1.weight") or of the node ("/layer1/conv1/Conv");
// weights: input with them, -1 none. NULL where neither is usable, or memory ran out.
const char *onnx_label(const struct onnx_call *call, int weights);
// Letters, digits and "_.-", as names in network files are.
bool onnx_name_is_usable(const char *name, size_t n);
// An activation function over a value, under whatever view.
enum status onnx_add_act(struct onnx_call *call, struct activation act);
// y = scale * x + shift of `view`; n_affine 1 or c.
enum status onnx_add_affine(const struct onnx_call *call, const struct onnx_view *view,
                            int n_affine, const double *scale, const double *shift);
// The value that input i names is read by nothing else, and the draft behind it by no other value.
bool onnx_is_only_use(const struct onnx_call *call, int i);

// ---- attributes (attributes.c): the fallback where the node has none of that name, ERR_INPUT when
// it has another kind
const struct onnx_attribute *onnx_find_attribute(const struct onnx_node *node, const char *name);
enum status onnx_attribute_int(const struct onnx_node *node, const char *name, int64_t fallback,
                               int64_t *out);
enum status onnx_attribute_float(const struct onnx_node *node, const char *name, double fallback,
                                 double *out);
enum status onnx_attribute_text(const struct onnx_node *node, const char *name,
                                const char *fallback, const char **out);
// At most `most` numbers; *n is -1 where the node has none.
enum status onnx_attribute_ints(const struct onnx_node *node, const char *name, int most,
                                int64_t *out, int *n);
// Axes or the like, which are an attribute in old opsets and input i in new ones; *n -1: neither.
enum status onnx_attribute_or_input(const struct onnx_call *call, const char *name, int i, int most,
                                    int64_t *out, int *n);

// ---- from drafts to a network (emit.c)
enum status onnx_emit(struct importer *importer, struct network *out);
