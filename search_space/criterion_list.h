// The one list of criteria: name X, with its table `criterion_X` in a file of its own.
#pragma once
#include "search_space/criterion.h"

#define CRITERION_LIST(X) X(l1) X(l2) X(bn_gamma) X(random)

#define CRITERION_DECLARE(name) extern const struct criterion criterion_##name;
CRITERION_LIST(CRITERION_DECLARE)
