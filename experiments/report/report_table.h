// The tables of a report, as texts: page and Markdown show the same ones.
#pragma once
#include "experiments/report/report.h"
#include "experiments/report/report_columns.h"

enum report_section {
    SECTION_RESULTS,
    SECTION_DECISIONS,
    SECTION_TIME,
    SECTION_FAILURES,
    SECTION_ORIGIN,
    SECTION_COUNT
};
struct report_table {
    enum report_section section;
    const char *title, *note; // note "" = none; arena, as all here
    bool folded;              // long, or said by a chart already: opened when it is asked for
    int columns;
    const char **headers; // [columns]; '>' before one of numbers, set flush right
    int n, most;          // cells, row by row
    const char **cells;
};
struct report_tables {
    struct arena *arena; // borrowed
    int n, most;
    struct report_table *tables;
    bool failed; // memory ran out
};
// All of them, in the order of their sections. ERR_MEMORY.
enum status report_tables_make(const struct report *report, struct arena *arena,
                               struct report_tables *out);
// How the network was called before, in a header: "MACs, uncut". Arena; NULL: no memory.
const char *report_header(const struct report_column *column, const char *whole,
                          struct arena *arena);

// A sweep's settings and how much each of its options matters, from its sweep.h5. ERR_INPUT.
enum status report_sweep_tables(const char *folder, struct report_tables *tables);

// ---- making them
struct report_table *report_table_begin(struct report_tables *tables, enum report_section section,
                                        const char *title, const char *note, bool folded);
void report_table_header(struct report_tables *tables, const char *header);
void report_table_cell(struct report_tables *tables, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
