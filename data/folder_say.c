// What is said of a folder is said once by each process.
#include "core/hash.h"
#include "core/log.h"
#include "data/folder_list.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

enum { REMEMBERED = 32 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t said[REMEMBERED]; // hashes of lines; the oldest is forgotten
static unsigned n_said;

static bool is_new(const char *line)
{
    const uint64_t hash = hash_bytes(HASH_BEGIN, line, strlen(line));
    bool found = false;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < REMEMBERED && i < n_said; i++) {
        found = found || said[i] == hash;
    }
    if (!found) {
        said[n_said++ % REMEMBERED] = hash;
    }
    pthread_mutex_unlock(&lock);
    return !found;
}

void folder_say_once(bool warning, const char *format, ...)
{
    char line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (is_new(line)) {
        (warning ? log_warning : log_info)("%s", line);
    }
}
