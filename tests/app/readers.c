// Python scripts in the folder of a test's program.
#include "readers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void find_python(char *out, size_t bytes)
{
    const char *home = getenv("HOME"), *cache = getenv("XDG_CACHE_HOME");
    snprintf(out, bytes, "%s%s/dikdik-readers/bin/python", cache != NULL ? cache : home,
             cache != NULL ? "" : "/.cache");
    if (access(out, X_OK) != 0) {
        snprintf(out, bytes, "python3");
    }
}

int readers_run(const struct program *program, const char *script, const char *words)
{
    char python[512], command[2048], printed[4096] = "";
    find_python(python, sizeof python);
    snprintf(command, sizeof command, "cd '%s' && '%s' '%s' %s 2>&1", program->folder, python,
             script, words);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    const size_t n = fread(printed, 1, sizeof printed - 1, pipe);
    printed[n] = '\0';
    while (fgetc(pipe) != EOF) {
    }
    const int ended = pclose(pipe);
    const int code = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
    print_message("%s", printed);
    if (code != 0 && code != READERS_MISSING) {
        fail_msg("%s %s: exit code %d: %s", script, words, code, printed);
    }
    return code;
}
