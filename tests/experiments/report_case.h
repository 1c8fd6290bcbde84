// A run folder made by hand, with rows whose sums are known.
#pragma once
#include "experiments/report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CASE_PATH 256
struct report_case {
    char root[CASE_PATH]; // a temporary folder
};
int report_case_setup(void **state);
int report_case_teardown(void **state);
// ROOT/name into out [CASE_PATH].
const char *report_case_path(const struct report_case *c, const char *name, char *out);
void report_case_write(const struct report_case *c, const char *name, const char *text);

// How often a part stands in a text, not overlapping.
int report_case_count(const char *text, const char *part);

// What a made run consists of. Task 0 is "a-macs0.5", task 1 "a-macs0.3", episodes take turns.
struct made_run {
    int episodes;
    int seed;
    int setting;          // those of other ones differ in more than the seed
    bool results;         // of both tasks, tested
    double accuracy_test; // of task 0; task 1 has 0.1 less
    bool network;         // networks/a.safetensors
};
// Reward of an episode: rises and falls; see accuracy_of.
double report_case_accuracy(int episode);
bool report_case_fails(int episode); // every 10th crashes
void report_case_make(const struct report_case *c, const char *name, const struct made_run *made);
