// Error messages, one per thread, and the way a status becomes an exit code.
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct status_note current;

static const char *file_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

// A message that does not fit says so by ending in "...".
static void mark_cut(char *message, size_t capacity, int wanted)
{
    if (wanted >= 0 && (size_t)wanted >= capacity) {
        memcpy(message + capacity - 4, "...", 4);
    }
}

enum status status_fail(enum status code, const char *file, int line, const char *format, ...)
{
    // Formatted aside first: the arguments may point into the message that is replaced.
    char message[sizeof current.message];
    va_list args;
    va_start(args, format);
    const int wanted = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    mark_cut(message, sizeof message, wanted);
    memcpy(current.message, message, sizeof message);
    snprintf(current.origin, sizeof current.origin, "%s:%d", file_name_of(file), line);
    return code;
}

enum status status_context(enum status code, const char *format, ...)
{
    char message[sizeof current.message];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (used < 0) {
        used = 0;
    }
    if ((size_t)used < sizeof message) {
        const int more =
            snprintf(message + used, sizeof message - (size_t)used, ": %s", current.message);
        used += more > 0 ? more : 0;
    }
    mark_cut(message, sizeof message, used);
    memcpy(current.message, message, sizeof message);
    return code;
}

const char *status_message(void)
{
    return current.message;
}

const char *status_origin(void)
{
    return current.origin;
}

void status_save(struct status_note *out)
{
    *out = current;
}

void status_restore(const struct status_note *note)
{
    current = *note;
}

int status_exit_code(enum status code)
{
    switch (code) {
    case OK:
        return 0;
    case ERR_CONFIG:
    case ERR_INPUT:
        return 1;
    case ERR_INTERRUPTED:
        return 130;
    case ERR_IO:
    case ERR_MEMORY:
    case ERR_UNSUPPORTED:
    case ERR_COMM:
    case STATUS_COUNT:
        break;
    }
    return 2;
}

_Noreturn void status_abort(const char *file, int line, const char *condition)
{
    fprintf(stderr, "\ndikdik: internal error: %s:%d: '%s' does not hold; please report it\n",
            file_name_of(file), line, condition);
    fflush(stderr);
    abort();
}
