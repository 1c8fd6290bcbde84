#include "log_case.h"

#include "test_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN(row, member, type, count, text)                                                     \
    {                                                                                              \
#member, type, count, text, offsetof(struct row, member)                                   \
    }
const struct hdf5_column log_big_columns[6] = {
    COLUMN(big_row, number, HDF5_I64, 1, false),  COLUMN(big_row, flag, HDF5_U8, 1, false),
    COLUMN(big_row, value, HDF5_F64, 1, false),   COLUMN(big_row, name, HDF5_U8, 13, true),
    COLUMN(big_row, widths, HDF5_I32, 40, false), COLUMN(big_row, ratio, HDF5_F32, 1, false),
};
static const struct hdf5_column small_columns[] = {
    COLUMN(small_row, number, HDF5_I32, 1, false),
    COLUMN(small_row, value, HDF5_F32, 1, false),
};
const struct hdf5_table log_tables[2] = {
    {"big", log_big_columns, 6, sizeof(struct big_row)},
    {"small", small_columns, 2, sizeof(struct small_row)},
};
static const struct hdf5_text texts[] = {{"config", "{\"seed\": 1}"}, {"note", "d\xc3\xadk"}};

// Row i of a table; what stands in the gaps of the struct is `gap`.
struct big_row log_big_row(int64_t i, int gap)
{
    struct big_row row;
    memset(&row, gap, sizeof row);
    row.number = i;
    row.flag = (uint8_t)i;
    row.value = 1.0 / (double)(i + 1);
    memset(row.name, 0, sizeof row.name);
    snprintf((char *)row.name, sizeof row.name, "row %lld", (long long)(i % 1000000));
    for (int k = 0; k < 40; k++) {
        row.widths[k] = (int32_t)(i * 40 + k);
    }
    row.ratio = (float)i * 0.5f;
    return row;
}

struct small_row log_small_row(int64_t i)
{
    return (struct small_row){(int32_t)i, (float)i * 0.25f};
}

enum status log_open(const char *path, const int64_t *keep, struct hdf5_log **out)
{
    return hdf5_log_open(path, log_tables, 2, texts, 2, keep, out);
}

enum status log_append(struct hdf5_log *log, int n)
{
    enum { MOST = 64 };
    struct big_row large[MOST];
    struct small_row little[2 * MOST];
    for (int step; n > 0; n -= step) {
        step = n < MOST ? n : MOST;
        for (int k = 0; k < step; k++) {
            large[k] = log_big_row(hdf5_log_rows(log, 0) + k, 0x5a + k);
        }
        for (int k = 0; k < 2 * step; k++) {
            little[k] = log_small_row(hdf5_log_rows(log, 1) + k);
        }
        TRY(hdf5_log_append(log, 0, large, step));
        TRY(hdf5_log_append(log, 1, little, 2 * step));
    }
    return OK;
}

bool log_same_row(const struct big_row *a, const struct big_row *b)
{
    return a->number == b->number && a->flag == b->flag && a->value == b->value &&
           memcmp(a->name, b->name, sizeof a->name) == 0 &&
           memcmp(a->widths, b->widths, sizeof a->widths) == 0 && a->ratio == b->ratio;
}

// The first rows of both log_tables are those of log_big_row() and log_small_row().
void log_check_first(const char *path, int64_t n_big, int64_t n_small)
{
    struct big_row *rows = calloc((size_t)n_big + 1, sizeof *rows);
    assert_ok(hdf5_log_read(path, &log_tables[0], 0, n_big, rows));
    for (int64_t i = 0; i < n_big; i++) {
        const struct big_row expected = log_big_row(i, 0);
        assert_true(log_same_row(&rows[i], &expected));
    }
    free(rows);
    struct small_row *others = calloc((size_t)n_small + 1, sizeof *others);
    assert_ok(hdf5_log_read(path, &log_tables[1], 0, n_small, others));
    for (int64_t i = 0; i < n_small; i++) {
        const struct small_row expected = log_small_row(i);
        assert_memory_equal(&others[i], &expected, sizeof expected);
    }
    free(others);
}

// Reads all that is there and holds it against log_big_row() and log_small_row(). At least these
// many.
void log_check(const char *path, int64_t least_big, int64_t least_small)
{
    int64_t n_big, n_small;
    assert_ok(hdf5_log_count(path, &log_tables[0], &n_big));
    assert_ok(hdf5_log_count(path, &log_tables[1], &n_small));
    assert_true(n_big >= least_big && n_small >= least_small);
    log_check_first(path, n_big, n_small);
}
