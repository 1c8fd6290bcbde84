// The one line on standard error that is redrawn in place. progress.c fills it; log.c keeps it
// below the messages.
#pragma once
#include <stdbool.h>

bool live_line_wanted(void);      // rank 0 and not quiet
bool live_line_is_terminal(void); // standard error can be redrawn
int live_line_columns(void);      // of the terminal; 80 where nobody knows

// Replaces the live line; "" takes it away. On a terminal only.
void live_line_show(const char *line);
// Takes the live line away and prints `line` for good.
void live_line_finish(const char *line);

// Shortens `line` in place to what fits in `columns`, never inside a UTF-8 character, and replaces
// control characters by spaces.
void live_line_fit(char *line, int columns);
