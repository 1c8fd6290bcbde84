// What the files of the spaces share: listing decisions, and layers that several of them are made
// of. Layers are appended behind a cursor (nn/zoo_family.h), whose prefix names them.
#pragma once
#include "nn/zoo_family.h"
#include "search_space/nas_space.h"

// Room for so many decisions; the space has none yet.
enum status nas_decisions_begin(struct nas_space *space, int most);
// How a space finds the value of a decision again; of one that has a single value, and so is none.
struct nas_pick {
    int decision; // -1: none
    const int *values;
};
static inline int nas_picked(const struct nas_pick *pick, const int16_t *choice)
{
    return pick->values[pick->decision < 0 ? 0 : choice[pick->decision]];
}
// Appends a decision like `like`, whose values and labels are copied; its name is formatted, its
// position worked out, its least choice is the first: values ascend by what they cost. A single
// value is nothing to decide: no decision is appended. pick may be NULL.
enum status nas_decision_add(struct nas_space *space, const struct nas_decision *like,
                             struct nas_pick *pick, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// Checks a list of values from a config: `what` names it in messages. ERR_CONFIG unless there are 1
// to NAS_MOST_CHOICES of them, ascending, all at least `least`.
enum status nas_check_values(const struct int_list *values, int least, const char *what);

// The cursor at `input`.
struct zoo_cursor nas_cursor(struct graph *graph, int input);

// Appends a node that reads `inputs` [n], named with the cursor's prefix; it is the new end.
enum status nas_add_node(struct zoo_cursor *cursor, const char *name, const struct node *like,
                         const int *inputs, int n);

// How many pixels stay of `extent` under a stride, with the padding that keeps the size at stride
// 1.
int nas_strided(int extent, int stride);

// A unit behind `last`, NULL: behind the space's input, of the same shape until something else is
// said.
struct nas_unit nas_unit_next(const struct nas_space *space, const struct nas_unit *last, int kind);
// The classifier behind it.
struct nas_unit nas_unit_classifier(const struct nas_space *space, const struct nas_unit *last,
                                    int kind);

// A convolution, padded so that stride 1 keeps the size, without bias.
struct nas_conv {
    int out_c, kernel[2], stride[2]; // rows, columns
    bool depthwise;                  // one filter per channel; out_c is the input's
    bool bias;
};
enum status nas_add_conv(struct zoo_cursor *cursor, const char *name, const struct nas_conv *conv);
// With BatchNorm "NAME_bn" and, but for ACTIVATION_NONE, an activation "NAME_act".
enum status nas_add_conv_bn(struct zoo_cursor *cursor, const char *name,
                            const struct nas_conv *conv, struct activation act);

// An inverted residual (Sandler et al. 2018; squeeze-excite as in Howard et al. 2019): 1x1 to `mid`
// channels, depthwise, 1x1 to `out_c` without activation; the input is added where the shape is the
// same.
struct nas_mbconv {
    int mid, out_c, kernel[2], stride[2];
    int squeeze; // channels of the squeeze-excite in between; 0: none
    struct activation act;
};
enum status nas_add_mbconv(struct zoo_cursor *cursor, const struct nas_mbconv *block);

// Mean over the map and a linear layer "classifier".
enum status nas_add_classifier(struct zoo_cursor *cursor, int classes);
