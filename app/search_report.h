// What came out of a search as one JSON object, kept as report.json.
#pragma once
#include "app/search_session.h"
#include "core/text.h"

struct search_report {
    struct search_session *session; // borrowed
    struct search_result *results;  // [tasks] of pruning, else NULL; the session's arena
    struct text text;               // the JSON object
};
// Rank 0, after the stages. Reads the results and writes report.json.
enum status search_report_make(struct search_session *session, struct search_report *out);
void search_report_close(struct search_report *report);
