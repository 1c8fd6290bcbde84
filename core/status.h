// Errors. A function that can fail on bad input or on the world returns `enum status` and hands its
// results out through pointers, written only on OK. Our own bugs are CHECKs, which abort in every
// build.
#pragma once
#include <stdbool.h>

enum status {
    OK,
    ERR_CONFIG,      // a config file or a command-line option is wrong
    ERR_INPUT,       // a data or network file is missing, damaged, or not what it claims to be
    ERR_IO,          // the operating system refused: no space, no permission, a read that failed
    ERR_MEMORY,      // memory ran out
    ERR_UNSUPPORTED, // well-formed, but this build or this machine cannot do it
    ERR_COMM,        // another process was lost or broke the protocol
    ERR_INTERRUPTED, // a signal asked for an end (interrupt.h)
    STATUS_COUNT
};

// Forwards an error to the caller.
#define TRY(call)                                                                                  \
    do {                                                                                           \
        const enum status try_status_ = (call);                                                    \
        if (try_status_ != OK) {                                                                   \
            return try_status_;                                                                    \
        }                                                                                          \
    } while (0)

// Like TRY for a function that must clean up first: jumps to `label` with `variable` set.
#define TRY_GOTO(variable, call, label)                                                            \
    do {                                                                                           \
        (variable) = (call);                                                                       \
        if ((variable) != OK) {                                                                    \
            goto label;                                                                            \
        }                                                                                          \
    } while (0)

// Returns `code` with a message that says what was wrong, where (file, JSON path, expected, got)
// and what to do about it. One sentence, no trailing newline.
// Returns the code itself, not status_fail's result, so that compilers see that it is not OK.
#define FAIL(code, ...)                                                                            \
    do {                                                                                           \
        (void)status_fail((code), __FILE__, __LINE__, __VA_ARGS__);                                \
        return (code);                                                                             \
    } while (0)

// A condition that only a bug of ours can break. Never compiled out.
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            status_abort(__FILE__, __LINE__, #condition);                                          \
        }                                                                                          \
    } while (0)

// Records the message for this thread and returns `code`. Use FAIL.
enum status status_fail(enum status code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// Puts "CONTEXT: " before this thread's message and returns `code` unchanged, so that a caller who
// knows the file or the tensor can say so: `return status_context(code, "reading %s", path);`.
enum status status_context(enum status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// The last message of this thread ("" before the first). Borrowed; the next failure overwrites it.
const char *status_message(void);

// Where the last failure of this thread was raised, "file.c:123".
const char *status_origin(void);

// Hands a failure from one thread to another: copies message and origin into `out`, restores them
// from it.
struct status_note {
    char message[1024];
    char origin[128];
};
void status_save(struct status_note *out);
void status_restore(const struct status_note *note);

// The program's exit code: 0 done, 1 bad input, 2 failed while running, 130 interrupted.
int status_exit_code(enum status code);

_Noreturn void status_abort(const char *file, int line, const char *condition);
