// Progress as JSON lines on a file descriptor, for programs that watch ours. One per process.
//
// {"stage": "search", "unit": "evaluations", "done": 12, "all": 60, "seconds": 3.1,
//  "seconds_left": 12.4, "ended": false, "note": "...", "tasks": [{"task": "a", "best": 0.91}]}
//
// all and seconds_left are null where nobody knows, best where there is none; tasks only where
// there are any. A stage begins and ends with a line; between them there is one each second at
// most. A reader that does not keep up loses lines, one that leaves ends them; neither disturbs the
// work.
#pragma once
#include "core/log.h"
#include "core/text.h"

// From here on progress goes to `file`. ERR_CONFIG where it is not open for writing, or a pipe that
// nobody reads.
enum status progress_lines_open(int file);
// The same to what `path` names, opened here; nothing happens where that cannot be.
void progress_lines_open_path(const char *path);
// The checks of progress_lines_open alone.
enum status progress_lines_check(int file);
// Tells how far it is, unless the last line is too new and neither begins nor ends a stage.
enum progress_moment { PROGRESS_BEGINS, PROGRESS_GOES_ON, PROGRESS_ENDS };
void progress_lines_tell(struct progress *progress, enum progress_moment moment);

// Hands bytes [n] on as soon as `file` takes them, for at most `patience` seconds; returns how many
// it took, -1 when it never will again. Never blocks longer.
long progress_lines_write(int file, const char *bytes, size_t n, double patience);
