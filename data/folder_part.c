// Layouts of folder data sets.
#include "data/folder_part.h"

#include "core/file.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE_BYTES = 256, MOST_ANNOTATION_BYTES = 256 << 20 };

static enum status list_train(struct folder_part *part)
{
    char sample[SAMPLE_BYTES], inside[SAMPLE_BYTES];
    struct folder_list *list = &part->list;
    const struct folder_classes *classes = &part->classes;
    const char **empty;
    int n_empty = 0;
    ARENA_NEW(list->arena, empty, (size_t)classes->n);
    for (int label = 0; label < classes->n; label++) {
        const int before = list->n;
        TRY(folder_list_add(list, part->folder, classes->names[label], label));
        if (list->n == before) {
            empty[n_empty++] = classes->names[label];
        }
    }
    if (n_empty > 0) {
        FAIL(ERR_INPUT,
             "%s: every class needs images (.jpg, .png, .ppm, .pgm, .bmp); of %d classes these "
             "have none: %s; other files there: %s",
             part->folder, classes->n, folder_sample_names(empty, n_empty, sample, sizeof sample),
             folder_sample(&list->others, inside, sizeof inside));
    }
    return OK;
}

static enum status list_classes(const char *train, struct folder_part *part)
{
    char sample[SAMPLE_BYTES];
    TRY(folder_list_classes(train, part->list.arena, &part->classes, &part->list.others));
    if (part->classes.n == 0) {
        FAIL(ERR_INPUT,
             "%s: expected a folder of images for each class, found no folder; there: %s", train,
             folder_sample(&part->list.others, sample, sizeof sample));
    }
    if (part->classes.n > DATASET_MAX_CLASSES) {
        FAIL(ERR_INPUT, "%s: %d folders, expected at most %d classes", train, part->classes.n,
             DATASET_MAX_CLASSES);
    }
    return OK;
}

// ---- a test part in folders of classes

// Adds the pictures of those classes that the folder has; *known of `here` are classes.
static enum status list_known(struct folder_part *part, const struct folder_classes *here,
                              int *known)
{
    char sample[SAMPLE_BYTES];
    struct folder_list *list = &part->list;
    const char **strangers;
    int n_strangers = 0;
    *known = 0;
    ARENA_NEW(list->arena, strangers, (size_t)here->n);
    for (int i = 0; i < here->n; i++) {
        if (folder_find_class(&part->classes, here->names[i]) >= 0) {
            ++*known;
        } else {
            strangers[n_strangers++] = here->names[i];
        }
    }
    if (*known > 0 && n_strangers > 0) {
        FAIL(ERR_INPUT,
             "%s: of its %d folders these are no classes of the training part: %s; both parts take "
             "the same names",
             part->folder, here->n,
             folder_sample_names(strangers, n_strangers, sample, sizeof sample));
    }
    for (int i = 0; i<here->n && * known> 0; i++) {
        TRY(folder_list_add(list, part->folder, here->names[i],
                            folder_find_class(&part->classes, here->names[i])));
    }
    return OK;
}

// ---- a test part whose classes are in a file

struct annotation {
    const char *name;
    int32_t label;
};

static int by_name(const void *a, const void *b)
{
    const struct annotation *first = a, *second = b;
    return strcmp(first->name, second->name);
}

// Cuts "NAME <tab> CLASS <tab> ..." at `line`, and returns the next line's start.
static char *cut_line(char *line, char **name, char **class)
{
    char *end = line + strcspn(line, "\r\n");
    char *next = end + strspn(end, "\r\n");
    *end = '\0';
    *name = line;
    line += strcspn(line, "\t");
    *class = *line == '\t' ? line + 1 : line;
    *line = '\0';
    (*class)[strcspn(*class, "\t")] = '\0';
    return next;
}

static enum status read_annotations(const struct folder_part *part, const char *file,
                                    struct annotation **out, int *n)
{
    char *text;
    size_t bytes;
    TRY(file_read(file, MOST_ANNOTATION_BYTES, part->list.arena, &text, &bytes));
    size_t lines = 1;
    for (size_t i = 0; i < bytes; i++) {
        lines += text[i] == '\n';
    }
    ARENA_NEW(part->list.arena, *out, lines);
    *n = 0;
    for (char *line = text, *name, *class; *line != '\0' && (size_t)*n < lines;) {
        line = cut_line(line, &name, &class);
        const int label = folder_find_class(&part->classes, class);
        if (label < 0 || name[0] == '\0' || strchr(name, '/') != NULL) {
            FAIL(ERR_INPUT,
                 "%s: line %d has file '%.60s' and class '%.60s', expected a file's name, a tab "
                 "and a class of the training part",
                 file, *n + 1, name, class);
        }
        (*out)[(*n)++] = (struct annotation){.name = name, .label = label};
    }
    qsort(*out, (size_t)*n, sizeof **out, by_name);
    return OK;
}

static enum status list_annotated(struct folder_part *part, const char *file)
{
    struct annotation *annotations;
    char path[READER_PATH_BYTES];
    int n;
    TRY(read_annotations(part, file, &annotations, &n));
    TRY(file_join(path, sizeof path, part->folder, "images"));
    const bool deeper = file_is_folder(path);
    for (int i = 0; i < n; i++) {
        if (i > 0 && strcmp(annotations[i].name, annotations[i - 1].name) == 0) {
            FAIL(ERR_INPUT, "%s: file '%s' is named twice", file, annotations[i].name);
        }
        TRY(file_join(path, sizeof path, deeper ? "images" : ".", annotations[i].name));
        TRY(folder_list_add_file(&part->list, path, annotations[i].label));
    }
    return OK;
}

// ---- the test part

static enum status warn_of_missing(const struct folder_part *part)
{
    char sample[SAMPLE_BYTES];
    const char **missing;
    bool *present;
    int n = 0;
    ARENA_NEW(part->list.arena, missing, (size_t)part->classes.n);
    ARENA_NEW(part->list.arena, present, (size_t)part->classes.n);
    for (int i = 0; i < part->list.n; i++) {
        present[part->list.labels[i]] = true;
    }
    for (int i = 0; i < part->classes.n; i++) {
        if (!present[i]) {
            missing[n++] = part->classes.names[i];
        }
    }
    if (n > 0) {
        folder_say_once(true, "%s: of %d classes the test part has no image: %s", part->folder,
                        part->classes.n, folder_sample_names(missing, n, sample, sizeof sample));
    }
    return OK;
}

// Lists the folder if it is a test part: list.n > 0. What is there else is added to `found`.
static enum status try_folder(const char *path, const char *name, struct folder_part *part,
                              struct text *found)
{
    char annotations[READER_PATH_BYTES], sample[SAMPLE_BYTES];
    struct folder_classes here;
    int known = 0;
    TRY(file_join(part->folder, sizeof part->folder, path, name));
    if (!file_is_folder(part->folder)) {
        text_add(found, ", no %s", name);
        return OK;
    }
    TRY(file_join(annotations, sizeof annotations, part->folder, "val_annotations.txt"));
    if (file_exists(annotations)) {
        return list_annotated(part, annotations);
    }
    TRY(folder_list_classes(part->folder, part->list.arena, &here, &part->list.others));
    TRY(list_known(part, &here, &known));
    if (part->list.n == 0) {
        text_add(found, ", in %s folders: %s", name,
                 folder_sample_names(here.names, here.n, sample, sizeof sample));
        if (part->list.others.n > 0) {
            text_add(found, " and files: %s",
                     folder_sample(&part->list.others, sample, sizeof sample));
        }
        part->list.others.n = 0;
    }
    return OK;
}

static enum status list_test(const char *path, struct folder_part *part, struct text *found)
{
    static const char *const names[] = {"test", "val", "valid"};
    char sample[SAMPLE_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        TRY(try_folder(path, names[i], part, found));
        if (part->list.n > 0) {
            return warn_of_missing(part);
        }
    }
    FAIL(ERR_INPUT,
         "%s: expected a test part in test, val or valid, with folders of the training part's "
         "classes, %s, and images in them; found%s",
         path, folder_sample_names(part->classes.names, part->classes.n, sample, sizeof sample),
         found->bytes != NULL ? found->bytes + 1 : " nothing");
}

enum status folder_find_part(const char *path, enum dataset_part part, struct arena *arena,
                             struct folder_part *out)
{
    struct text found = {.bytes = NULL};
    out->list = (struct folder_list){.arena = arena};
    TRY(file_join(out->folder, sizeof out->folder, path, "train"));
    TRY(list_classes(out->folder, out));
    if (part == DATASET_TRAIN) {
        return list_train(out);
    }
    out->list.others.n = 0; // those were the training part's
    const enum status status = list_test(path, out, &found);
    text_close(&found);
    return status;
}
