// Appending layers one after the other, shared by the files of the zoo.
#include "nn/zoo_family.h"

#include <stdarg.h>
#include <stdio.h>

#define NAME_BYTES 128

struct zoo_cursor zoo_begin(struct graph *graph)
{
    return (struct zoo_cursor){.graph = graph};
}

void zoo_prefix(struct zoo_cursor *cursor, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(cursor->prefix, sizeof cursor->prefix, format, arguments);
    va_end(arguments);
    CHECK(length >= 0 && (size_t)length < sizeof cursor->prefix);
}

// prefix + name, in a buffer of NAME_BYTES.
static const char *full_name(const struct zoo_cursor *cursor, const char *name, char *buffer)
{
    const int length = snprintf(buffer, NAME_BYTES, "%s%s", cursor->prefix, name);
    CHECK(length > 0 && length < NAME_BYTES);
    return buffer;
}

enum status zoo_conv(struct zoo_cursor *cursor, const char *name,
                     const struct conv_attributes *attributes)
{
    char full[NAME_BYTES];
    return graph_add_conv(cursor->graph, full_name(cursor, name, full), cursor->node, attributes,
                          &cursor->node);
}

enum status zoo_batchnorm(struct zoo_cursor *cursor, const char *name)
{
    char full[NAME_BYTES];
    return graph_add_batchnorm(cursor->graph, full_name(cursor, name, full), cursor->node,
                               &cursor->node);
}

enum status zoo_act(struct zoo_cursor *cursor, const char *name, struct activation act)
{
    char full[NAME_BYTES];
    return graph_add_act(cursor->graph, full_name(cursor, name, full), cursor->node, act,
                         &cursor->node);
}

enum status zoo_add(struct zoo_cursor *cursor, const char *name, int other)
{
    char full[NAME_BYTES];
    return graph_add_add(cursor->graph, full_name(cursor, name, full), cursor->node, other,
                         &cursor->node);
}

enum status zoo_concat_after(struct zoo_cursor *cursor, const char *name, int other)
{
    char full[NAME_BYTES];
    return graph_add_concat(cursor->graph, full_name(cursor, name, full), other, cursor->node,
                            &cursor->node);
}

enum status zoo_halve(struct zoo_cursor *cursor, const char *name, enum node_kind kind)
{
    char full[NAME_BYTES];
    return graph_add_pool(cursor->graph, full_name(cursor, name, full), cursor->node, kind, 2, 2, 0,
                          &cursor->node);
}

enum status zoo_shortcut(struct zoo_cursor *cursor, const char *name, int stride, int pad_before,
                         int pad_after)
{
    char full[NAME_BYTES];
    return graph_add_shortcut(cursor->graph, full_name(cursor, name, full), cursor->node, stride,
                              pad_before, pad_after, &cursor->node);
}

enum status zoo_dropout(struct zoo_cursor *cursor, const char *name, float rate)
{
    char full[NAME_BYTES];
    return graph_add_dropout(cursor->graph, full_name(cursor, name, full), cursor->node, rate,
                             &cursor->node);
}

enum status zoo_global_pool(struct zoo_cursor *cursor, const char *name)
{
    char full[NAME_BYTES];
    const struct node *end = &cursor->graph->nodes[cursor->node];
    if (end->h == 1 && end->w == 1) {
        return OK;
    }
    return graph_add_global_pool(cursor->graph, full_name(cursor, name, full), cursor->node,
                                 &cursor->node);
}

enum status zoo_linear(struct zoo_cursor *cursor, const char *name, int out_c)
{
    char full[NAME_BYTES];
    return graph_add_linear(cursor->graph, full_name(cursor, name, full), cursor->node, out_c, true,
                            &cursor->node);
}

enum status zoo_conv_unit(struct zoo_cursor *cursor, const struct zoo_unit *unit)
{
    TRY(zoo_conv(cursor, unit->conv, &unit->attributes));
    TRY(zoo_batchnorm(cursor, unit->batchnorm));
    return unit->activation.kind == ACT_NONE ? OK : zoo_act(cursor, unit->act, unit->activation);
}

struct conv_attributes zoo_square(int out_c, int kernel, int stride)
{
    return (struct conv_attributes){.out_c = out_c,
                                    .kernel_h = kernel,
                                    .kernel_w = kernel,
                                    .stride = stride,
                                    .pad = kernel / 2};
}

struct conv_attributes zoo_line(int out_c, int kernel, int stride)
{
    struct conv_attributes attributes = zoo_square(out_c, kernel, stride);
    attributes.kernel_h = 1;
    attributes.line = true;
    return attributes;
}
