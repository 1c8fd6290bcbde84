// What a person reads while the program works: messages on standard error, and one live line.
#pragma once
#include "core/clock.h"
#include "core/status.h"

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };
void log_set_level(enum log_level level);
void log_set_rank(int rank); // ranks other than 0 say only warnings, with their number
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(enum status code); // the status message, as "dikdik: error: ..."

// One live line: stage, done/total, rate, free text, time left. On a terminal it is redrawn in
// place, elsewhere a plain line every few seconds. Messages above pass it by without tearing it.
// One at a time.
struct progress_task {
    const char *name;
    double best; // score so far; not a number: none
};
struct progress {
    const char *stage, *unit; // "train", "images"
    int64_t total, done;
    double started, drawn, told; // clock_seconds; told: in a line for programs
    char note[160];
    const struct progress_task *tasks; // [n_tasks] for programs; borrowed, 0 = there are none
    int n_tasks;
};
void progress_begin(struct progress *progress, const char *stage, const char *unit, int64_t total);
void progress_update(struct progress *progress, int64_t done, const char *note_format, ...)
    __attribute__((format(printf, 3, 4)));
void progress_end(struct progress *progress); // leaves a last plain line
