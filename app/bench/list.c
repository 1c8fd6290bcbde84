// Comma-separated lists of words.
#include "app/bench/list.h"

#include <string.h>

bool list_has(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = list; *at != '\0';) {
        const size_t n = strcspn(at, ",");
        if (n == length && strncmp(at, word, n) == 0) {
            return true;
        }
        at += n + (at[n] == ',');
    }
    return false;
}

int list_count(const char *list)
{
    int n = 1;
    for (const char *at = list; *at != '\0'; at++) {
        n += *at == ',';
    }
    return n;
}

enum status list_check(const char *option, const char *list, const char *first, const char *second)
{
    for (const char *at = list;;) {
        const size_t n = strcspn(at, ",");
        const bool known = (n == strlen(first) && strncmp(at, first, n) == 0) ||
                           (n == strlen(second) && strncmp(at, second, n) == 0);
        if (!known) {
            FAIL(ERR_CONFIG, "%s: expected %s, %s or both separated by a comma, got \"%s\"", option,
                 first, second, list);
        }
        if (at[n] == '\0') {
            return OK;
        }
        at += n + 1;
    }
}
