// Config rows "data.*".
#include "data/dataset.h"
#include "data/dataset_list.h"

#include <stddef.h>
#include <string.h>

static const char *const label_names[] = {[LABELS_FINE] = "fine", [LABELS_COARSE] = "coarse", NULL};

#define SET_NAME(name, reader, classes, folder, other, advice) name ", "
#define FORMAT_NAME(name) #name ", "
#define SETS DATASET_LIST(SET_NAME)
#define FORMATS FORMAT_LIST(FORMAT_NAME)
#define AT(field) .offset = offsetof(struct dataset_options, field)
const struct option dataset_option_table[] = {
    {.key = "name",
     .help = "data set: " SETS "and with a path also " FORMATS "or a name of your own",
     .kind = OPTION_STRING,
     AT(name)},
    {.key = "path",
     .help = "file or folder of the data set; empty: look for the name under data_root, "
             "$DIKDIK_DATA and /usr/share/datasets",
     .kind = OPTION_STRING,
     AT(path),
     .shapes = SHAPES_NOTHING},
    {.key = "data_root",
     .help = "folder that holds data sets by name, looked in first",
     .kind = OPTION_STRING,
     AT(data_root),
     .shapes = SHAPES_NOTHING},
    {.key = "labels",
     .help = "cifar100: the 100 fine or the 20 coarse classes",
     .kind = OPTION_CHOICE,
     AT(labels),
     .fallback_text = "fine",
     .choices = label_names},
    {.key = "superclass",
     .help = "cifar100: take only the five fine classes of this coarse class; -1 = all",
     .kind = OPTION_INT,
     AT(superclass),
     .fallback = -1,
     .least = -1,
     .most = 19},
    {.key = "classes",
     .help = "classes to take, relabelled 0, 1 ... in this order; empty = all",
     .kind = OPTION_INT_LIST,
     AT(classes),
     .least = 0,
     .most = DATASET_MAX_CLASSES - 1},
    {.key = "share",
     .help = "share of the images of each class to take, chosen by seed",
     .kind = OPTION_DOUBLE,
     AT(share),
     .fallback = 1,
     .least = 1e-6,
     .most = 1},
    {.key = "size",
     .help = "folder: images are cropped and resized to this many pixels a side; shapes: drawn so",
     .kind = OPTION_INT,
     AT(size),
     .fallback = 32,
     .least = 8,
     .most = 1024},
    {.key = "count",
     .help = "shapes: images of the training part; the test part has a fifth",
     .kind = OPTION_INT64,
     AT(count),
     .fallback = 10000,
     .least = 50,
     .most = 10000000},
    {.key = "seed", .help = "seed of share and of shapes", .kind = OPTION_SEED, AT(seed)},
    {.key = "group_pattern",
     .help =
         "folder: extended regular expression that finds in a file's path, CLASS/NAME, the group "
         "it belongs to (a track, a patient): its first (...), or all that it matches; the "
         "images of a group are all for training or all for validation",
     .kind = OPTION_STRING,
     AT(group_pattern)},
    {.key = NULL},
};

static bool same_classes(const struct int_list *a, const struct int_list *b)
{
    const int n_a = a != NULL ? a->n : 0, n_b = b != NULL ? b->n : 0;
    return n_a == n_b &&
           (n_a == 0 || memcmp(a->values, b->values, (size_t)n_a * sizeof *a->values) == 0);
}

bool dataset_options_same(const struct dataset_options *a, const struct dataset_options *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->path, b->path) == 0 &&
           strcmp(a->data_root, b->data_root) == 0 && a->labels == b->labels &&
           a->superclass == b->superclass && same_classes(a->classes, b->classes) &&
           a->share == b->share && a->size == b->size && a->count == b->count &&
           a->seed == b->seed && strcmp(a->group_pattern, b->group_pattern) == 0;
}
