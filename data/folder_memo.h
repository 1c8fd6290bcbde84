// What a thorough look at a folder's files found, kept in $XDG_CACHE_HOME/dikdik (or
// ~/.cache/dikdik), so that the next process need not decode all of them again. Internal to data/.
#pragma once
#include "data/folder_list.h"

// Stands for the files' names, sizes and times of change, and for how they are judged.
uint64_t folder_fingerprint(const struct folder_list *list, const char *folder);
// verdicts [n], if they are kept; false if not, or damaged.
bool folder_recall(uint64_t fingerprint, int n, uint8_t *verdicts);
// Keeps them; where that is not possible, nothing is kept.
void folder_remember(uint64_t fingerprint, int n, const uint8_t *verdicts);
