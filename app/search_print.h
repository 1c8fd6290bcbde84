// The end of a search on standard output.
#pragma once
#include "app/search_report.h"

// Prints a table, or with --json the report's object.
void search_print(const struct search_report *report);
