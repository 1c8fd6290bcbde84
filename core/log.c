// Messages on standard error, and the live line below them. Every message leaves in one write, so
// that lines of several processes do not mix.
#include "core/log.h"

#include "core/live_line.h"
#include "core/text.h"
#include "core/utf8.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static struct {
    pthread_mutex_t lock;
    enum log_level level;
    int rank;
    char live[LINE_MAX_BYTES]; // "" when there is none
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_NORMAL};

void log_set_level(enum log_level level)
{
    pthread_mutex_lock(&state.lock);
    state.level = level;
    pthread_mutex_unlock(&state.lock);
}

void log_set_rank(int rank)
{
    pthread_mutex_lock(&state.lock);
    state.rank = rank;
    pthread_mutex_unlock(&state.lock);
}

static enum log_level current_level(int *rank)
{
    pthread_mutex_lock(&state.lock);
    const enum log_level level = state.level;
    *rank = state.rank;
    pthread_mutex_unlock(&state.lock);
    return level;
}

// Back to the first column and clear to the right.
static const char erase[] = "\r\033[K";

static void write_out(const struct text *out)
{
    fwrite(out->bytes, 1, out->length, stderr);
    fflush(stderr);
}

// Prints `message` as a line above the live line.
static void print_line(const char *prefix, const char *message)
{
    pthread_mutex_lock(&state.lock);
    struct text out = {0};
    if (*state.live != '\0') {
        text_add(&out, "%s", erase);
    }
    text_add(&out, "%s%s\n%s", prefix, message, state.live);
    if (!out.failed) {
        write_out(&out);
    }
    text_close(&out);
    pthread_mutex_unlock(&state.lock);
}

void log_info(const char *format, ...)
{
    int rank;
    if (current_level(&rank) == LOG_QUIET || rank != 0) {
        return;
    }
    char message[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    print_line("", message);
}

void log_warning(const char *format, ...)
{
    int rank;
    (void)current_level(&rank);
    char message[4096], prefix[64] = "dikdik: warning: ";
    if (rank != 0) {
        snprintf(prefix, sizeof prefix, "dikdik: rank %d: warning: ", rank);
    }
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    print_line(prefix, message);
}

void log_error(enum status code)
{
    int rank;
    if (code == OK) {
        return;
    }
    const bool verbose = current_level(&rank) == LOG_VERBOSE;
    const char *kind = code == ERR_INTERRUPTED ? "" : "error: ";
    char prefix[64], message[sizeof(struct status_note) + 16];
    if (rank != 0) {
        snprintf(prefix, sizeof prefix, "dikdik: rank %d: %s", rank, kind);
    } else {
        snprintf(prefix, sizeof prefix, "dikdik: %s", kind);
    }
    snprintf(message, sizeof message, verbose ? "%s [%s]" : "%s", status_message(),
             status_origin());
    print_line(prefix, message);
}

bool live_line_wanted(void)
{
    int rank;
    return current_level(&rank) != LOG_QUIET && rank == 0;
}

// Editors' shells set TERM=dumb: they show the redrawing codes instead of obeying them.
bool live_line_is_terminal(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

int live_line_columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return 80;
}

static void replace_live(const char *line, const char *end)
{
    struct text out = {0};
    if (*state.live != '\0' || *end == '\0') {
        text_add(&out, "%s", erase);
    }
    text_add(&out, "%s%s", line, end);
    if (!out.failed) {
        write_out(&out);
    }
    text_close(&out);
}

void live_line_show(const char *line)
{
    pthread_mutex_lock(&state.lock);
    replace_live(line, "");
    snprintf(state.live, sizeof state.live, "%s", line);
    pthread_mutex_unlock(&state.lock);
}

void live_line_finish(const char *line)
{
    pthread_mutex_lock(&state.lock);
    replace_live(line, "\n");
    state.live[0] = '\0';
    pthread_mutex_unlock(&state.lock);
}

void live_line_fit(char *line, int columns)
{
    size_t left = strlen(line), kept = 0;
    for (int column = 0; column < columns && left > 0; column++) {
        const size_t bytes = utf8_length(line + kept, left);
        if (bytes <= 1 && (bytes == 0 || (unsigned char)line[kept] < 0x20 || line[kept] == 0x7f)) {
            line[kept] = ' ';
        }
        kept += bytes > 0 ? bytes : 1;
        left -= bytes > 0 ? bytes : 1;
    }
    line[kept] = '\0';
}
