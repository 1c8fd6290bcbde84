// The table of all networks of the zoo.
#include "nn/zoo.h"

#include "core/text.h"
#include "nn/zoo_family.h"

#include <string.h>

// name, depth, least height and width, whether it has an ImageNet form too, builder. The least size
// is what the network's strides need for one pixel to be left.
#define ZOO_LIST(X)                                                                                \
    X("resnet8", 8, 4, false, zoo_build_resnet)                                                    \
    X("resnet14", 14, 4, false, zoo_build_resnet)                                                  \
    X("resnet20", 20, 4, false, zoo_build_resnet)                                                  \
    X("resnet26", 26, 4, false, zoo_build_resnet)                                                  \
    X("resnet32", 32, 4, false, zoo_build_resnet)                                                  \
    X("resnet44", 44, 4, false, zoo_build_resnet)                                                  \
    X("resnet56", 56, 4, false, zoo_build_resnet)                                                  \
    X("resnet110", 110, 4, false, zoo_build_resnet)                                                \
    X("vgg16_bn", 16, 32, false, zoo_build_vgg)                                                    \
    X("mobilenet_v1", 28, 16, true, zoo_build_mobilenet_v1)                                        \
    X("mobilenet_v2", 53, 8, true, zoo_build_mobilenet_v2)                                         \
    X("densenet40", 40, 4, false, zoo_build_densenet)                                              \
    X("convnet", 4, 4, false, zoo_build_convnet)

struct zoo_entry {
    const char *name;
    int depth, least_size;
    bool imagenet;
    enum status (*build)(struct graph *graph, const struct zoo_request *request);
};

static const struct zoo_entry entries[] = {
#define X(name, depth, least_size, imagenet, build) {name, depth, least_size, imagenet, build},
    ZOO_LIST(X)
#undef X
};

const char *const zoo_names[ZOO_COUNT + 1] = {
#define X(name, depth, least_size, imagenet, build) name,
    ZOO_LIST(X)
#undef X
        NULL};

_Static_assert(sizeof entries / sizeof entries[0] == ZOO_COUNT, "ZOO_COUNT counts ZOO_LIST");

static enum status find_entry(const char *name, const struct zoo_entry **out)
{
    for (int i = 0; i < ZOO_COUNT; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            *out = &entries[i];
            return OK;
        }
    }
    struct text known = {0};
    for (int i = 0; i < ZOO_COUNT; i++) {
        text_add(&known, " %s", zoo_names[i]);
    }
    const enum status status =
        status_fail(ERR_CONFIG, __FILE__, __LINE__,
                    "there is no network named \"%.80s\"; known ones, in CIFAR form:%s", name,
                    known.failed ? " (out of memory)" : known.bytes);
    text_close(&known);
    return status;
}

enum status zoo_check(const char *name)
{
    const struct zoo_entry *entry;
    return find_entry(name, &entry);
}

const char *zoo_form(const char *name, int h)
{
    for (int i = 0; i < ZOO_COUNT; i++) {
        if (strcmp(entries[i].name, name) == 0 && entries[i].imagenet && h >= ZOO_IMAGENET_HEIGHT) {
            return "ImageNet form";
        }
    }
    return "CIFAR form";
}

static enum status check_request(const struct zoo_entry *entry, const struct zoo_request *request)
{
    const bool convnet = entry->build == zoo_build_convnet;
    const bool line = convnet && request->h == 1;
    if ((request->h < entry->least_size && !line) || request->w < entry->least_size) {
        FAIL(ERR_CONFIG, "%s needs an input of at least %dx%d%s, got %dx%d%s", entry->name,
             entry->least_size, entry->least_size, convnet ? " or one row" : "", request->h,
             request->w, request->h == 1 ? "; of the zoo, convnet takes samples of one row" : "");
    }
    if (request->c < 1 || request->classes < 1) {
        FAIL(ERR_CONFIG, "%s needs at least one input channel and one class, got %d and %d",
             entry->name, request->c, request->classes);
    }
    return OK;
}

enum status zoo_build(const char *name, int h, int w, int c, int classes, struct graph *out)
{
    const struct zoo_entry *entry = NULL;
    TRY(find_entry(name, &entry));
    const struct zoo_request request = {
        .h = h, .w = w, .c = c, .classes = classes, .depth = entry->depth};
    TRY(check_request(entry, &request));
    struct graph graph = {0};
    enum status status;
    TRY_GOTO(status, graph_begin(&graph, h, w, c), fail);
    TRY_GOTO(status, entry->build(&graph, &request), fail);
    TRY_GOTO(status, graph_finish(&graph), fail);
    *out = graph;
    return OK;
fail:
    graph_close(&graph);
    return status_context(status, "building %s for %dx%dx%d and %d classes", name, h, w, c,
                          classes);
}
