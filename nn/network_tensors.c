#include "nn/network_tensors.h"

#include "core/log.h"
#include "core/text.h"

#include <stdio.h>
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

// ---- the last layer's name
// Frameworks and forks call it by one of these.
static const char *const last_names[] = {"linear", "fc",          "classifier", "classifier.1",
                                         "head",   "last_linear", "output",     "logits"};
enum { N_LAST = sizeof last_names / sizeof last_names[0] };

// As many outputs; it may read fewer channels, where the network was cut.
static bool could_be(const struct safetensor *tensor, const struct param *param)
{
    bool fits = tensor->n_dims == param->n_dims && tensor->dims[0] == param->dims[0];
    for (int d = 1; fits && d < param->n_dims; d++) {
        fits = tensor->dims[d] <= param->dims[d];
    }
    return fits;
}

// What stands under `other` for the parameter `param` of the layer `own`; NULL if nothing that
// could be it does.
static struct network_tensor *find_other(const struct network_tensors *t, const struct param *param,
                                         const char *own, const char *other)
{
    char name[128];
    snprintf(name, sizeof name, "%s%s", other, param->name + strlen(own));
    for (int i = 0; i < t->n; i++) {
        if (strcmp(t->list[i].name, name) == 0) {
            return could_be(t->list[i].tensor, param) ? &t->list[i] : NULL;
        }
    }
    return NULL;
}

static bool is_of_layer(const char *name, const char *layer)
{
    const size_t n = strlen(layer);
    return strncmp(name, layer, n) == 0 && name[n] == '.' && strchr(name + n + 1, '.') == NULL;
}

// Gives the tensors of the layer `other` the names that the graph has for its layer `own`. False
// when not all of that layer's parameters are there in shape.
static bool rename_last(struct network_tensors *t, const struct graph *graph, const char *own,
                        const char *other)
{
    struct network_tensor *found[4];
    int n = 0, params[4];
    for (int p = 0; p < graph->n_params && n < 4; p++) {
        if (is_of_layer(graph->params[p].name, own)) {
            params[n] = p;
            found[n] = find_other(t, &graph->params[p], own, other);
            if (found[n++] == NULL) {
                return false;
            }
        }
    }
    for (int i = 0; i < n; i++) {
        found[i]->name = graph->params[params[i]].name;
    }
    return n > 0;
}

static void take_last_layer(struct network_tensors *t, const struct graph *graph)
{
    const struct node *last = &graph->nodes[graph->n_nodes - 1];
    char weight[160];
    snprintf(weight, sizeof weight, "%s.weight", last->name);
    if (last->kind != NODE_LINEAR || find(t, weight) != NULL) {
        return;
    }
    for (int i = 0; i < N_LAST; i++) {
        if (rename_last(t, graph, last->name, last_names[i])) {
            log_info("%s: took its \"%s\" for \"%s\", the last layer", t->file->path, last_names[i],
                     last->name);
            qsort(t->list, (size_t)t->n, sizeof *t->list, compare_names);
            return;
        }
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
    take_last_layer(&t, graph);
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
