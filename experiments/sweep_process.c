// Starting runs, and reading what they said last.
#include "experiments/sweep_process.h"

#include "core/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_TAIL = 65536 };
#define GPU_VARIABLE "CUDA_VISIBLE_DEVICES"

extern char **environ;

// This process's environment with another choice of GPUs; NULL = no memory.
static char **make_environment(const char *gpu, struct arena *arena)
{
    size_t n = 0, kept = 0;
    while (environ[n] != NULL) {
        n++;
    }
    char **out = arena_alloc(arena, n + 2, sizeof *out);
    for (size_t i = 0; out != NULL && i < n; i++) {
        if (gpu == NULL || strncmp(environ[i], GPU_VARIABLE "=", strlen(GPU_VARIABLE) + 1) != 0) {
            out[kept++] = environ[i];
        }
    }
    if (out != NULL && gpu != NULL) {
        out[kept] = arena_format(arena, GPU_VARIABLE "=%s", gpu);
        return out[kept] != NULL ? out : NULL;
    }
    return out;
}

// In the child, of a process that may have threads: system calls alone.
static _Noreturn void become(char *const *words, char *const *environment, int log,
                             const struct sweep_place *place, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(127); // it died before it could be noticed
    }
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0) {
        _exit(127);
    }
    if (place->pinned) {
        (void)sched_setaffinity(0, sizeof place->cores, &place->cores); // else it shares all
    }
    execve(words[0], words, environment);
    _exit(127);
}

enum status sweep_process_start(char *const *words, const char *log,
                                const struct sweep_place *place, struct sweep_process *out)
{
    struct arena arena = {0};
    char **environment = make_environment(place->gpu, &arena);
    const int file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    enum status code = environment != NULL ? OK : ERR_MEMORY;
    if (file < 0) {
        code = status_fail(ERR_IO, __FILE__, __LINE__, "%s: %s", log, strerror(errno));
    }
    if (code == OK) {
        out->log_from = (long)lseek(file, 0, SEEK_END);
        const pid_t parent = getpid();
        fflush(NULL);
        out->pid = fork();
        if (out->pid == 0) {
            become(words, environment, file, place, parent);
        }
        if (out->pid < 0) {
            code = status_fail(ERR_IO, __FILE__, __LINE__, "no process for a run: %s",
                               strerror(errno));
            out->pid = 0;
        }
    }
    if (file >= 0) {
        close(file);
    }
    arena_close(&arena);
    return code;
}

// The text after the last "error: " of a line, into out; false where there is none.
static bool find_error(char *text, char *out, size_t out_bytes)
{
    static const char mark[] = "error: ";
    const char *last = NULL;
    for (const char *at = strstr(text, mark); at != NULL; at = strstr(at + 1, mark)) {
        last = at + sizeof mark - 1;
    }
    if (last != NULL) {
        snprintf(out, out_bytes, "%.*s", (int)strcspn(last, "\n"), last);
    }
    return last != NULL;
}

void sweep_process_reason(const struct sweep_process *process, const char *log, int ended,
                          char *out, size_t out_bytes)
{
    char *text = malloc(LOG_TAIL + 1);
    FILE *file = fopen(log, "re");
    bool found = false;
    if (file != NULL && text != NULL && fseek(file, 0, SEEK_END) == 0) {
        const long end = ftell(file), tail = end - LOG_TAIL;
        (void)fseek(file, tail > process->log_from ? tail : process->log_from, SEEK_SET);
        text[fread(text, 1, LOG_TAIL, file)] = '\0';
        found = find_error(text, out, out_bytes);
    }
    if (!found && WIFSIGNALED(ended)) {
        snprintf(out, out_bytes, "ended by signal %d (%s)", WTERMSIG(ended),
                 strsignal(WTERMSIG(ended)));
    } else if (!found) {
        snprintf(out, out_bytes, "exit code %d without a word", WEXITSTATUS(ended));
    }
    if (file != NULL) {
        fclose(file);
    }
    free(text);
}
