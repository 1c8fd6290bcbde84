// Comma-separated lists of words.
#include "app/bench/list.h"

#include <stdio.h>
#include <string.h>

const char *const list_dtypes[] = {"f32", "int8", NULL};

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

static bool is_known(const char *const *known, const char *word, size_t n)
{
    for (int i = 0; known[i] != NULL; i++) {
        if (n == strlen(known[i]) && strncmp(word, known[i], n) == 0) {
            return true;
        }
    }
    return false;
}

enum status list_check(const char *option, const char *list, const char *const *known)
{
    for (const char *at = list;;) {
        const size_t n = strcspn(at, ",");
        if (!is_known(known, at, n)) {
            char words[128] = "";
            for (int i = 0; known[i] != NULL; i++) {
                const size_t end = strlen(words);
                snprintf(words + end, sizeof words - end, "%s%s", i > 0 ? ", " : "", known[i]);
            }
            FAIL(ERR_CONFIG, "%s: expected %s, or several of them separated by commas, got \"%s\"",
                 option, words, list);
        }
        if (at[n] == '\0') {
            return OK;
        }
        at += n + 1;
    }
}
