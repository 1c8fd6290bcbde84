// Options that contradict each other or the files, classes without images, and test parts that do
// not fit: all told before an image is read.
#include "data/dataset_check.h"

#include "core/text.h"
#include "data/folder_list.h"

#include <string.h>

enum status dataset_check_options(const struct dataset_options *options)
{
    const bool coarse = options->labels == LABELS_COARSE;
    const bool cifar100 = options->name != NULL && strcmp(options->name, "cifar100") == 0;
    if (!(options->share > 0 && options->share <= 1)) {
        FAIL(ERR_CONFIG, "data.share is %g, expected more than 0 and at most 1", options->share);
    }
    if (options->superclass < -1 || options->superclass > 19) {
        FAIL(ERR_CONFIG, "data.superclass is %d, expected -1 to 19", options->superclass);
    }
    if ((coarse || options->superclass >= 0) && !cifar100) {
        FAIL(ERR_CONFIG, "data.labels coarse and data.superclass are for cifar100, not for '%s'",
             options->name != NULL ? options->name : "");
    }
    if (coarse && options->superclass >= 0) {
        FAIL(ERR_CONFIG, "data.superclass takes fine labels; data.labels is coarse");
    }
    return OK;
}

enum status dataset_check_groups(const char *name, const struct dataset_options *options,
                                 const struct reading *reading)
{
    const bool asked = options->group_pattern != NULL && options->group_pattern[0] != '\0';
    if (asked && reading->reader != &reader_folder) {
        FAIL(ERR_CONFIG,
             "data.group_pattern is for data sets of the kind folder; %s is read as %s, which %s",
             name, reading->reader->name,
             reading->groups != NULL ? "says itself which images belong together"
                                     : "has no names of files to look at");
    }
    return OK;
}

static void list_empty(const bool *present, int classes, struct text *out, int *n)
{
    enum { NAMED = 8 };
    *n = 0;
    for (int k = 0; k < classes; k++) {
        if (!present[k] && ++*n <= NAMED) {
            text_add(out, "%s%d", *n > 1 ? ", " : "", k);
        }
    }
    if (*n > NAMED) {
        text_add(out, " ...");
    }
}

enum status dataset_name_empty_classes(const struct dataset_options *options,
                                       const struct dataset *dataset)
{
    struct arena arena = {0};
    bool *present = arena_alloc(&arena, (size_t)dataset->classes, sizeof *present);
    if (present == NULL) {
        return ERR_MEMORY;
    }
    for (int i = 0; i < dataset->n; i++) {
        present[dataset->labels[i]] = true;
    }
    struct text names = {0};
    int n;
    list_empty(present, dataset->classes, &names, &n);
    if (n > 0 && !names.failed) {
        const bool from_one = n == 1 && !present[0] && options->first_label == 0;
        folder_say_once(true, "%s: %d of %d classes have no training image: %s%s", dataset->name, n,
                        dataset->classes, names.bytes,
                        from_one ? "; if the labels begin with 1, set data.first_label to 1" : "");
    }
    text_close(&names);
    arena_close(&arena);
    return OK;
}

static const char *sample_name(enum sample_type type)
{
    static const char *const names[] = {"bytes", "16-bit integers", "floats"};
    return names[type];
}

enum status dataset_check_test(const struct dataset *train, const struct dataset *test)
{
    if (test->h != train->h || test->w != train->w || test->c != train->c) {
        FAIL(ERR_INPUT,
             "%s: the test part's images are %d x %d x %d, those of the training part %d x %d x %d "
             "(height x width x channels); they must be alike",
             train->name, test->h, test->w, test->c, train->h, train->w, train->c);
    }
    if ((test->type == SAMPLE_U8) != (train->type == SAMPLE_U8)) {
        FAIL(ERR_INPUT, "%s: the test part's samples are %s, those of the training part %s",
             train->name, sample_name(test->type), sample_name(train->type));
    }
    if (test->classes > train->classes) {
        FAIL(ERR_INPUT, "%s: the test part has labels of %d classes, the training part of %d",
             train->name, test->classes, train->classes);
    }
    return OK;
}
