// A table of known results in memory: every candidate of a search space that somebody has trained,
// with what came of it on one or more data sets. A candidate is one operation per step; its number
// has the operations as digits, the first step's the most significant.
#pragma once
#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>

enum { TABULAR_MOST_STEPS = 16, TABULAR_MOST_DATA = 4, TABULAR_MOST_WORDS = 256 };

// What candidates were trained on.
struct tabular_data {
    const char *name;
    int classes, size, images; // pixels of a side; of the training part
};
struct tabular_table {
    const struct tabular_format *format;
    int n; // candidates, unknown ones included: operations ^ steps
    // Share of images that are right, 0..1, NAN where the table does not know the candidate.
    // [data sets][n]; arena, as all here
    double *proxy;          // what a search could measure cheaply
    double *final;          // what the finished network is worth
    int64_t *macs, *params; // [n]; NULL: the table has none
    // [n] the least number among all that are the same network; NULL: no two are.
    int32_t *canonical;
};
// One per table that is known, in table_NAME.c.
struct tabular_format {
    const char *name, *folder; // folder: of its files, under $DIKDIK_DATA
    const char *proxy, *final; // what these are, in words
    int steps, n_operations;
    const char *const *operations; // names
    int n_data;
    const struct tabular_data *data;
    // Fills a table whose arrays are there: results NAN, costs (where has_costs) 0, canonical
    // (where has_equals) each its own. ERR_INPUT says where a file is wrong.
    enum status (*read)(const char *folder, struct arena *scratch, struct tabular_table *table);
    bool has_costs, has_equals;
    // A candidate as the table writes it, its steps [steps].
    void (*write)(const int16_t *steps, char out[TABULAR_MOST_WORDS]);
};
#define TABULAR_FORMAT_LIST(X)                                                                     \
    X(NASBENCH201, nasbench201, "nasbench201")                                                     \
    X(NASBENCH_MACRO, nasbench_macro, "nasbench-macro")
enum tabular_kind {
#define X(id, name, text) TABULAR_##id,
    TABULAR_FORMAT_LIST(X)
#undef X
        TABULAR_KIND_COUNT
};
#define X(id, name, text) extern const struct tabular_format tabular_##name;
TABULAR_FORMAT_LIST(X)
#undef X
extern const struct tabular_format *const tabular_formats[]; // by kind

// folder "": $DIKDIK_DATA/<format's>. ERR_CONFIG when that is not set, ERR_INPUT when a file is
// missing or wrong.
enum status tabular_table_read(enum tabular_kind kind, const char *folder, struct arena *arena,
                               struct tabular_table *out);
int tabular_number(const struct tabular_format *format, const int16_t *steps);
void tabular_steps(const struct tabular_format *format, int number, int16_t *steps);
