// Sets of row numbers: text in and out, made from rows, joined.
#include "core/row_set.h"

#include <stdlib.h>
#include <string.h>

static enum status make_room(size_t n, struct row_set *out)
{
    *out = (struct row_set){.known = true, .ranges = malloc((n > 0 ? n : 1) * sizeof *out->ranges)};
    if (out->ranges == NULL) {
        *out = (struct row_set){0};
        FAIL(ERR_MEMORY, "no memory for %zu ranges of rows", n);
    }
    return OK;
}

// Adds a range that begins no earlier than the last one; what touches it is joined to it.
static void add_range(struct row_set *set, int32_t first, int32_t last)
{
    struct row_range *end = set->n > 0 ? &set->ranges[set->n - 1] : NULL;
    if (end != NULL && first - 1 <= end->last) {
        end->last = last > end->last ? last : end->last;
    } else {
        set->ranges[set->n++] = (struct row_range){first, last};
    }
}

// A row number at *text, which moves behind it.
static bool parse_row(const char **text, int32_t *out)
{
    int64_t row = 0;
    const char *at = *text;
    for (; *at >= '0' && *at <= '9'; at++) {
        row = 10 * row + (*at - '0');
        if (row > INT32_MAX) {
            return false;
        }
    }
    const bool any = at > *text;
    *text = at;
    *out = (int32_t)row;
    return any;
}

// "7" or "0-44999", with spaces around it, up to a comma or the end.
static bool parse_range(const char **text, struct row_range *out)
{
    const char *at = *text + strspn(*text, " ");
    if (!parse_row(&at, &out->first)) {
        return false;
    }
    out->last = out->first;
    if (*at == '-') {
        at++;
        if (!parse_row(&at, &out->last)) {
            return false;
        }
    }
    at += strspn(at, " ");
    *text = at;
    return (*at == ',' || *at == '\0') && out->first <= out->last;
}

static enum status fail_word(const char *word, const char *expected)
{
    const size_t length = strcspn(word, ",");
    FAIL(ERR_INPUT, "row ranges have \"%.*s\", expected %s", length < 40 ? (int)length : 40, word,
         expected);
}

static enum status parse_ranges(const char *text, struct row_set *set)
{
    const char *at = text;
    for (bool more = true; more; at++) {
        const char *word = at;
        struct row_range range;
        if (!parse_range(&at, &range)) {
            return fail_word(word, "a row such as 7 or a range such as 0-44999, the first row no "
                                   "greater than the last");
        }
        if (set->n > 0 && range.first <= set->ranges[set->n - 1].last) {
            return fail_word(word, "ranges in ascending order that have no row in common");
        }
        add_range(set, range.first, range.last);
        more = *at == ',';
    }
    return OK;
}

enum status row_set_parse(const char *text, struct row_set *out)
{
    struct row_set set;
    size_t words = 1;
    for (const char *at = text; *at != '\0'; at++) {
        words += *at == ',' ? 1 : 0;
    }
    TRY(make_room(words, &set));
    if (strcmp(text, "none") != 0) {
        const enum status code = parse_ranges(text, &set);
        if (code != OK) {
            row_set_close(&set);
            return code;
        }
    }
    *out = set;
    return OK;
}

void row_set_text(const struct row_set *set, struct text *out)
{
    CHECK(set->known);
    if (set->n == 0) {
        text_add(out, "none");
    }
    for (int i = 0; i < set->n; i++) {
        const struct row_range *range = &set->ranges[i];
        text_add(out, "%s%d", i > 0 ? "," : "", range->first);
        if (range->last > range->first) {
            text_add(out, "-%d", range->last);
        }
    }
}

static int by_row(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

enum status row_set_of_rows(const int32_t *rows, int n, struct row_set *out)
{
    struct row_set set;
    if (rows == NULL) {
        TRY(make_room(1, &set));
        if (n > 0) {
            add_range(&set, 0, n - 1);
        }
        *out = set;
        return OK;
    }
    int32_t *sorted = malloc((n > 0 ? (size_t)n : 1) * sizeof *sorted);
    if (sorted == NULL) {
        FAIL(ERR_MEMORY, "no memory for %d row numbers", n);
    }
    if (n > 0) {
        memcpy(sorted, rows, (size_t)n * sizeof *sorted);
        qsort(sorted, (size_t)n, sizeof *sorted, by_row);
    }
    const enum status code = make_room((size_t)n, &set);
    for (int i = 0; code == OK && i < n; i++) {
        CHECK(sorted[i] >= 0);
        add_range(&set, sorted[i], sorted[i]);
    }
    free(sorted);
    TRY(code);
    *out = set;
    return OK;
}

enum status row_set_of_ranges(const struct row_range *ranges, int n, struct row_set *out)
{
    struct row_set set;
    TRY(make_room((size_t)n, &set));
    for (int i = 0; i < n; i++) {
        add_range(&set, ranges[i].first, ranges[i].last);
    }
    *out = set;
    return OK;
}

enum status row_set_copy(const struct row_set *from, struct row_set *out)
{
    if (!from->known) {
        *out = (struct row_set){0};
        return OK;
    }
    return row_set_of_ranges(from->ranges, from->n, out);
}

enum status row_set_join(const struct row_set *a, const struct row_set *b, struct row_set *out)
{
    struct row_set set = {0};
    if (a->known && b->known) {
        TRY(make_room((size_t)a->n + (size_t)b->n, &set));
        int i = 0, j = 0;
        while (i < a->n || j < b->n) {
            const bool first = j == b->n || (i < a->n && a->ranges[i].first <= b->ranges[j].first);
            const struct row_range *next = first ? &a->ranges[i++] : &b->ranges[j++];
            add_range(&set, next->first, next->last);
        }
    }
    *out = set;
    return OK;
}

enum status row_set_add(struct row_set *set, const int32_t *rows, int n)
{
    struct row_set more, all;
    TRY(row_set_of_rows(rows, n, &more));
    const enum status code = row_set_join(set, &more, &all);
    row_set_close(&more);
    TRY(code);
    row_set_close(set);
    *set = all;
    return OK;
}

bool row_set_equal(const struct row_set *a, const struct row_set *b)
{
    return a->known == b->known && a->n == b->n &&
           (a->n == 0 || memcmp(a->ranges, b->ranges, (size_t)a->n * sizeof *a->ranges) == 0);
}

bool row_set_has(const struct row_set *set, int32_t row)
{
    CHECK(set->known);
    int low = 0, high = set->n; // ranges that begin at or before the row: [0, low)
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (set->ranges[middle].first <= row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && row <= set->ranges[low - 1].last;
}

int64_t row_set_count(const struct row_set *set)
{
    int64_t rows = 0;
    for (int i = 0; i < set->n; i++) {
        rows += (int64_t)set->ranges[i].last - set->ranges[i].first + 1;
    }
    return rows;
}

void row_set_close(struct row_set *set)
{
    free(set->ranges);
    *set = (struct row_set){0};
}
