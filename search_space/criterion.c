// The table of criteria.
#include "search_space/criterion_list.h"

#include <string.h>

#define TABLE(name) &criterion_##name,
const struct criterion *const criteria[] = {CRITERION_LIST(TABLE) NULL};

#define NAME(name) #name,
const char *const criterion_names[] = {CRITERION_LIST(NAME) NULL};

const struct criterion *criterion_find(const char *name)
{
    for (int i = 0; criteria[i] != NULL; i++) {
        if (strcmp(criteria[i]->name, name) == 0) {
            return criteria[i];
        }
    }
    return NULL;
}
