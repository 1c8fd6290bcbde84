// Config rows "data.*".
#include "data/dataset.h"
#include "data/dataset_list.h"

#include <stddef.h>
#include <string.h>

static const char *const label_names[] = {[LABELS_FINE] = "fine", [LABELS_COARSE] = "coarse", NULL};
static const char *const channel_names[] = {[CHANNELS_AUTO] = "auto",
                                            [CHANNELS_FIRST] = "first",
                                            [CHANNELS_LAST] = "last",
                                            [CHANNELS_NONE] = "none",
                                            NULL};

#define SET_NAME(name, reader, classes, folder, other, advice) name ", "
#define FORMAT_NAME(name) #name ", "
#define SETS DATASET_LIST(SET_NAME)
#define FORMATS FORMAT_LIST(FORMAT_NAME)
#define NAME_ALONE(name, reader, classes, folder, other, advice) name,
#define FORMAT_ALONE(name) #name,
static const char *const known_names[] = {DATASET_LIST(NAME_ALONE) FORMAT_LIST(FORMAT_ALONE) NULL};
#define AT(field) .offset = offsetof(struct dataset_options, field)
const struct option dataset_option_table[] = {
    {.key = "name",
     .help = "data set: " SETS "and with a path also " FORMATS "or a name of your own",
     .kind = OPTION_STRING,
     AT(name),
     .known = known_names},
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
    {.key = "height",
     .help = "folder: pixels, where images are not to be square; 0 = data.size",
     .kind = OPTION_INT,
     AT(height),
     .least = 0,
     .most = 1024},
    {.key = "width",
     .help = "folder: pixels, where images are not to be square; 0 = data.size",
     .kind = OPTION_INT,
     AT(width),
     .least = 0,
     .most = 1024},
    {.key = "background",
     .help = "folder: what transparent pixels show: white, black, a grey value of 0 to 255, or "
             "#rrggbb",
     .kind = OPTION_STRING,
     AT(background),
     .fallback_text = "white"},
    {.key = "skip_bad",
     .help = "folder: leave out files that cannot be decoded, instead of an error that names "
             "them; decodes every file once when the folder is opened",
     .kind = OPTION_BOOL,
     AT(skip_bad)},
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
    {.key = "memory",
     .help = "MiB of images that are kept in memory: a part that needs more is read and decoded "
             "anew each time it is used, ahead of use; the processes of a host share it; 0 = half "
             "of what this host has",
     .kind = OPTION_INT,
     AT(memory),
     .fallback = 0,
     .least = 0,
     .most = 1 << 30,
     .shapes = SHAPES_NOTHING},
    {.key = "threads",
     .help = "threads that read and decode; 0 = one per usable core",
     .kind = OPTION_INT,
     AT(threads),
     .fallback = 0,
     .least = 0,
     .most = 256,
     .shapes = SHAPES_NOTHING},
    {.key = "first_label",
     .help = "idx, hdf5, npy: the label of the first class, 1 where labels begin with 1",
     .kind = OPTION_INT,
     AT(first_label),
     .fallback = 0,
     .least = 0,
     .most = DATASET_MAX_CLASSES - 1},
    {.key = "channels",
     .help = "hdf5, npy: where the channels of samples are, none for [n, height, width]; auto "
             "tells by the shape and the type",
     .kind = OPTION_CHOICE,
     AT(channels),
     .fallback_text = "auto",
     .choices = channel_names},
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
           a->share == b->share && a->size == b->size && a->height == b->height &&
           a->width == b->width && strcmp(a->background, b->background) == 0 &&
           a->skip_bad == b->skip_bad && a->count == b->count && a->seed == b->seed &&
           a->first_label == b->first_label && a->channels == b->channels &&
           strcmp(a->group_pattern, b->group_pattern) == 0;
}
