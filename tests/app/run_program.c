// The program as a subprocess: words in, exit code and two texts out.
#include "run_program.h"

#include "core/clock.h"
#include "core/file.h"
#include "marked.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK_VARIABLE "DIKDIK_TEST_FOLDER" // tells the processes of a program

int program_setup(void **state)
{
    struct program *program = calloc(1, sizeof *program);
    assert_non_null(program);
    snprintf(program->folder, sizeof program->folder, "/tmp/dikdik-app-XXXXXX");
    assert_non_null(mkdtemp(program->folder));
    *state = program;
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

static void forget(struct program *program)
{
    free(program->output);
    free(program->errors);
    json_close(program->json);
    program->output = NULL;
    program->errors = NULL;
    program->json = NULL;
}

int program_teardown(void **state)
{
    struct program *program = *state;
    forget(program);
    nftw(program->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(program);
    return 0;
}

const char *program_path(const struct program *program, const char *name, char *out)
{
    snprintf(out, PROGRAM_PATH_CHARS, "%s/%s", program->folder, name);
    return out;
}

static void read_bytes(const struct program *program, const char *name, struct arena *arena,
                       char **out, size_t *n)
{
    char path[PROGRAM_PATH_CHARS];
    if (file_read(program_path(program, name, path), 1 << 28, arena, out, n) != OK) {
        fail_msg("%s", status_message());
    }
}

void program_assert_same(const struct program *program, const char *a, const char *b)
{
    struct arena arena = {0};
    char *bytes[2];
    size_t n[2];
    read_bytes(program, a, &arena, &bytes[0], &n[0]);
    read_bytes(program, b, &arena, &bytes[1], &n[1]);
    if (n[0] != n[1] || memcmp(bytes[0], bytes[1], n[0]) != 0) {
        fail_msg("%s and %s differ", a, b);
    }
    arena_close(&arena);
}

void program_write(const struct program *program, const char *name, const char *text)
{
    char path[PROGRAM_PATH_CHARS];
    FILE *file = fopen(program_path(program, name, path), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const long bytes = ftell(file);
    assert_true(bytes >= 0);
    rewind(file);
    char *text = malloc((size_t)bytes + 1);
    assert_non_null(text);
    text[fread(text, 1, (size_t)bytes, file)] = '\0';
    fclose(file);
    return text;
}

// Limits of this process and what it will start.
static void limit(const struct program *program)
{
    if (program->shared_mib > 0) {
        char size[32];
        snprintf(size, sizeof size, "size=%dm", program->shared_mib);
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("tmpfs", "/dev/shm", "tmpfs", 0, size) != 0) {
            _exit(PROGRAM_NOT_ALLOWED);
        }
    }
    const struct rlimit space = {(rlim_t)program->space_mib << 20,
                                 (rlim_t)program->space_mib << 20};
    if (program->space_mib > 0 && setrlimit(RLIMIT_AS, &space) != 0) {
        _exit(PROGRAM_NOT_ALLOWED);
    }
}

// In the child: output and errors into files, then the program itself.
static _Noreturn void become(const struct program *program, char **words)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    const int input = open("/dev/null", O_RDONLY);
    if (chdir(program->folder) != 0) {
        _exit(120);
    }
    const int output = open("output.txt", flags, 0600);
    const int errors = open("errors.txt", flags, 0600);
    if (input < 0 || output < 0 || errors < 0 || dup2(input, STDIN_FILENO) < 0 ||
        dup2(output, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0 ||
        setenv(MARK_VARIABLE, program->folder, 1) != 0) {
        _exit(121);
    }
    limit(program);
    execv(words[0], words);
    _exit(122);
}

// Its exit status.
static int wait_and_kill(const struct program *program, pid_t child)
{
    char path[PROGRAM_PATH_CHARS];
    const bool at_once = program->end_file == NULL;
    double end = at_once ? clock_seconds() + program->kill_seconds : 0;
    int status;
    if (!at_once) {
        program_path(program, program->end_file, path);
    }
    while (end == 0 || clock_seconds() < end) {
        if (waitpid(child, &status, WNOHANG) == child) {
            return status;
        }
        end = end == 0 && file_exists(path) ? clock_seconds() + program->kill_seconds : end;
        clock_sleep(0.002);
    }
    kill(-child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void interrupt(const struct program *program, pid_t child)
{
    const int number = program->end_signal > 0 ? program->end_signal : SIGINT;
    if (program->end_all) {
        assert_true(marked_processes(program->folder, number) >= 1);
    } else {
        kill(child, number);
    }
}

static int wait_and_interrupt(const struct program *program, pid_t child)
{
    int status;
    if (program->end_file != NULL) {
        char path[PROGRAM_PATH_CHARS];
        program_path(program, program->end_file, path);
        while (!file_exists(path)) {
            assert_int_equal(waitpid(child, &status, WNOHANG), 0); // ended without making it?
            clock_sleep(0.002);
        }
        interrupt(program, child);
    } else if (program->end_seconds > 0) {
        clock_sleep(program->end_seconds);
        interrupt(program, child);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int wait_for(const struct program *program, pid_t child)
{
    const int status = program->kill_seconds > 0 ? wait_and_kill(program, child)
                                                 : wait_and_interrupt(program, child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_line(struct program *program, char *line)
{
    static char launcher[] = PROGRAM_MPIEXEC;
    static char flag[] = "-n";
    static char path[] = PROGRAM_PATH;
    char ranks[16];
    char *words[PROGRAM_MOST_WORDS + 5];
    int n = 0;
    char *rest = NULL;
    if (program->ranks > 0) {
        snprintf(ranks, sizeof ranks, "%d", program->ranks);
        words[n++] = launcher;
        words[n++] = flag;
        words[n++] = ranks;
    }
    words[n++] = path;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        assert_true(n < PROGRAM_MOST_WORDS);
        words[n++] = word;
    }
    words[n] = NULL;
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (program->kill_seconds > 0) {
            setpgid(0, 0); // so that all of its processes can be killed at once
        }
        become(program, words);
    }
    if (program->kill_seconds > 0) {
        setpgid(child, child);
    }
    char name[PROGRAM_PATH_CHARS];
    const int exit_code = wait_for(program, child);
    forget(program);
    program->exit_code = exit_code;
    program->output = read_whole(program_path(program, "output.txt", name));
    program->errors = read_whole(program_path(program, "errors.txt", name));
}

void program_run(struct program *program, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    run_line(program, line);
}

const struct json *program_json(struct program *program, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    snprintf(line + n, sizeof line - (size_t)n, " --json");
    run_line(program, line);
    if (program->exit_code != 0) {
        fail_msg("exit code %d: %s", program->exit_code, program->errors);
    }
    if (json_parse(program->output, strlen(program->output), "output", &program->json) != OK) {
        fail_msg("%s in: %s", status_message(), program->output);
    }
    assert_int_equal(json_kind(program->json), JSON_OBJECT);
    return program->json;
}

static const struct json *member(const struct json *object, const char *path)
{
    const struct json *at = object;
    for (const char *key = path; at != NULL && *key != '\0';) {
        char name[64];
        const size_t n = strcspn(key, ".");
        assert_true(n < sizeof name);
        memcpy(name, key, n);
        name[n] = '\0';
        at = json_get(at, name);
        key += n + (key[n] == '.');
    }
    if (at == NULL) {
        fail_msg("no \"%s\" in the object", path);
    }
    return at;
}

double program_number(const struct json *object, const char *path)
{
    const struct json *value = member(object, path);
    assert_int_equal(json_kind(value), JSON_NUMBER);
    return json_number(value);
}

const char *program_string(const struct json *object, const char *path)
{
    const struct json *value = member(object, path);
    assert_int_equal(json_kind(value), JSON_STRING);
    return json_string(value);
}

int program_kill_often(struct program *program, const struct program_kills *kills,
                       const char *words)
{
    int n = 0;
    for (bool ended = false; n < kills->most && !ended; n += ended ? 0 : 1) {
        program->kill_seconds = kills->first + kills->step * n;
        program_run(program, "%s", words);
        ended = program->exit_code != 128 + SIGKILL;
    }
    program->kill_seconds = 0;
    return n;
}
