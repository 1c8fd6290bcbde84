// Runs the built program as a user would, and looks at what it printed.
#pragma once
#include "core/json.h"
#include "core/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PROGRAM_MOST_WORDS 32
#define PROGRAM_PATH_CHARS 256
#define PROGRAM_NOT_ALLOWED 123

// A temporary folder that the program runs in, and what its last run gave.
struct program {
    char folder[64];
    int exit_code;        // 128 + signal when one ended it
    char *output;         // standard output, owned
    char *errors;         // standard error, owned
    struct json *json;    // of program_json, owned
    const char *end_file; // send SIGINT once this file of the folder exists; NULL = not
    double end_seconds;   // else send SIGINT after so long; 0 = never
    int end_signal;       // instead of SIGINT; 0 = that
    bool end_all;         // send it to all processes of the program
    double kill_seconds;  // > 0: SIGKILL to all its processes so long after it began, or after
                          // end_file exists, unless it has ended before
    int space_mib;        // > 0: ulimit -v
    int shared_mib;       // > 0: with a /dev/shm of this size; where that is not allowed, the exit
                          // code is PROGRAM_NOT_ALLOWED
    int ranks;            // > 0: under mpirun with so many
};

// cmocka set-up and tear-down: *state is a struct program.
int program_setup(void **state);
int program_teardown(void **state);

// Runs "dikdik words..."; words are separated by single spaces, so none contains one.
void program_run(struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// The same with --json; fails the test unless it exits with 0 and prints one JSON object.
const struct json *program_json(struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Runs "dikdik words...", each time killing the whole job `step` seconds later than the time
// before, until it ends by itself or was killed `most` times. Returns how often it was killed.
struct program_kills {
    double first, step; // seconds
    int most;
};
int program_kill_often(struct program *program, const struct program_kills *kills,
                       const char *words);

// A member at a dotted path ("total.macs", "results[0].batch" is not understood); fails if absent.
double program_number(const struct json *object, const char *path);
const char *program_string(const struct json *object, const char *path);

// A file in the folder; full path in out [PROGRAM_PATH_CHARS].
const char *program_path(const struct program *program, const char *name, char *out);
void program_write(const struct program *program, const char *name, const char *text);

// Two files of the folder hold the same bytes.
void program_assert_same(const struct program *program, const char *a, const char *b);

// The last run ended with this code and its standard error has `part` in it.
#define ASSERT_RUN(program, code, part)                                                            \
    do {                                                                                           \
        if ((program)->exit_code != (code) || strstr((program)->errors, (part)) == NULL) {         \
            fail_msg("expected exit code %d and \"%s\", got %d and \"%s\"", (code), (part),        \
                     (program)->exit_code, (program)->errors);                                     \
        }                                                                                          \
    } while (0)
