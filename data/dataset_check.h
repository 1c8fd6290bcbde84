// What is looked at before any image of a data set is read. Internal to data/.
#pragma once
#include "data/reader.h"

enum status dataset_check_options(const struct dataset_options *options);
// data.group_pattern is for folders only.
enum status dataset_check_groups(const char *name, const struct dataset_options *options,
                                 const struct reading *reading);
// A warning, once, with the classes that have no image: labels that begin with 1, for one.
enum status dataset_name_empty_classes(const struct dataset_options *options,
                                       const struct dataset *dataset);
