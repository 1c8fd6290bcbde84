// The edit distance with swapped neighbours ("optimal string alignment"), row by row.
#include "core/suggest.h"

#include <limits.h>
#include <string.h>

enum { WORD_MAX = 63 };

struct suggest suggest_begin(const char *word)
{
    return (struct suggest){.word = word, .distance = INT_MAX};
}

// '-' and '_' are the same key, and case does not matter for what was meant.
static int folded(char letter)
{
    if (letter >= 'A' && letter <= 'Z') {
        return letter - 'A' + 'a';
    }
    return letter == '-' ? '_' : letter;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int rows[3][WORD_MAX + 1]; // of i - 2, i - 1 and i letters of a
    for (size_t j = 0; j <= n_b; j++) {
        rows[0][j] = (int)j;
    }
    for (size_t i = 1; i <= n_a; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            const int replaced = folded(a[i - 1]) != folded(b[j - 1]);
            int best = least(above[j - 1] + replaced, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                folded(a[i - 2]) == folded(b[j - 1])) {
                best = least(best, two_above[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[n_a % 3][n_b];
}

void suggest_offer(struct suggest *suggest, const char *candidate)
{
    const size_t n_word = strlen(suggest->word), n_candidate = strlen(candidate);
    if (n_word > WORD_MAX || n_candidate > WORD_MAX) {
        return;
    }
    const int distance = edit_distance(suggest->word, n_word, candidate, n_candidate);
    const int near_enough = n_word <= 3 ? 1 : n_word <= 8 ? 2 : 3;
    if (distance <= near_enough && distance < suggest->distance) {
        suggest->best = candidate;
        suggest->distance = distance;
    }
}
