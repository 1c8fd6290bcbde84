// The table of criteria.
#include "search_space/criterion.h"

#include <stddef.h>

const struct criterion *const criteria[] = {
#define X(id, name) &criterion_##name,
    CRITERION_LIST(X)
#undef X
        NULL};

const char *const criterion_names[] = {
#define X(id, name) #name,
    CRITERION_LIST(X)
#undef X
        NULL};
