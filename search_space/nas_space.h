// Spaces of architectures. A space is a list of decisions; every choice of them is a network, a
// chain of units (stem, blocks, head), each of which is built, costed and named by itself. A space
// builds graphs and nothing else: what it gives is trained, cut, scored and saved like any network.
//
// Parameters are shared by name: two networks of a space that have a parameter of the same name
// share its values, the smaller one holding the leading part of each channel axis and the middle of
// each kernel axis (supernet.h). What a space does not want shared has another name.
#pragma once
#include "core/option.h"
#include "nn/node_type.h"
#include "search_space/nas_space_list.h"

// The input that networks of the space are for.
struct nas_input {
    int h, w, c, classes;
};

// What a decision is about: part of what an agent sees.
enum nas_role { NAS_DEPTH, NAS_WIDTH, NAS_KERNEL, NAS_EXPANSION, NAS_OPERATION, NAS_ROLE_COUNT };
enum { NAS_MOST_CHOICES = 16, NAS_MOST_DECISIONS = 128, NAS_MOST_UNITS = 128 };
struct nas_decision {
    const char *name; // "stage2.block1.kernel"; arena of the space, as all here
    enum nas_role role;
    bool categorical;      // neighbouring choices are no more alike than others
    int stage, layer;      // 0-based, layers within their stage; layer -1: of the whole stage
    int n_choices;         // 2 .. NAS_MOST_CHOICES
    const int *values;     // [n_choices] 3, 5, 7; widths; numbers of the space's operations
    const float *position; // [n_choices] ascending in (0, 1]: values / greatest, or evenly spaced
    const char *const *labels; // [n_choices] names of operations; NULL: the values say it all
    // The choice that costs least by every measure, whatever else is chosen; also the one that
    // stands for all where nothing depends on the decision (a layer that was left out).
    int least;
};

// A piece of the chain. Two units with equal fields are the same piece of network but for their
// names, and cost the same.
enum { NAS_UNIT_VALUES = 10 };
struct nas_unit {
    int kind;                    // the space's own number
    int h, w, c;                 // its input
    int out_h, out_w, out_c;     // its output
    int values[NAS_UNIT_VALUES]; // kernel, expansion, ... as the kind has them; unused 0
    int stage, layer;            // where: names are made of these; no part of what it costs
};

// What a network costs, as cost.h counts it.
struct nas_cost {
    int64_t of[COST_KINDS];
};

struct nas_space;
// One row per space, at the end of nas_NAME.c, which also has its options as nas_NAME_option_table;
// that of a space without any is empty.
struct nas_space_type {
    const char *name, *about;
    const struct option *options; // rows of its part of a config; NULL: none
    size_t options_bytes;         // of the options struct
    // Fills decisions, and what the space keeps for itself, from options and input. ERR_CONFIG says
    // what does not fit the input or the options.
    enum status (*open)(struct nas_space *space, const void *options);
    // The units of a canonical choice [n_decisions], in order; at most NAS_MOST_UNITS. Returns how
    // many.
    int (*units)(const struct nas_space *space, const int16_t *choice, struct nas_unit *units);
    // Appends the unit's nodes behind node `input`; none, and *output = input, where it is nothing.
    enum status (*build)(const struct nas_space *space, const struct nas_unit *unit,
                         struct graph *graph, int input, int *output);
    // Replaces the choice by the one that stands for all that give the same network. NULL: no two
    // do. Never costs more.
    void (*canonical)(const struct nas_space *space, int16_t *choice);
    // Choices number 0, 1, ... that between them have every parameter of the space at its greatest
    // size; false: there are no more. NULL: the greatest choice of every decision has them all.
    bool (*cover)(const struct nas_space *space, int number, int16_t *choice);
};
#define X(id, name)                                                                                \
    extern const struct nas_space_type nas_##name;                                                 \
    extern const struct option nas_##name##_option_table[]; // its options, for tables around them
NAS_SPACE_LIST(X)
#undef X
extern const struct nas_space_type *const nas_spaces[]; // by kind, NULL-ended
extern const char *const nas_space_names[];             // by kind, NULL-ended

struct nas_space {
    const struct nas_space_type *type;
    struct arena arena;
    struct nas_input input;
    struct nas_decision *decisions;
    int n_decisions;
    void *own; // of the type; arena
};
// options: of the type; NULL: its defaults. Not needed any more afterwards. ERR_CONFIG, or
// ERR_INPUT where the greatest network cannot be built on the input.
enum status nas_space_open(const struct nas_space_type *type, const void *options,
                           const struct nas_input *input, struct nas_space *out);
void nas_space_close(struct nas_space *space); // a zeroed one is fine

// The network of a choice, closed by the caller. Equal choices and choices with one canonical form
// give equal graphs.
enum status nas_space_build(const struct nas_space *space, const int16_t *choice,
                            struct graph *out);
void nas_space_canonical(const struct nas_space *space, int16_t *choice);
// Whether this decision has a part in the network: another choice of it would give another network.
// Without one are those of layers that were left out.
bool nas_space_decides(const struct nas_space *space, const int16_t *choice, int decision);
// Every decision at its greatest choice, or at the one that costs least.
void nas_space_greatest(const struct nas_space *space, int16_t *choice);
void nas_space_least(const struct nas_space *space, int16_t *choice);
// The number-th choice that covers the parameters; see nas_space_type.
bool nas_space_cover(const struct nas_space *space, int number, int16_t *choice);
// The units of the network of any choice; returns how many. units [NAS_MOST_UNITS]
int nas_space_units(const struct nas_space *space, const int16_t *choice, struct nas_unit *units);
// Uniform over the choices of every decision, in canonical form.
struct rng;
void nas_space_random(const struct nas_space *space, struct rng *rng, int16_t *choice);
