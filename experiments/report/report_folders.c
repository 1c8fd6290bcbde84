// Which runs are meant: folders of runs, and those of sweeps.
#include "core/file.h"
#include "experiments/report/report.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 4096 };

bool report_is_sweep(const char *folder)
{
    char path[4096];
    return file_join(path, sizeof path, folder, "sweep.h5") == OK && file_exists(path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct listing {
    struct arena *arena;
    const char **folders; // [MOST_RUNS]
    int n;
};

static enum status add(struct listing *list, const char *folder)
{
    if (list->n == MOST_RUNS) {
        FAIL(ERR_INPUT, "more than %d runs are too many for one report", MOST_RUNS);
    }
    list->folders[list->n] = folder;
    list->n += folder != NULL ? 1 : 0;
    return folder != NULL ? OK : ERR_MEMORY;
}

// Folders below `path` that hold a config: runs that have begun.
static enum status add_runs_of(struct listing *list, const char *path)
{
    DIR *folder = opendir(path);
    const int first = list->n;
    enum status code = OK;
    if (folder == NULL) {
        FAIL(ERR_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    }
    for (struct dirent *entry; code == OK && (entry = readdir(folder)) != NULL;) {
        char config[4096];
        const char *run = arena_format(list->arena, "%s/%s", path, entry->d_name);
        code = run != NULL ? OK : ERR_MEMORY;
        if (code == OK && entry->d_name[0] != '.' &&
            file_join(config, sizeof config, run, "config.json") == OK && file_exists(config)) {
            code = add(list, run);
        }
    }
    closedir(folder);
    qsort(list->folders + first, (size_t)(list->n - first), sizeof *list->folders, by_name);
    return code;
}

static enum status add_sweep(struct listing *list, const char *sweep)
{
    const int first = list->n;
    const char *runs = arena_format(list->arena, "%s/runs", sweep);
    TRY(runs != NULL ? OK : ERR_MEMORY);
    TRY(add_runs_of(list, file_is_folder(runs) ? runs : sweep));
    if (list->n == first) {
        FAIL(ERR_INPUT, "%s is the folder of a sweep of which no run has begun", sweep);
    }
    return OK;
}

enum status report_folders(const char *const *given, int n, struct arena *arena,
                           const char ***folders, int *n_folders)
{
    struct listing list = {.arena = arena};
    ARENA_NEW(arena, list.folders, MOST_RUNS);
    for (int i = 0; i < n; i++) {
        TRY(report_is_sweep(given[i]) ? add_sweep(&list, given[i]) : add(&list, given[i]));
    }
    *folders = list.folders;
    *n_folders = list.n;
    return OK;
}
