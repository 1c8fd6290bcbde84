// The numbers of a task's line, once for all: page, JSON, CSV and Markdown show these.
#pragma once
#include "experiments/report/report_run.h"

enum report_unit { UNIT_COUNT, UNIT_SHARE, UNIT_ACCURACY, UNIT_MS, UNIT_RATIO, UNIT_NUMBER };
struct report_column {
    const char *key; // of JSON and CSV
    const char
        *header; // of tables; %s: what the network is called before, "uncut"; NULL: not there
    enum report_unit unit;
    bool wide;                                       // too much for tables: in JSON and CSV only
    double (*value)(const struct report_task *task); // NAN: not known
};
extern const struct report_column report_columns[]; // ended by key NULL
int report_column_count(void);
int report_column_find(const char *key); // its number; the key must be one of them

// The value as people read it, with its unit: "84.08%", "903,808"; "-" where it is not known.
void report_column_words(const struct report_column *column, double value, char *out, size_t bytes);
// Of several seeds: "84.08% ± 0.21". deviation NAN: left out.
void report_column_spread(const struct report_column *column, double mean, double deviation,
                          char *out, size_t bytes);
// Of one run, with its spread where the next column has that: "0.015 ms (p90 0.016 ms)". values: of
// all columns.
void report_column_measured(int column, const double *values, char *out, size_t bytes);
