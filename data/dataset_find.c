// Which data sets there are, where they are looked for, and how to get one that is missing.
#include "core/file.h"
#include "core/text.h"
#include "data/draw_shape.h"
#include "data/folder_list.h"
#include "data/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct known {
    const char *name;
    const struct dataset_reader *reader;
    int classes; // 0 = as many as the labels show
    const char *folders[2];
    const char *advice;
};

static const struct known known_sets[] = {
#define X(name, reader, classes, folder, other, advice)                                            \
    {name, &reader_##reader, classes, {folder, other}, advice},
    DATASET_LIST(X)
#undef X
};
static const struct known known_formats[] = {
#define X(name) {#name, &reader_##name, 0, {NULL, NULL}, "set data.path to its file or folder"},
    FORMAT_LIST(X)
#undef X
};
enum {
    N_SETS = sizeof known_sets / sizeof known_sets[0],
    N_FORMATS = sizeof known_formats / sizeof known_formats[0]
};

const char *const dataset_names[] = {
#define X(name, reader, classes, folder, other, advice) name,
    DATASET_LIST(X)
#undef X
        NULL};

static const struct known *known_at(int i)
{
    return i < N_SETS ? &known_sets[i] : &known_formats[i - N_SETS];
}

static const struct known *find_known(const char *name)
{
    for (int i = 0; i < N_SETS + N_FORMATS; i++) {
        if (strcmp(known_at(i)->name, name) == 0) {
            return known_at(i);
        }
    }
    return NULL;
}

// The reader for what lies at `path`: the known set's, or else the first that finds its files.
static const struct dataset_reader *find_reader(const struct known *known, const char *path)
{
    static const struct dataset_reader *const readers[] = {
#define X(name) &reader_##name,
        READER_LIST(X)
#undef X
    };
    if (known != NULL) {
        return known->reader->claims(path) ? known->reader : NULL;
    }
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (readers[i]->claims != NULL && readers[i]->claims(path)) {
            return readers[i];
        }
    }
    return NULL;
}

// The places looked in so far, and the first that fits.
struct search {
    const struct known *known; // NULL: a name of the user's own
    struct dataset_source *found;
    struct text places;
};

// True when the search is over.
static bool try_place(struct search *search, const char *path)
{
    text_add(&search->places, "%s%s", search->places.length > 0 ? ", " : "", path);
    const struct dataset_reader *reader = find_reader(search->known, path);
    if (reader == NULL || strlen(path) >= sizeof search->found->path) {
        return false;
    }
    search->found->reader = reader;
    memcpy(search->found->path, path, strlen(path) + 1);
    return true;
}

// ROOT/NAME and the other folder names of a known set.
static bool try_root(struct search *search, const char *root, const char *name)
{
    char path[READER_PATH_BYTES];
    if (root == NULL || root[0] == '\0') {
        return false;
    }
    if (search->known == NULL) {
        return file_join(path, sizeof path, root, name) == OK && try_place(search, path);
    }
    for (int i = 0; i < 2; i++) {
        const char *folder = search->known->folders[i];
        if (folder != NULL && file_join(path, sizeof path, root, folder) == OK &&
            try_place(search, path)) {
            return true;
        }
    }
    return false;
}

static bool try_everywhere(struct search *search, const struct dataset_options *options)
{
    if (options->path != NULL && options->path[0] != '\0') {
        return try_place(search, options->path) ||
               (search->known != NULL && try_root(search, options->path, options->name));
    }
    return try_root(search, options->data_root, options->name) ||
           try_root(search, getenv("DIKDIK_DATA"), options->name) ||
           try_root(search, "/usr/share/datasets", options->name);
}

// "; there is: 3 (a, b, c)" of the folder that the user named, "" where there is none.
static const char *what_is_there(const struct dataset_options *options, char *out, size_t out_bytes)
{
    struct folder_others there = {.n = 0};
    char sample[256];
    const size_t used = (size_t)snprintf(out, out_bytes, "; there is: ");
    if (options->path == NULL || !folder_sample_entries(options->path, &there)) {
        return "";
    }
    snprintf(out + used, out_bytes - used, "%s", folder_sample(&there, sample, sizeof sample));
    return out;
}

static enum status not_found(const struct search *search, const struct dataset_options *options)
{
    const char *name = options->name != NULL ? options->name : "";
    char there[300];
    char names[128] = "";
    for (int i = 0; i < N_SETS + N_FORMATS; i++) {
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? " " : "", known_at(i)->name);
    }
    const char *places = search->places.length > 0 ? search->places.bytes : "no folder";
    if (search->known == NULL) {
        FAIL(ERR_INPUT,
             "data set '%s' was not found: looked in %.500s (known names: %s)%s; set data.path to "
             "its file or folder",
             name, places, names, what_is_there(options, there, sizeof there));
    }
    FAIL(ERR_INPUT, "data set '%s' was not found: looked in %.400s for %s%s; %s", name, places,
         search->known->reader->files, what_is_there(options, there, sizeof there),
         search->known->advice);
}

enum status dataset_locate(const struct dataset_options *options, struct dataset_source *out)
{
    const char *name = options->name != NULL ? options->name : "";
    const bool has_path = options->path != NULL && options->path[0] != '\0';
    if (name[0] == '\0' && !has_path) {
        FAIL(ERR_CONFIG, "data.name is empty; name a data set, or set data.path");
    }
    if (strlen(name) >= sizeof out->name || strchr(name, '/') != NULL) {
        FAIL(ERR_CONFIG,
             "data.name is '%.80s', expected a word of at most %zu letters without '/'; a file or "
             "folder goes to data.path",
             name, sizeof out->name - 1);
    }
    struct dataset_source found = {.classes = 0};
    struct search search = {.known = find_known(name), .found = &found};
    found.classes = search.known != NULL ? search.known->classes : 0;
    if (search.known != NULL && search.known->reader->claims == NULL) {
        found.reader = search.known->reader;
    } else if (!try_everywhere(&search, options)) {
        const enum status status = not_found(&search, options);
        text_close(&search.places);
        return status;
    }
    text_close(&search.places);
    snprintf(found.name, sizeof found.name, "%s", name[0] != '\0' ? name : found.reader->name);
    *out = found;
    return OK;
}

bool dataset_find(const struct dataset_options *options, char *out, size_t out_bytes)
{
    struct dataset_source source = {0};
    if (dataset_locate(options, &source) != OK) {
        return false;
    }
    const char *place = source.path[0] != '\0' ? source.path : "drawn by dikdik";
    return snprintf(out, out_bytes, "%s", place) < (int)out_bytes;
}
