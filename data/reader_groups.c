// Groups of images: numbers or names become 0, 1 ...
#include "data/reader.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct numbered {
    int64_t number;
    int row;
};
struct named {
    const char *name; // arena
    int row;
};

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    return strcmp(x->name, y->name);
}

enum status groups_of_numbers(const int64_t *numbers, int n, struct arena *arena, int32_t **groups,
                              int *n_groups)
{
    struct numbered *sorted;
    int found = 0;
    ARENA_NEW(arena, sorted, (size_t)n);
    ARENA_NEW(arena, *groups, (size_t)n);
    for (int i = 0; i < n; i++) {
        sorted[i] = (struct numbered){numbers[i], i};
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_number);
    for (int i = 0; i < n; i++) {
        found += i == 0 || sorted[i].number != sorted[i - 1].number ? 1 : 0;
        (*groups)[sorted[i].row] = found - 1;
    }
    *n_groups = found;
    return OK;
}

// The part of the name that says the group; NULL without a match, or when memory ran out.
static const char *match(const regex_t *expression, const char *name, struct arena *arena)
{
    regmatch_t found[2];
    if (regexec(expression, name, 2, found, 0) != 0) {
        return NULL;
    }
    const regmatch_t *part = expression->re_nsub > 0 ? &found[1] : &found[0];
    return part->rm_so < 0
               ? NULL
               : arena_format(arena, "%.*s", (int)(part->rm_eo - part->rm_so), name + part->rm_so);
}

static enum status match_all(const regex_t *expression, const char *pattern, const char *folder,
                             const char *const *names, int n, struct arena *arena,
                             struct named *out)
{
    for (int i = 0; i < n; i++) {
        const char *group = match(expression, names[i], arena);
        if (group == NULL) {
            FAIL(ERR_INPUT, "%s/%s: data.group_pattern \"%s\" finds no group in \"%s\"", folder,
                 names[i], pattern, names[i]);
        }
        out[i] = (struct named){group, i};
    }
    return OK;
}

enum status groups_of_names(const char *pattern, const char *folder, const char *const *names,
                            int n, struct arena *arena, int32_t **groups, int *n_groups)
{
    struct named *sorted;
    regex_t expression;
    int found = 0;
    ARENA_NEW(arena, sorted, (size_t)n);
    ARENA_NEW(arena, *groups, (size_t)n);
    const int bad = regcomp(&expression, pattern, REG_EXTENDED);
    if (bad != 0) {
        char reason[128];
        regerror(bad, &expression, reason, sizeof reason);
        FAIL(ERR_CONFIG, "data.group_pattern \"%s\" is no extended regular expression: %s", pattern,
             reason);
    }
    const enum status code = match_all(&expression, pattern, folder, names, n, arena, sorted);
    regfree(&expression);
    TRY(code);
    qsort(sorted, (size_t)n, sizeof *sorted, by_name);
    for (int i = 0; i < n; i++) {
        found += i == 0 || strcmp(sorted[i].name, sorted[i - 1].name) != 0 ? 1 : 0;
        (*groups)[sorted[i].row] = found - 1;
    }
    *n_groups = found;
    return OK;
}
