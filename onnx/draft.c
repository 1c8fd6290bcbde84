// Drafts of our nodes.
#include "onnx/import.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DRAFTS = 1 << 14, MOST_EXTENT = 1 << 24, MOST_VALUES = 1 << 28, MOST_LABEL = 200 };

struct onnx_draft onnx_draft_of(const struct importer *importer, enum node_kind kind, int input)
{
    const struct node *from = &importer->drafts[input].node;
    struct onnx_draft draft = {.node = node_default(kind)};
    draft.node.h = from->h;
    draft.node.w = from->w;
    draft.node.c = from->c;
    return draft;
}

void onnx_draft_weights(struct onnx_draft *draft, const struct onnx_tensor *tensor, double factor)
{
    CHECK(draft->n_weights < NODE_MAX_PARAMS);
    draft->weights[draft->n_weights] = *tensor;
    draft->factors[draft->n_weights++] = factor;
}

static enum status grow(struct importer *importer)
{
    if (importer->n_drafts < importer->capacity_drafts) {
        return OK;
    }
    if (importer->n_drafts >= MOST_DRAFTS) {
        FAIL(ERR_UNSUPPORTED, "the network has more than %d nodes", MOST_DRAFTS);
    }
    const int capacity = importer->capacity_drafts > 0 ? 2 * importer->capacity_drafts : 64;
    struct onnx_draft *drafts = realloc(importer->drafts, (size_t)capacity * sizeof *drafts);
    if (drafts == NULL) {
        FAIL(ERR_MEMORY, "out of memory for %d nodes", capacity);
    }
    importer->drafts = drafts;
    importer->capacity_drafts = capacity;
    return OK;
}

enum status onnx_draft_add(const struct onnx_call *call, const struct onnx_draft *draft,
                           const int *inputs, int n_inputs, int *out)
{
    struct importer *importer = call->importer;
    const struct node *node = &draft->node;
    if (node->h < 1 || node->w < 1 || node->c < 1 || node->h > MOST_EXTENT ||
        node->w > MOST_EXTENT || node->c > MOST_EXTENT ||
        (int64_t)node->h * node->w > MOST_VALUES / node->c) {
        FAIL(ERR_UNSUPPORTED,
             "it puts out %d x %d x %d values per image (channels, height, width); each must be at "
             "least 1, and their product at most %d",
             node->c, node->h, node->w, MOST_VALUES);
    }
    TRY(grow(importer));
    int *copies;
    ARENA_NEW(&importer->arena, copies, (size_t)n_inputs);
    for (int i = 0; i < n_inputs; i++) {
        copies[i] = inputs[i];
    }
    struct onnx_draft *made = &importer->drafts[importer->n_drafts];
    *made = *draft;
    made->node.inputs = copies;
    made->node.n_inputs = n_inputs;
    made->n_views = 0;
    made->live = false;
    *out = importer->n_drafts++;
    return OK;
}

enum status onnx_add_act(struct onnx_call *call, struct activation act)
{
    const struct onnx_view *input;
    TRY(onnx_call_view(call, 0, &input));
    struct onnx_view view = *input;
    struct onnx_draft draft = onnx_draft_of(call->importer, NODE_ACT, view.draft);
    draft.node.act = act;
    draft.label = onnx_label(call, -1);
    TRY(onnx_draft_add(call, &draft, &view.draft, 1, &view.draft));
    return onnx_set_view(call, 0, &view);
}

enum status onnx_add_affine(const struct onnx_call *call, const struct onnx_view *view,
                            int n_affine, const double *scale, const double *shift)
{
    struct importer *importer = call->importer;
    struct onnx_draft draft = onnx_draft_of(importer, NODE_BATCHNORM, view->draft);
    double *copy;
    ARENA_NEW(&importer->arena, copy, 2 * (size_t)n_affine);
    for (int i = 0; i < n_affine; i++) {
        copy[i] = scale[i];
        copy[n_affine + i] = shift[i];
    }
    draft.n_affine = n_affine;
    draft.scale = copy;
    draft.shift = copy + n_affine;
    draft.label = onnx_label(call, -1);
    struct onnx_view out = *view;
    TRY(onnx_draft_add(call, &draft, &view->draft, 1, &out.draft));
    return onnx_set_view(call, 0, &out);
}

// ---- names

bool onnx_name_is_usable(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("_.-", name[i]) == NULL) {
            return false;
        }
    }
    return n > 0 && n <= MOST_LABEL && name[0] != '.' && name[n - 1] != '.';
}

// "layer1.0.conv1.weight" -> "layer1.0.conv1"
static const char *label_of_weights(struct arena *arena, const char *name)
{
    static const char ending[] = ".weight";
    const size_t n = strlen(name), end = sizeof ending - 1;
    if (n <= end || strcmp(name + n - end, ending) != 0 || !onnx_name_is_usable(name, n - end)) {
        return NULL;
    }
    return arena_format(arena, "%.*s", (int)(n - end), name);
}

// The paths of PyTorch's tracing exporter: "/layer1/layer1.0/conv1/Conv" -> "layer1.0.conv1", with
// the operator where the module has no weights of its own: "/layer1/layer1.0/Add" ->
// "layer1.0.add".
static const char *label_of_path(struct arena *arena, const char *path, bool has_weights)
{
    char label[MOST_LABEL + 1];
    size_t n = 0, last = 0; // length so far, of which the last part begins at `last`
    const char *at = path + 1;
    for (;;) {
        const size_t length = strcspn(at, "/");
        const bool is_op = at[length] == '\0';
        if (is_op && has_weights) {
            break;
        }
        const size_t part = n - last;
        const bool repeats =
            n > 0 && length > part && at[part] == '.' && strncmp(at, label + last, part) == 0;
        size_t to = repeats ? last : n > 0 ? n + 1 : 0;
        if (to + length > MOST_LABEL) {
            return NULL;
        }
        if (to > n) {
            label[n] = '.';
        }
        for (size_t i = 0; i < length; i++) {
            label[to + i] = (char)(is_op ? tolower((unsigned char)at[i]) : at[i]);
        }
        last = to;
        n = to + length;
        if (is_op) {
            break;
        }
        at += length + 1;
    }
    return onnx_name_is_usable(label, n) ? arena_format(arena, "%.*s", (int)n, label) : NULL;
}

const char *onnx_label(const struct onnx_call *call, int weights)
{
    const struct onnx_node *node = call->node;
    struct arena *arena = &call->importer->arena;
    const char *label = NULL;
    if (weights >= 0 && weights < node->n_inputs) {
        label = label_of_weights(arena, node->inputs[weights]);
    }
    if (label == NULL && node->name[0] == '/') {
        label = label_of_path(arena, node->name, weights >= 0);
    }
    if (label == NULL && onnx_name_is_usable(node->name, strlen(node->name))) {
        label = node->name;
    }
    return label;
}
