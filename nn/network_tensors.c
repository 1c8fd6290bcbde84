#include "nn/network_tensors.h"

#include "core/log.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *name, const char *suffix)
{
    const size_t length = strlen(name), n = strlen(suffix);
    return length >= n && strcmp(name + length - n, suffix) == 0;
}

// Is the last part of a dotted name this one?
static bool is_last_part(const char *name, const char *part)
{
    const char *dot = strrchr(name, '.');
    return strcmp(dot != NULL ? dot + 1 : name, part) == 0;
}

// Counters that PyTorch, its averaging of weights and tools that count operations leave in a file.
static bool is_passed_over(const char *name)
{
    static const char *const parts[] = {"num_batches_tracked", "total_ops", "total_params",
                                        "n_averaged"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (is_last_part(name, parts[i])) {
            return true;
        }
    }
    return false;
}

static enum status check_masks(const struct safetensors_file *file)
{
    for (int i = 0; i < file->n_tensors; i++) {
        const char *name = file->tensors[i].name;
        if (ends_with(name, "weight_orig") || ends_with(name, "bias_orig") ||
            ends_with(name, "weight_mask") || ends_with(name, "bias_mask")) {
            FAIL(ERR_INPUT,
                 "%s: tensor \"%.200s\": torch.nn.utils.prune still masks this network's weights; "
                 "make the masks permanent with prune.remove(module, \"weight\") for each pruned "
                 "module and save it again",
                 file->path, name);
        }
    }
    return OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct network_tensor *)a)->name,
                  ((const struct network_tensor *)b)->name);
}

// The entry of this name, NULL if there is none.
static const struct network_tensor *find(const struct network_tensors *t, const char *name)
{
    const struct network_tensor wanted = {.name = name};
    return bsearch(&wanted, t->list, (size_t)t->n, sizeof *t->list, compare_names);
}

static bool knows_any(const struct network_tensors *t, const struct graph *graph)
{
    for (int p = 0; p < graph->n_params; p++) {
        if (find(t, graph->params[p].name) != NULL) {
            return true;
        }
    }
    return false;
}

static bool all_begin_with(const struct network_tensors *t, const char *prefix)
{
    bool all = t->n > 0;
    for (int i = 0; all && i < t->n; i++) {
        all = strncmp(t->list[i].name, prefix, strlen(prefix)) == 0;
    }
    return all;
}

static void take_off_prefixes(struct network_tensors *t, const struct graph *graph)
{
    static const char *const prefixes[] = {"module.", "_orig_mod.", "model."};
    enum { N = sizeof prefixes / sizeof prefixes[0] };
    for (int p = 0; p < N && !knows_any(t, graph); p++) {
        if (!all_begin_with(t, prefixes[p])) {
            continue;
        }
        for (int i = 0; i < t->n; i++) { // their order stays
            t->list[i].name += strlen(prefixes[p]);
        }
        t->prefix += strlen(prefixes[p]);
        log_info("%s: took \"%s\" off the names of all tensors", t->file->path, prefixes[p]);
        p = -1; // several may lie over each other
    }
}

enum status network_tensors_open(const struct safetensors_file *file, const struct graph *graph,
                                 struct network_tensors *out)
{
    struct network_tensors t = {.file = file};
    TRY(check_masks(file));
    t.list = arena_alloc(&t.arena, (size_t)file->n_tensors + 1, sizeof *t.list);
    if (t.list == NULL) {
        return ERR_MEMORY;
    }
    for (int i = 0; i < file->n_tensors; i++) {
        if (!is_passed_over(file->tensors[i].name)) {
            t.list[t.n++] = (struct network_tensor){file->tensors[i].name, &file->tensors[i]};
        }
    }
    qsort(t.list, (size_t)t.n, sizeof *t.list, compare_names);
    take_off_prefixes(&t, graph);
    *out = t;
    return OK;
}

void network_tensors_close(struct network_tensors *tensors)
{
    arena_close(&tensors->arena);
    *tensors = (struct network_tensors){0};
}

const struct safetensor *network_tensors_find(const struct network_tensors *tensors,
                                              const char *name)
{
    const struct network_tensor *found = find(tensors, name);
    return found != NULL ? found->tensor : NULL;
}

// ---- matching
enum { MOST_LISTED = 8 };

struct findings {
    struct text list;
    int n;
};

// Appends `text` to a list that shows the first few.
static void note(struct findings *f, const char *name, const char *more)
{
    if (f->n < MOST_LISTED) {
        text_add(&f->list, "%s%.120s%s", f->n > 0 ? ", " : "", name, more);
    }
    f->n++;
}

static void add_shape(struct text *text, const int64_t *dims, int n)
{
    text_add(text, "[");
    for (int d = 0; d < n; d++) {
        text_add(text, "%s%lld", d > 0 ? ", " : "", (long long)dims[d]);
    }
    text_add(text, "]");
}

static void note_shape(struct findings *f, const struct param *param,
                       const struct safetensor *tensor)
{
    int64_t expected[4];
    bool same = tensor->n_dims == param->n_dims;
    for (int d = 0; d < param->n_dims; d++) {
        expected[d] = param->dims[d];
        same = same && tensor->dims[d] == expected[d];
    }
    if (same) {
        return;
    }
    struct text more = {0};
    text_add(&more, " (expected ");
    add_shape(&more, expected, param->n_dims);
    text_add(&more, ", got ");
    add_shape(&more, tensor->dims, tensor->n_dims);
    text_add(&more, ")");
    note(f, param->name, more.failed ? "" : more.bytes);
    text_close(&more);
}

static void add_findings(struct text *text, const char *what, const struct findings *f)
{
    if (f->n > 0) {
        text_add(text, "%s%d %s: %s%s", text->length > 0 ? "; " : "", f->n, what,
                 f->list.failed ? "(out of memory)" : f->list.bytes,
                 f->n > MOST_LISTED ? ", ..." : "");
    }
}

// The tensors that no parameter was found for, in the order of the file.
static enum status note_unexpected(const struct network_tensors *tensors, const struct graph *graph,
                                   struct findings *unexpected)
{
    const struct safetensors_file *file = tensors->file;
    bool *known = calloc((size_t)file->n_tensors + 1, sizeof *known);
    if (known == NULL) {
        FAIL(ERR_MEMORY, "out of memory for the names of %d tensors", file->n_tensors);
    }
    for (int p = 0; p < graph->n_params; p++) {
        const struct safetensor *tensor = network_tensors_find(tensors, graph->params[p].name);
        if (tensor != NULL) {
            known[tensor - file->tensors] = true;
        }
    }
    for (int i = 0; i < file->n_tensors; i++) {
        const char *name = file->tensors[i].name;
        if (!known[i] && !is_passed_over(name)) {
            note(unexpected, name + tensors->prefix, "");
        }
    }
    free(known);
    return OK;
}

enum status network_tensors_match(const struct network_tensors *tensors, const struct graph *graph,
                                  const char *what, const struct safetensor **found)
{
    struct findings missing = {0}, unexpected = {0}, shapes = {0};
    TRY(note_unexpected(tensors, graph, &unexpected));
    for (int p = 0; p < graph->n_params; p++) {
        found[p] = network_tensors_find(tensors, graph->params[p].name);
        if (found[p] == NULL) {
            note(&missing, graph->params[p].name, "");
        } else {
            note_shape(&shapes, &graph->params[p], found[p]);
        }
    }
    struct text text = {0};
    add_findings(&text, "tensors missing", &missing);
    add_findings(&text, "unexpected", &unexpected);
    add_findings(&text, "of another shape", &shapes);
    enum status status = OK;
    if (text.length > 0 || text.failed) {
        status =
            status_fail(ERR_INPUT, __FILE__, __LINE__, "%s does not hold the weights of %s: %s",
                        tensors->file->path, what, text.failed ? "(out of memory)" : text.bytes);
    }
    text_close(&text);
    text_close(&missing.list);
    text_close(&unexpected.list);
    text_close(&shapes.list);
    return status;
}
