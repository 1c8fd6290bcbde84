// What came out of a search as one JSON object, kept as report.json.
#pragma once
#include "core/text.h"
#include "run/run_session.h"

struct run_report {
    struct run_session *session; // borrowed
    struct run_result *results;  // [tasks] of pruning, else NULL; the session's arena
    struct text text;            // the JSON object
};
// Whether the uncut network's accuracies show that its weights were trained on the
// search-validation images, though nobody said so; false before it was tested.
bool run_report_seen(const struct run_result *result);
// Rank 0, after the stages. Reads the results and writes report.json.
enum status run_report_make(struct run_session *session, struct run_report *out);
void run_report_close(struct run_report *report);
