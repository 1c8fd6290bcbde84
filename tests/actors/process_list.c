// Reads /proc/PID/stat.
#include "process_list.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct process {
    char name[32], state;
    pid_t parent;
};

static bool read_process(pid_t pid, struct process *out)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    const bool got = file != NULL && fgets(line, sizeof line, file) != NULL;
    if (file != NULL) {
        fclose(file);
    }
    char *open = got ? strchr(line, '(') : NULL, *close = got ? strrchr(line, ')') : NULL;
    if (open == NULL || close == NULL || strlen(close) < 5) {
        return false;
    }
    *close = '\0';
    snprintf(out->name, sizeof out->name, "%s", open + 1);
    out->state = close[2];
    out->parent = (pid_t)strtol(close + 4, NULL, 10);
    return true;
}

static bool is_below(pid_t pid, pid_t ancestor)
{
    struct process process;
    for (int depth = 0; depth < 8 && read_process(pid, &process); depth++) {
        if (process.parent == ancestor) {
            return true;
        }
        pid = process.parent;
    }
    return false;
}

int processes_below(pid_t ancestor, const char *name, pid_t *pids, int most)
{
    int n = 0;
    DIR *folder = opendir("/proc");
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        const pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        struct process process;
        if (pid > 0 && read_process(pid, &process) && process.state != 'Z' &&
            strcmp(process.name, name) == 0 && is_below(pid, ancestor)) {
            if (n < most) {
                pids[n] = pid;
            }
            n++;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return n;
}

bool process_lives(pid_t pid)
{
    struct process process;
    return read_process(pid, &process) && process.state != 'Z';
}
