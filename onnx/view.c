// How the file sees the values of a draft.
#include "onnx/import.h"

struct onnx_view onnx_map_view(const struct importer *importer, int draft, int rank)
{
    const struct node *node = &importer->drafts[draft].node;
    const int64_t dims[4] = {ONNX_BATCH, node->c, node->h, node->w};
    CHECK(rank >= 1 && rank <= 4);
    CHECK((rank == 4 || node->w == 1) && (rank >= 3 || node->h == 1) &&
          (rank >= 2 || node->c == 1));
    struct onnx_view view = {.draft = draft, .rank = rank};
    for (int i = 0; i < rank; i++) {
        view.dims[i] = dims[i];
    }
    onnx_row_major(view.dims + 1, rank - 1, view.strides + 1);
    return view;
}

int64_t onnx_view_count(const struct onnx_view *view)
{
    int64_t count = 1;
    for (int i = 1; i < view->rank; i++) {
        count *= view->dims[i];
    }
    return count;
}

bool onnx_view_is_flat(const struct onnx_view *view)
{
    int64_t stride = 1;
    for (int i = view->rank - 1; i >= 1; i--) {
        if (view->dims[i] != 1 && view->strides[i] != stride) {
            return false;
        }
        stride *= view->dims[i];
    }
    return true;
}

enum status onnx_require_map(const struct importer *importer, const struct onnx_view *view)
{
    const struct node *node = &importer->drafts[view->draft].node;
    const int64_t dims[4] = {ONNX_BATCH, node->c, node->h, node->w};
    bool same = view->rank <= 4 && onnx_view_is_flat(view);
    for (int i = 1; i < 4 && same; i++) {
        same = (i < view->rank ? view->dims[i] : 1) == dims[i];
    }
    if (!same) {
        FAIL(ERR_UNSUPPORTED,
             "its input was reshaped or transposed into something that is neither a map nor a "
             "vector of the %d x %d x %d values it was made of (channels, height, width)",
             node->c, node->h, node->w);
    }
    return OK;
}

bool onnx_views_same(const struct onnx_view *a, const struct onnx_view *b)
{
    bool same = a->rank == b->rank;
    for (int i = 1; i < a->rank && same; i++) {
        same = a->dims[i] == b->dims[i] && (a->dims[i] == 1 || a->strides[i] == b->strides[i]);
    }
    return same;
}

enum status onnx_axis(int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank) {
        FAIL(ERR_INPUT, "axis %lld does not lie in its %d dimensions", (long long)axis, rank);
    }
    *out = (int)(axis < 0 ? axis + rank : axis);
    return OK;
}
