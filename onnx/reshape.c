// New shapes for old.
#include "onnx/reshape.h"

#include <limits.h>
#include <string.h>

enum status onnx_set_shape(const struct onnx_call *call, const int64_t *dims, int rank)
{
    int64_t start, end;
    TRY(onnx_attribute_int(call->node, "start", 0, &start));
    TRY(onnx_attribute_int(call->node, "end", rank, &end));
    start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
    end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
    const int64_t n = end > start ? end - start : 0;
    struct onnx_tensor tensor;
    void *elements;
    TRY(onnx_new_tensor(call->importer, ONNX_I64, &n, 1, &tensor, &elements));
    if (n > 0) {
        memcpy(elements, dims + start, (size_t)n * sizeof *dims);
    }
    return onnx_set_tensor(call, 0, &tensor);
}

// Whether a first dimension can stand for the number of images.
static bool is_batch(const struct importer *importer, int64_t dim)
{
    return dim == ONNX_BATCH || (dim > 0 && dim == importer->batch);
}

enum status onnx_resolve_shape(const struct importer *importer, const struct onnx_view *view,
                               bool keep_zero, int64_t *dims, int n)
{
    const int64_t count = onnx_view_count(view);
    int64_t known = 1;
    int open = -1;
    for (int i = 0; i < n; i++) {
        if (dims[i] == 0 && !keep_zero && i < view->rank) {
            dims[i] = view->dims[i];
        }
        if (dims[i] == -1 && open < 0) {
            open = i;
        } else if (i > 0 && (dims[i] < 1 || known > count / dims[i])) {
            FAIL(ERR_UNSUPPORTED,
                 "dimension %d of its new shape is %s; %lld values per image cannot have that", i,
                 dims[i] == ONNX_BATCH ? "the number of images" : "out of range", (long long)count);
        } else if (i > 0) {
            known *= dims[i];
        }
    }
    if (open > 0) {
        dims[open] = count / known;
        known *= dims[open];
    }
    if (open == 0 || is_batch(importer, dims[0])) {
        dims[0] = ONNX_BATCH;
    }
    if (dims[0] != ONNX_BATCH || known != count) {
        FAIL(ERR_UNSUPPORTED,
             "its new shape mixes the images of a batch: %lld values per image, of which it makes "
             "%lld%s",
             (long long)count, (long long)known,
             dims[0] != ONNX_BATCH && importer->batch == 0 ? ", and it fixes the number of images"
                                                           : "");
    }
    return OK;
}

// Drops dimensions of 1 and joins those that are one run.
static int merge_runs(const struct onnx_view *view, int64_t *dims, int64_t *strides)
{
    int n = 0;
    for (int i = 1; i < view->rank; i++) {
        if (view->dims[i] == 1) {
            continue;
        }
        if (n > 0 && strides[n - 1] == view->strides[i] * view->dims[i]) {
            dims[n - 1] *= view->dims[i];
            strides[n - 1] = view->strides[i];
        } else {
            dims[n] = view->dims[i];
            strides[n++] = view->strides[i];
        }
    }
    return n;
}

// [c / groups][groups] of channels [groups][c / groups]: the number of groups, 0 where the view is
// something else.
static int find_shuffle(const struct importer *importer, const struct onnx_view *view)
{
    const struct node *node = &importer->drafts[view->draft].node;
    const int64_t pixels = (int64_t)node->h * node->w;
    int64_t dims[ONNX_MAX_RANK], strides[ONNX_MAX_RANK];
    int n = merge_runs(view, dims, strides);
    if (pixels > 1) {
        n--;
        if (n < 0 || dims[n] != pixels || strides[n] != 1) {
            return 0;
        }
    }
    const bool shuffled = n == 2 && dims[0] * dims[1] == node->c && strides[0] == pixels &&
                          strides[1] == dims[0] * pixels;
    return shuffled ? (int)dims[1] : 0;
}

// Nothing but this reshape reads the network's input: it is a map of the new shape, then. Vectors
// of 784 values that become maps of 1 x 28 x 28 are meant so.
static void redeclare_input(const struct onnx_call *call, const struct onnx_view *view)
{
    struct node *input = &call->importer->drafts[0].node;
    const bool fits = view->draft == 0 && view->rank == 4 && onnx_view_is_flat(view) &&
                      input->h == 1 && input->w == 1 && onnx_is_only_use(call, 0);
    if (fits) {
        input->c = (int)view->dims[1];
        input->h = (int)view->dims[2];
        input->w = (int)view->dims[3];
    }
}

enum status onnx_set_reshaped(struct onnx_call *call, const struct onnx_view *view,
                              const int64_t *dims, int rank)
{
    struct importer *importer = call->importer;
    struct onnx_view from = *view, out = {.rank = rank};
    memcpy(out.dims, dims, (size_t)rank * sizeof *dims);
    CHECK(rank >= 1 && dims[0] == ONNX_BATCH);
    if (!onnx_reshape_strides(from.dims + 1, from.strides + 1, from.rank - 1, dims + 1, rank - 1,
                              out.strides + 1)) {
        const int groups = find_shuffle(importer, &from);
        if (groups == 0) {
            FAIL(ERR_UNSUPPORTED, "it transposes the values of an image; only channel shuffles and "
                                  "plain flattening are read");
        }
        struct onnx_draft draft = onnx_draft_of(importer, NODE_SHUFFLE, from.draft);
        draft.node.groups = groups;
        draft.label = onnx_label(call, -1);
        TRY(onnx_draft_add(call, &draft, &from.draft, 1, &from.draft));
        onnx_row_major(dims + 1, rank - 1, out.strides + 1);
    }
    out.draft = from.draft;
    redeclare_input(call, &out);
    return onnx_set_view(call, 0, &out);
}

enum status onnx_insert_ones(const int64_t *dims, int rank, const int64_t *axes, int n,
                             int64_t *out)
{
    if (n < 0 || rank + n > ONNX_MAX_RANK) {
        FAIL(ERR_UNSUPPORTED, "it adds %d axes to %d, at most %d are read", n < 0 ? 0 : n, rank,
             ONNX_MAX_RANK);
    }
    bool added[ONNX_MAX_RANK] = {false};
    for (int i = 0; i < n; i++) {
        int axis;
        TRY(onnx_axis(axes[i], rank + n, &axis));
        if (added[axis]) {
            FAIL(ERR_INPUT, "it adds axis %d twice", axis);
        }
        added[axis] = true;
    }
    int at = 0;
    for (int i = 0; i < rank + n; i++) {
        out[i] = added[i] ? 1 : dims[at++];
    }
    return OK;
}

enum status onnx_read_permutation(const struct onnx_call *call, int rank, int *order)
{
    int64_t said[ONNX_MAX_RANK];
    int n = 0;
    TRY(onnx_attribute_ints(call->node, "perm", ONNX_MAX_RANK, said, &n));
    if (n >= 0 && n != rank) {
        FAIL(ERR_INPUT, "its permutation has %d axes, its input %d", n, rank);
    }
    bool used[ONNX_MAX_RANK] = {false};
    for (int i = 0; i < rank; i++) {
        const int64_t axis = n >= 0 ? said[i] : rank - 1 - i;
        if (axis < 0 || axis >= rank || used[axis]) {
            FAIL(ERR_INPUT, "its permutation is none of %d axes", rank);
        }
        used[axis] = true;
        order[i] = (int)axis;
    }
    return OK;
}
