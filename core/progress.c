// The live line of long work: how far, how fast, how long still.
#include "core/live_line.h"
#include "core/log.h"
#include "core/progress_lines.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double redraw_every_s = 0.1; // on a terminal
static const double print_every_s = 5.0;  // elsewhere

void progress_begin(struct progress *progress, const char *stage, const char *unit, int64_t total)
{
    const double now = clock_seconds();
    *progress = (struct progress){
        .stage = stage, .unit = unit, .total = total, .started = now, .drawn = now};
    if (live_line_is_terminal()) {
        progress->drawn = now - redraw_every_s; // shown with the first update
    }
    progress_lines_tell(progress, PROGRESS_BEGINS);
}

// 12345678 as "12,345,678".
static void add_grouped(struct text *out, int64_t value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    const size_t n = strlen(digits);
    for (size_t i = 0; i < n; i++) {
        const bool comma = i > 0 && digits[i - 1] != '-' && (n - i) % 3 == 0;
        text_add(out, "%s%c", comma ? "," : "", digits[i]);
    }
}

// "1:02:03" or "2:03".
static void add_duration(struct text *out, double seconds)
{
    const double most = 359999.0; // 99:59:59
    const long whole = (long)(seconds < most ? seconds + 0.5 : most);
    if (whole >= 3600) {
        text_add(out, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    } else {
        text_add(out, "%ld:%02ld", whole / 60, whole % 60);
    }
}

static void add_rate(struct text *out, double rate, const char *unit)
{
    if (rate >= 1000.0) {
        add_grouped(out, (int64_t)(rate + 0.5));
    } else {
        text_add(out, rate >= 100.0 ? "%.0f" : rate >= 1.0 ? "%.1f" : "%.3f", rate);
    }
    text_add(out, " %s/s", unit);
}

// The note comes last: it is what a narrow terminal cuts.
static void compose(const struct progress *progress, double now, bool last, struct text *out)
{
    const double elapsed = now - progress->started;
    const double rate = elapsed > 0.0 ? (double)progress->done / elapsed : 0.0;
    text_add(out, "%s  ", progress->stage);
    add_grouped(out, progress->done);
    if (progress->total > 0) {
        text_add(out, "/");
        add_grouped(out, progress->total);
    }
    text_add(out, " %s", progress->unit);
    if (progress->total > 0 && !last) {
        const double share = (double)progress->done / (double)progress->total;
        text_add(out, "  %.0f%%", 100.0 * share);
    }
    if (progress->done > 0 && rate > 0.0) {
        text_add(out, "  ");
        add_rate(out, rate, progress->unit);
    }
    if (last) {
        text_add(out, "  took ");
        add_duration(out, elapsed);
    } else if (rate > 0.0 && progress->total > progress->done) {
        text_add(out, "  ");
        add_duration(out, (double)(progress->total - progress->done) / rate);
        text_add(out, " left");
    }
    if (*progress->note != '\0') {
        text_add(out, "  %s", progress->note);
    }
}

// On a terminal the last column stays free: writing there would wrap the line.
static void draw(const struct progress *progress, double now, bool last)
{
    const bool terminal = live_line_is_terminal();
    struct text line = {0};
    compose(progress, now, last, &line);
    if (!line.failed) {
        live_line_fit(line.bytes, terminal && !last ? live_line_columns() - 1 : 1000);
        if (terminal && !last) {
            live_line_show(line.bytes);
        } else {
            live_line_finish(line.bytes);
        }
    }
    text_close(&line);
}

void progress_update(struct progress *progress, int64_t done, const char *note_format, ...)
{
    progress->done = done;
    va_list args;
    va_start(args, note_format);
    if (note_format != NULL) {
        vsnprintf(progress->note, sizeof progress->note, note_format, args);
    }
    va_end(args);
    progress_lines_tell(progress, PROGRESS_GOES_ON);
    const double now = clock_seconds();
    const double since = now - progress->drawn;
    if (since < redraw_every_s || !live_line_wanted()) {
        return;
    }
    if (since >= print_every_s || live_line_is_terminal()) {
        progress->drawn = now;
        draw(progress, now, false);
    }
}

void progress_end(struct progress *progress)
{
    if (live_line_wanted()) {
        draw(progress, clock_seconds(), true);
    }
    progress_lines_tell(progress, PROGRESS_ENDS);
}
