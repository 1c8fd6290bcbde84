// NAS-Bench-201 (Dong & Yang 2020; NATS-Bench's topology space, Dong et al. 2021): a cell of four
// nodes, an operation on each of its six edges. Two files: what 200 epochs came to, with a string
// that is equal for isomorphic cells, and what one run of 12 epochs showed.
#include "core/csv.h"
#include "core/file.h"
#include "envs/tabular/tabular_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 6, DATA = 3, MOST_BYTES = 64 << 20 };
static const char *const operations[] = {"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3",
                                         "avg_pool_3x3"};
enum { OPERATIONS = sizeof operations / sizeof *operations };
// The training parts, half of which the short runs were trained on where they tell of the other.
static const struct tabular_data data[DATA] = {
    {"cifar10", 10, 32, 50000}, {"cifar100", 100, 32, 50000}, {"imagenet16-120", 120, 16, 151700}};
static const int from[STEPS] = {0, 0, 1, 0, 1, 2}; // node that the edge comes from

// |op~0|+|op~0|op~1|+|op~0|op~1|op~2|
static void write_cell(const int16_t *steps, char out[TABULAR_MOST_WORDS])
{
    int length = 0;
    for (int i = 0; i < STEPS; i++) {
        const char *join = i == 0 ? "|" : from[i] == 0 ? "+|" : "";
        length += snprintf(out + length, (size_t)(TABULAR_MOST_WORDS - length), "%s%s~%d|", join,
                           operations[steps[i]], from[i]);
    }
}

static int find_operation(const char *word, size_t length)
{
    for (int i = 0; i < OPERATIONS; i++) {
        if (strlen(operations[i]) == length && memcmp(operations[i], word, length) == 0) {
            return i;
        }
    }
    return -1;
}

// The number of the cell in this field of the newest row.
static enum status read_cell(const struct csv *csv, int column, int *out)
{
    const char *text = csv->fields[column], *at = text;
    int16_t steps[STEPS];
    char again[TABULAR_MOST_WORDS];
    for (int i = 0; i < STEPS; i++) {
        at += strspn(at, "|+");
        const size_t length = strcspn(at, "~|+");
        const int operation = find_operation(at, length);
        if (operation < 0) {
            FAIL(ERR_INPUT,
                 "%s, line %d, column %s: expected one of none, skip_connect, nor_conv_1x1, "
                 "nor_conv_3x3, avg_pool_3x3 on edge %d, got \"%.*s\"",
                 csv->path, csv->line, csv->names[column], i + 1, (int)(length < 40 ? length : 40),
                 at);
        }
        steps[i] = (int16_t)operation;
        at += length;
        at += strcspn(at, "|");
    }
    write_cell(steps, again);
    if (strcmp(text, again) != 0) {
        FAIL(ERR_INPUT, "%s, line %d, column %s: expected a cell such as %s, got \"%.160s\"",
             csv->path, csv->line, csv->names[column], again, text);
    }
    *out = tabular_number(&tabular_nasbench201, steps);
    return OK;
}

// One file: the percentages of the three columns called `names`, into shares of `results`. unique:
// name of a column that is kept, [n] by cell; NULL: none.
struct part {
    const char *file, *cells;
    const char *names[DATA];
    double *results;
    const char *unique;
    const char **strings;
};

static enum status read_row(const struct csv *csv, const struct part *part, const int *columns,
                            int n)
{
    int cell;
    TRY(read_cell(csv, columns[0], &cell));
    if (!isnan(part->results[cell])) {
        FAIL(ERR_INPUT, "%s, line %d: this cell was in an earlier line already: %.160s", csv->path,
             csv->line, csv->fields[columns[0]]);
    }
    for (int k = 0; k < DATA; k++) {
        double percent;
        TRY(csv_number(csv, columns[1 + k], 0, 100, &percent));
        part->results[(size_t)k * (size_t)n + (size_t)cell] = percent / 100;
    }
    if (part->strings != NULL) {
        part->strings[cell] = csv->fields[columns[1 + DATA]];
    }
    return OK;
}

static enum status read_part(const char *folder, const struct part *part, int n,
                             struct arena *arena)
{
    char path[4096];
    struct csv csv;
    int columns[2 + DATA], rows = 0;
    TRY(file_join(path, sizeof path, folder, part->file));
    TRY(csv_open(path, MOST_BYTES, arena, &csv));
    TRY(csv_find(&csv, part->cells, &columns[0]));
    for (int k = 0; k < DATA; k++) {
        TRY(csv_find(&csv, part->names[k], &columns[1 + k]));
    }
    if (part->unique != NULL) {
        TRY(csv_find(&csv, part->unique, &columns[1 + DATA]));
    }
    for (;; rows++) {
        bool more;
        TRY(csv_next(&csv, &more));
        if (!more) {
            break;
        }
        TRY(read_row(&csv, part, columns, n));
    }
    if (rows < n) {
        FAIL(ERR_INPUT, "%s: %d cells, expected all %d; the file is cut off", path, rows, n);
    }
    return OK;
}

struct named_cell {
    const char *unique;
    int32_t cell;
};

static int by_string(const void *a, const void *b)
{
    const struct named_cell *x = a, *y = b;
    const int order = strcmp(x->unique, y->unique);
    return order != 0 ? order : x->cell < y->cell ? -1 : x->cell > y->cell;
}

// Cells of one string are one network.
static enum status unite(const char *const *strings, struct tabular_table *table,
                         struct arena *arena)
{
    struct named_cell *cells;
    ARENA_NEW(arena, cells, (size_t)table->n);
    for (int i = 0; i < table->n; i++) {
        cells[i] = (struct named_cell){strings[i], i};
    }
    qsort(cells, (size_t)table->n, sizeof *cells, by_string);
    for (int i = 0, first = 0; i < table->n; i++) {
        first = strcmp(cells[i].unique, cells[first].unique) == 0 ? first : i;
        table->canonical[cells[i].cell] = cells[first].cell;
    }
    return OK;
}

static enum status read_table(const char *folder, struct arena *scratch,
                              struct tabular_table *table)
{
    const char **strings;
    ARENA_NEW(scratch, strings, (size_t)table->n);
    const struct part parts[] = {{"nats_bench_tss_200ep.csv",
                                  "ArchitectureString",
                                  {"CIFAR10TestAccuracy200Epochs", "CIFAR100TestAccuracy200Epochs",
                                   "ImageNetTestAccuracy200Epochs"},
                                  table->final,
                                  "UniqueString",
                                  strings},
                                 {"nasbench201_12ep.csv",
                                  "arch",
                                  {"c10-val12", "c100-val12", "in16-val12"},
                                  table->proxy,
                                  NULL,
                                  NULL}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        TRY(read_part(folder, &parts[i], table->n, scratch));
    }
    return unite(strings, table, scratch);
}

const struct tabular_format tabular_nasbench201 = {
    .name = "nasbench201",
    .folder = "nasbench201",
    .proxy = "validation accuracy of one run of 12 epochs",
    .final = "test accuracy after 200 epochs",
    .steps = STEPS,
    .n_operations = OPERATIONS,
    .operations = operations,
    .n_data = DATA,
    .data = data,
    .read = read_table,
    .has_equals = true,
    .write = write_cell,
};
