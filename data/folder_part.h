// Which folder is a part of a folder data set, and the pictures in it. Internal to data/.
#pragma once
#include "data/folder_list.h"

struct folder_part {
    char folder[READER_PATH_BYTES]; // that the names of the list are in
    struct folder_classes classes;  // of the training part
    struct folder_list list;
};

// The training part is PATH/train/CLASS; the test part is the first of PATH/test, PATH/val and
// PATH/valid that has folders of those classes, or, as Tiny-ImageNet has it, val_annotations.txt
// beside a folder `images`. Reads names alone. ERR_INPUT says what was looked for and what is
// there: no classes, classes without a picture, classes that the training part lacks. A test part
// that has fewer classes takes a warning.
enum status folder_find_part(const char *path, enum dataset_part part, struct arena *arena,
                             struct folder_part *out);
