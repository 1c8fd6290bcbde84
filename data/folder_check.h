// Whether the files of a folder are pictures: looked at by several threads. Internal to data/.
#pragma once
#include "data/folder_list.h"

// What is known of a file. FILE_UNTIDY: all pixels are there, but junk before its end mark, or no
// end mark.
enum folder_verdict { FILE_GOOD, FILE_UNTIDY, FILE_BAD };

// verdicts [list->n] of the files in `folder`: by their headers and ends, or, `thorough`, by
// decoding each, or as a former process found by that (folder_memo.h). threads: 1 or more.
// ERR_INTERRUPTED when the user stops it; damaged files are no failure.
enum status folder_check(const struct folder_list *list, const char *folder, bool thorough,
                         int threads, uint8_t *verdicts);

// Adds to `out` the first few bad files, each with its reason.
struct text;
void folder_add_reasons(const struct folder_list *list, const char *folder, bool thorough,
                        const uint8_t *verdicts, struct text *out);
