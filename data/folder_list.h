// Which picture files a folder of classes has, and of which class each is. Reads names alone.
// Internal to data/.
#pragma once
#include "data/reader.h"

enum { FOLDER_SAMPLE = 3 };

// Names met and passed over: their number and the first few.
struct folder_others {
    int n;
    char first[FOLDER_SAMPLE][64];
};

// The pictures of one part, in byte order of class, then of path below it.
struct folder_list {
    struct arena *arena; // what the list is made of; set by the caller
    int n, capacity;
    const char **names;          // [n] relative to the part's folder
    int32_t *labels;             // [n]
    struct folder_others others; // files that are no pictures, folders that lead back to themselves
    char *piece;                 // where names go
    size_t piece_left;
};

// Names of classes, in byte order.
struct folder_classes {
    int n;
    const char **names; // [n]
};

// The folders in `folder` (none is fine), from the arena; links are followed. others: what else is
// there, added; NULL: not wanted.
enum status folder_list_classes(const char *folder, struct arena *arena, struct folder_classes *out,
                                struct folder_others *others);
int folder_find_class(const struct folder_classes *classes, const char *name); // -1: none

// Adds the pictures in FOLDER/NAME, at any depth. Links are followed, but not those that lead back
// to a folder that they are in.
enum status folder_list_add(struct folder_list *list, const char *folder, const char *name,
                            int32_t label);
// Adds one by its name in the part's folder.
enum status folder_list_add_file(struct folder_list *list, const char *name, int32_t label);

void folder_pass_over(struct folder_others *others, const char *name);
// What a folder has, hidden files too; false if it cannot be listed.
bool folder_sample_entries(const char *folder, struct folder_others *out);
// "3 (a, b, c)" or "200 (a, b, c ...)"; "nothing" for none.
const char *folder_sample(const struct folder_others *others, char *out, size_t out_bytes);
// The same of strings [n].
const char *folder_sample_names(const char *const *names, int n, char *out, size_t out_bytes);

// A warning (or else a line of information) that this process has not said before: a part is opened
// more than once.
void folder_say_once(bool warning, const char *format, ...) __attribute__((format(printf, 2, 3)));
