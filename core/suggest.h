// "Did you mean ...?": the candidate nearest to a mistyped word.
#pragma once
#include "core/text.h"

struct suggest {
    const char *word;
    const char *best; // borrowed from the candidates; NULL while none is near enough
    int distance;     // of best: letters to add, drop, replace or swap
};
struct suggest suggest_begin(const char *word);
void suggest_offer(struct suggest *suggest, const char *candidate);
