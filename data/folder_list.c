// Walks folders in byte order of names.
#include "data/folder_list.h"

#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { PIECE_BYTES = 1 << 16 };

void folder_pass_over(struct folder_others *others, const char *name)
{
    if (others->n < FOLDER_SAMPLE) {
        snprintf(others->first[others->n], sizeof others->first[0], "%.63s", name);
    }
    others->n++;
}

const char *folder_sample(const struct folder_others *others, char *out, size_t out_bytes)
{
    const char *names[FOLDER_SAMPLE];
    for (int i = 0; i < FOLDER_SAMPLE; i++) {
        names[i] = others->first[i];
    }
    return folder_sample_names(names, others->n, out, out_bytes);
}

const char *folder_sample_names(const char *const *names, int n, char *out, size_t out_bytes)
{
    if (n == 0) {
        snprintf(out, out_bytes, "nothing");
        return out;
    }
    size_t used = (size_t)snprintf(out, out_bytes, "%d (", n);
    for (int i = 0; i < n && i < FOLDER_SAMPLE && used < out_bytes; i++) {
        used +=
            (size_t)snprintf(out + used, out_bytes - used, "%s%.60s", i > 0 ? ", " : "", names[i]);
    }
    if (used < out_bytes) {
        snprintf(out + used, out_bytes - used, "%s", n > FOLDER_SAMPLE ? " ...)" : ")");
    }
    return out;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static enum status list_entries(const char *folder, struct dirent ***entries, int *n)
{
    *n = scandir(folder, entries, is_entry, by_name);
    if (*n < 0) {
        FAIL(errno == ENOMEM ? ERR_MEMORY : ERR_INPUT, "%s: cannot be listed: %s", folder,
             strerror(errno));
    }
    return OK;
}

static void free_entries(struct dirent **entries, int n)
{
    for (int i = 0; i < n; i++) {
        free(entries[i]);
    }
    free(entries);
}

bool folder_sample_entries(const char *folder, struct folder_others *out)
{
    struct dirent **entries;
    int n;
    if (list_entries(folder, &entries, &n) != OK) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        folder_pass_over(out, entries[i]->d_name);
    }
    free_entries(entries, n);
    return true;
}

// Hidden ones, and what macOS adds to archives, are no part of a data set.
static bool is_hidden(const char *name)
{
    return name[0] == '.' || strcmp(name, "__MACOSX") == 0;
}

// By its ending: also kinds that are not read, so that nobody misses them unawares.
static bool is_picture(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".ppm",
                                          ".pgm", ".pnm",  ".pbm", ".bmp",  ".gif", ".webp",
                                          ".tif", ".tiff", ".jp2", ".avif", ".heic"};
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof endings / sizeof endings[0]; i++) {
        if (strcasecmp(ending, endings[i]) == 0) {
            return !is_hidden(name);
        }
    }
    return false;
}

// Whether an entry is a folder, behind links too. `stat` is asked only where the entry does not
// say.
static bool is_folder(const struct dirent *entry, const char *path)
{
    return entry->d_type == DT_DIR ||
           ((entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) && file_is_folder(path));
}

enum status folder_list_classes(const char *folder, struct arena *arena, struct folder_classes *out,
                                struct folder_others *others)
{
    struct dirent **entries;
    int n;
    TRY(list_entries(folder, &entries, &n));
    enum status status = OK;
    struct folder_classes classes = {.names = arena_alloc(arena, (size_t)n, sizeof *classes.names)};
    if (classes.names == NULL) {
        status = ERR_MEMORY;
    }
    for (int i = 0; i < n && status == OK; i++) {
        const char *name = entries[i]->d_name;
        char path[READER_PATH_BYTES];
        TRY_GOTO(status, file_join(path, sizeof path, folder, name), done);
        if (is_hidden(name) || !is_folder(entries[i], path)) {
            if (others != NULL) {
                folder_pass_over(others, name);
            }
            continue;
        }
        classes.names[classes.n] = arena_copy_text(arena, name);
        status = classes.names[classes.n++] == NULL ? ERR_MEMORY : OK;
    }
    *out = classes;
done:
    free_entries(entries, n);
    return status;
}

int folder_find_class(const struct folder_classes *classes, const char *name)
{
    int first = 0, end = classes->n;
    while (first < end) {
        const int middle = first + (end - first) / 2, order = strcmp(classes->names[middle], name);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return -1;
}

static enum status grow(struct folder_list *list)
{
    if (list->n == INT_MAX) {
        FAIL(ERR_INPUT, "more than %d images", INT_MAX);
    }
    const int capacity = list->capacity > INT_MAX / 2 ? INT_MAX
                         : list->capacity == 0        ? 1024
                                                      : 2 * list->capacity;
    const char **names;
    int32_t *labels;
    ARENA_NEW(list->arena, names, (size_t)capacity);
    ARENA_NEW(list->arena, labels, (size_t)capacity);
    if (list->n > 0) {
        memcpy(names, list->names, (size_t)list->n * sizeof *names);
        memcpy(labels, list->labels, (size_t)list->n * sizeof *labels);
    }
    list->names = names;
    list->labels = labels;
    list->capacity = capacity;
    return OK;
}

enum status folder_list_add_file(struct folder_list *list, const char *name, int32_t label)
{
    const size_t bytes = strlen(name) + 1;
    if (list->n == list->capacity) {
        TRY(grow(list));
    }
    if (bytes > list->piece_left) {
        list->piece_left = bytes > PIECE_BYTES ? bytes : PIECE_BYTES;
        ARENA_NEW(list->arena, list->piece, list->piece_left);
    }
    memcpy(list->piece, name, bytes);
    list->names[list->n] = list->piece;
    list->labels[list->n++] = label;
    list->piece += bytes;
    list->piece_left -= bytes;
    return OK;
}

// A folder being listed, in the one that it was found in.
struct level {
    const struct level *above; // NULL: a class's own
    const char *path;
    size_t prefix; // bytes of path up to the part's folder and its '/'
    int32_t label;
    dev_t device;
    ino_t node;
};

static bool is_inside_itself(const struct level *level)
{
    for (const struct level *above = level->above; above != NULL; above = above->above) {
        if (above->device == level->device && above->node == level->node) {
            return true;
        }
    }
    return false;
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as a path is long, and no folder lies in itself
static enum status add_level(struct folder_list *list, struct level *level)
{
    struct dirent **entries;
    struct stat info;
    int n;
    if (stat(level->path, &info) != 0) {
        FAIL(ERR_INPUT, "%s: cannot be looked at: %s", level->path, strerror(errno));
    }
    level->device = info.st_dev;
    level->node = info.st_ino;
    if (is_inside_itself(level)) {
        folder_pass_over(&list->others, level->path + level->prefix);
        return OK;
    }
    TRY(list_entries(level->path, &entries, &n));
    enum status status = OK;
    for (int i = 0; i < n && status == OK; i++) {
        const char *name = entries[i]->d_name;
        char path[READER_PATH_BYTES];
        TRY_GOTO(status, file_join(path, sizeof path, level->path, name), done);
        if (!is_hidden(name) && is_folder(entries[i], path)) {
            struct level below = {
                .above = level, .path = path, .prefix = level->prefix, .label = level->label};
            status = add_level(list, &below);
        } else if (is_picture(name)) {
            status = folder_list_add_file(list, path + level->prefix, level->label);
        } else {
            folder_pass_over(&list->others, name);
        }
    }
done:
    free_entries(entries, n);
    return status;
}

enum status folder_list_add(struct folder_list *list, const char *folder, const char *name,
                            int32_t label)
{
    char path[READER_PATH_BYTES];
    TRY(file_join(path, sizeof path, folder, name));
    struct level level = {
        .above = NULL, .path = path, .prefix = strlen(path) - strlen(name), .label = label};
    return add_level(list, &level);
}
