// Which rows of a data set: ascending ranges of row numbers, or that it is not known which. Row
// numbers count the rows of a whole training part in the order of its files, from 0.
#pragma once
#include "core/text.h"

#include <stdint.h>

struct row_range {
    int32_t first, last; // both included
};
// A zeroed set is not known.
struct row_set {
    bool known;
    int n;                    // of ranges; 0 and known: no row at all
    struct row_range *ranges; // [n] ascending, with at least one row between two; owned
};

// Text such as "0-9999,20000-44999": ranges and single rows, ascending, none twice; "none" for no
// row. ERR_INPUT says which word is wrong and what was expected. Closed by the caller.
enum status row_set_parse(const char *text, struct row_set *out);
// The shortest such text, for a set that is known.
void row_set_text(const struct row_set *set, struct text *out);

// rows [n] >= 0, in any order and as often as they like; NULL: 0 .. n - 1.
enum status row_set_of_rows(const int32_t *rows, int n, struct row_set *out);
// ranges [n] as in a set, known.
enum status row_set_of_ranges(const struct row_range *ranges, int n, struct row_set *out);
enum status row_set_copy(const struct row_set *from, struct row_set *out);
// The rows of a or b; not known when one of them is not. out may be neither.
enum status row_set_join(const struct row_set *a, const struct row_set *b, struct row_set *out);
// Adds rows (as above) to a set; one that is not known stays so.
enum status row_set_add(struct row_set *set, const int32_t *rows, int n);

bool row_set_equal(const struct row_set *a, const struct row_set *b);
bool row_set_has(const struct row_set *set, int32_t row); // known sets only
int64_t row_set_count(const struct row_set *set);         // rows
void row_set_close(struct row_set *set);                  // a zeroed one is fine
