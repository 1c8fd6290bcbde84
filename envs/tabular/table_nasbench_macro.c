// NAS-Bench-Macro (Su et al. 2021): MobileNetV2-like networks for CIFAR-10, one of three operations
// in each of eight layers; parameters, multiply-adds and the test accuracy of three seeds. The file
// may hold a part of them: the others are unknown.
#include "core/csv.h"
#include "core/file.h"
#include "envs/tabular/tabular_table.h"

#include <math.h>
#include <stdio.h>

enum { STEPS = 8, SEEDS = 3, MOST_BYTES = 16 << 20 };
static const char *const operations[] = {"identity", "mb3_k3", "mb6_k5"};
enum { OPERATIONS = sizeof operations / sizeof *operations };
static const struct tabular_data data[] = {{"cifar10", 10, 32, 50000}};

static void write_digits(const int16_t *steps, char out[TABULAR_MOST_WORDS])
{
    for (int i = 0; i < STEPS; i++) {
        out[i] = (char)('0' + steps[i]);
    }
    out[STEPS] = '\0';
}

static enum status read_network(const struct csv *csv, int column, int *out)
{
    const char *text = csv->fields[column];
    int16_t steps[STEPS];
    for (int i = 0; i < STEPS; i++) {
        if (text[i] < '0' || text[i] >= '0' + OPERATIONS) {
            FAIL(ERR_INPUT,
                 "%s, line %d, column %s: expected %d digits from 0 to %d, one operation for each "
                 "layer, got \"%.40s\"",
                 csv->path, csv->line, csv->names[column], STEPS, OPERATIONS - 1, text);
        }
        steps[i] = (int16_t)(text[i] - '0');
    }
    if (text[STEPS] != '\0') {
        FAIL(ERR_INPUT, "%s, line %d, column %s: expected %d digits, got \"%.40s\"", csv->path,
             csv->line, csv->names[column], STEPS, text);
    }
    *out = tabular_number(&tabular_nasbench_macro, steps);
    return OK;
}

enum { COLUMN_ARCH, COLUMN_PARAMS, COLUMN_MACS, COLUMN_SEED, COLUMNS = COLUMN_SEED + SEEDS };

static enum status read_row(const struct csv *csv, const int *columns, struct tabular_table *table)
{
    int number;
    double sum = 0;
    TRY(read_network(csv, columns[COLUMN_ARCH], &number));
    if (!isnan(table->final[number])) {
        FAIL(ERR_INPUT, "%s, line %d: network %s was in an earlier line already", csv->path,
             csv->line, csv->fields[columns[COLUMN_ARCH]]);
    }
    TRY(csv_integer(csv, columns[COLUMN_PARAMS], 1, INT64_C(1) << 40, &table->params[number]));
    TRY(csv_integer(csv, columns[COLUMN_MACS], 1, INT64_C(1) << 50, &table->macs[number]));
    for (int seed = 0; seed < SEEDS; seed++) {
        double percent;
        TRY(csv_number(csv, columns[COLUMN_SEED + seed], 0, 100, &percent));
        sum += percent;
        if (seed == 0) {
            table->proxy[number] = percent / 100;
        }
    }
    table->final[number] = sum / (100 * SEEDS);
    return OK;
}

static enum status read_table(const char *folder, struct arena *scratch,
                              struct tabular_table *table)
{
    static const char *const names[COLUMNS] = {
        "arch", "params", "macs", "test_acc_seed1", "test_acc_seed2", "test_acc_seed3"};
    char path[4096];
    struct csv csv;
    int columns[COLUMNS], rows = 0;
    TRY(file_join(path, sizeof path, folder, "nas_bench_macro_cifar10_half.csv"));
    TRY(csv_open(path, MOST_BYTES, scratch, &csv));
    for (int i = 0; i < COLUMNS; i++) {
        TRY(csv_find(&csv, names[i], &columns[i]));
    }
    for (;; rows++) {
        bool more;
        TRY(csv_next(&csv, &more));
        if (!more) {
            break;
        }
        TRY(read_row(&csv, columns, table));
    }
    if (rows == 0) {
        FAIL(ERR_INPUT, "%s: there are no networks in it", path);
    }
    return OK;
}

const struct tabular_format tabular_nasbench_macro = {
    .name = "nasbench-macro",
    .folder = "nasbenchmacro",
    .proxy = "test accuracy of the first of three seeds",
    .final = "mean test accuracy of three seeds",
    .steps = STEPS,
    .n_operations = OPERATIONS,
    .operations = operations,
    .n_data = sizeof data / sizeof *data,
    .data = data,
    .read = read_table,
    .has_costs = true,
    .write = write_digits,
};
