// The end of a search on standard output.
#pragma once
#include "run/run_report.h"

// Prints a table, or with --json the report's object, with --csv its tasks.
enum status search_print(const struct run_report *report);
