// The grammar of JSON (RFC 8259), checked from left to right with a stack of open brackets.
#include "core/json_scan.h"

#include "core/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    const char *text;
    size_t length, at;
    int depth;
    char open[JSON_DEPTH_MAX]; // '{' or '['
    int values, wanted;        // seen so far; stop at this one, -1: never
    size_t member;             // where the key of the value that follows begins
    struct json_flaw *flaw;
};

static void position_of(const char *text, size_t at, int *line, int *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            ++*line;
            *column = 1;
        } else {
            ++*column;
        }
    }
}

__attribute__((format(printf, 2, 3))) static bool flawed(struct scan *scan, const char *format, ...)
{
    position_of(scan->text, scan->at, &scan->flaw->line, &scan->flaw->column);
    va_list args;
    va_start(args, format);
    vsnprintf(scan->flaw->what, sizeof scan->flaw->what, format, args);
    va_end(args);
    return false;
}

// The byte at the cursor, or -1 at the end.
static int peek(const struct scan *scan)
{
    return scan->at < scan->length ? (unsigned char)scan->text[scan->at] : -1;
}

// `expected` was not found here: says what was.
static bool unexpected(struct scan *scan, const char *expected)
{
    const int got = peek(scan);
    if (got < 0) {
        return flawed(scan, "expected %s, got the end of the text", expected);
    }
    if (got > 0x20 && got < 0x7f) {
        return flawed(scan, "expected %s, got '%c'", expected, got);
    }
    return flawed(scan, "expected %s, got byte 0x%02x", expected, (unsigned)got);
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->length && strchr(" \t\r\n", scan->text[scan->at]) != NULL &&
           scan->text[scan->at] != '\0') {
        scan->at++;
    }
}

// Four hexadecimal digits at the cursor; -1 if there are none.
static int hex4(const struct scan *scan)
{
    if (scan->length - scan->at < 4) {
        return -1;
    }
    int value = 0;
    for (size_t i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *digit = strchr(digits, scan->text[scan->at + i]);
        if (digit == NULL || *digit == '\0') {
            return -1;
        }
        value = value * 16 + (int)(digit - digits) % 16;
    }
    return value;
}

// The cursor stands after "\u". A character beyond 0xffff is a pair of surrogates.
static bool scan_unicode(struct scan *scan)
{
    const int first = hex4(scan);
    if (first < 0) {
        return flawed(scan, "expected four hexadecimal digits after \\u");
    }
    if (first == 0) {
        return flawed(scan, "\\u0000 is not allowed in a string");
    }
    if (first >= 0xdc00 && first <= 0xdfff) {
        return flawed(scan, "\\u%04x is the second half of a pair without its first", first);
    }
    scan->at += 4;
    if (first < 0xd800 || first > 0xdbff) {
        return true;
    }
    if (scan->length - scan->at >= 6 && memcmp(scan->text + scan->at, "\\u", 2) == 0) {
        scan->at += 2;
        const int second = hex4(scan);
        if (second >= 0xdc00 && second <= 0xdfff) {
            scan->at += 4;
            return true;
        }
    }
    return flawed(scan, "\\u%04x is the first half of a pair without its second", first);
}

static bool scan_string(struct scan *scan)
{
    const size_t start = scan->at++;
    for (;;) {
        const int byte = peek(scan);
        if (byte < 0) {
            scan->at = start;
            return flawed(scan, "the string that begins here has no closing quote");
        }
        if (byte == '"') {
            scan->at++;
            return true;
        }
        if (byte < 0x20) {
            return flawed(scan, "byte 0x%02x in a string must be written as an escape",
                          (unsigned)byte);
        }
        if (byte == '\\') {
            scan->at++;
            const int escape = peek(scan);
            if (escape <= 0 || strchr("\"\\/bfnrtu", escape) == NULL) {
                return unexpected(scan, "an escape (one of \"\\/bfnrtu)");
            }
            scan->at++;
            if (escape == 'u' && !scan_unicode(scan)) {
                return false;
            }
            continue;
        }
        const size_t bytes = utf8_length(scan->text + scan->at, scan->length - scan->at);
        if (bytes == 0) {
            return flawed(scan, "byte 0x%02x is not valid UTF-8", (unsigned)byte);
        }
        scan->at += bytes;
    }
}

static size_t scan_digits(struct scan *scan)
{
    const size_t start = scan->at;
    while (peek(scan) >= '0' && peek(scan) <= '9') {
        scan->at++;
    }
    return scan->at - start;
}

static bool scan_number(struct scan *scan)
{
    const size_t start = scan->at;
    scan->at += peek(scan) == '-';
    if (peek(scan) == '0') {
        scan->at++;
        if (peek(scan) >= '0' && peek(scan) <= '9') {
            return flawed(scan, "a number must not begin with 0");
        }
    } else if (scan_digits(scan) == 0) {
        return unexpected(scan, "a digit");
    }
    if (peek(scan) == '.') {
        scan->at++;
        if (scan_digits(scan) == 0) {
            return unexpected(scan, "a digit after the decimal point");
        }
    }
    if (peek(scan) == 'e' || peek(scan) == 'E') {
        scan->at++;
        scan->at += peek(scan) == '+' || peek(scan) == '-';
        if (scan_digits(scan) == 0) {
            return unexpected(scan, "a digit of the exponent");
        }
    }
    enum { DIGITS_MAX = 60 }; // the reader behind us keeps no more than 63 characters of a number
    char copy[DIGITS_MAX + 1];
    const size_t length = scan->at - start;
    if (length > DIGITS_MAX) {
        scan->at = start;
        return flawed(scan, "a number of %zu characters, at most %d are possible", length,
                      DIGITS_MAX);
    }
    memcpy(copy, scan->text + start, length);
    copy[length] = '\0';
    if (!isfinite(strtod(copy, NULL))) {
        scan->at = start;
        return flawed(scan, "%s is beyond the range of numbers (1.8e308)", copy);
    }
    return true;
}

static bool scan_literal(struct scan *scan, const char *literal)
{
    const size_t length = strlen(literal);
    if (scan->length - scan->at < length || memcmp(scan->text + scan->at, literal, length) != 0) {
        return flawed(scan, "expected a value (text needs quotes; true, false, null are lower "
                            "case)");
    }
    scan->at += length;
    return true;
}

// A key and its colon; the cursor stands where the key should begin.
static bool scan_key(struct scan *scan, const char *expected)
{
    if (peek(scan) != '"') {
        return unexpected(scan, expected);
    }
    scan->member = scan->at;
    if (!scan_string(scan)) {
        return false;
    }
    skip_space(scan);
    if (peek(scan) != ':') {
        return unexpected(scan, "':' after the key");
    }
    scan->at++;
    skip_space(scan);
    return true;
}

// A value that is not a bracket.
static bool scan_scalar(struct scan *scan)
{
    const int byte = peek(scan);
    if (byte == '"') {
        return scan_string(scan);
    }
    if (byte == '-' || (byte >= '0' && byte <= '9')) {
        return scan_number(scan);
    }
    if (byte == 't' || byte == 'f' || byte == 'n') {
        return scan_literal(scan, byte == 't' ? "true" : byte == 'f' ? "false" : "null");
    }
    return unexpected(scan, "a value");
}

// After a value: closes brackets as far as they close here. `*more` tells whether another value
// follows (the cursor stands on it) or the text is at its end.
static bool scan_after_value(struct scan *scan, bool *more)
{
    while (scan->depth > 0) {
        const bool object = scan->open[scan->depth - 1] == '{';
        skip_space(scan);
        if (peek(scan) == (object ? '}' : ']')) {
            scan->at++;
            scan->depth--;
            continue;
        }
        if (peek(scan) != ',') {
            return unexpected(scan, object ? "',' or '}'" : "',' or ']'");
        }
        scan->at++;
        skip_space(scan);
        *more = true;
        return !object || scan_key(scan, "a key in quotes after ','");
    }
    *more = false;
    return true;
}

// An opening bracket at the cursor; `*more` as above.
static bool scan_open(struct scan *scan, bool *more)
{
    if (scan->depth == JSON_DEPTH_MAX) {
        return flawed(scan, "nested deeper than %d levels", JSON_DEPTH_MAX);
    }
    const bool object = scan->text[scan->at] == '{';
    scan->open[scan->depth++] = object ? '{' : '[';
    scan->at++;
    skip_space(scan);
    if (peek(scan) == (object ? '}' : ']')) {
        return scan_after_value(scan, more);
    }
    *more = true;
    return !object || scan_key(scan, "a key in quotes or '}'");
}

static bool scan_document(struct scan *scan)
{
    if (scan->length >= 3 && memcmp(scan->text, "\xef\xbb\xbf", 3) == 0) {
        return flawed(scan, "the text begins with a byte order mark; save it as plain UTF-8");
    }
    skip_space(scan);
    bool more = true;
    while (more) {
        if (scan->values == scan->wanted) {
            return false;
        }
        if (scan->values++ == JSON_VALUES_MAX) {
            return flawed(scan, "more than %d values, as no text of dikdik's has", JSON_VALUES_MAX);
        }
        const int byte = peek(scan);
        const bool fine = byte == '{' || byte == '['
                              ? scan_open(scan, &more)
                              : scan_scalar(scan) && scan_after_value(scan, &more);
        if (!fine) {
            return false;
        }
    }
    skip_space(scan);
    return scan->at == scan->length || unexpected(scan, "nothing after the value");
}

bool json_scan(const char *text, size_t length, struct json_flaw *flaw)
{
    struct scan scan = {.text = text, .length = length, .wanted = -1, .flaw = flaw};
    return scan_document(&scan);
}

void json_scan_locate(const char *text, size_t length, int value, int *line, int *column)
{
    struct json_flaw unused;
    struct scan scan = {.text = text, .length = length, .wanted = value, .flaw = &unused};
    (void)scan_document(&scan);
    const bool in_object = scan.depth > 0 && scan.open[scan.depth - 1] == '{';
    position_of(text, in_object ? scan.member : scan.at, line, column);
}

void json_scan_blank_comments(char *text, size_t length)
{
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        if (in_string) {
            in_string = text[i] != '"';
            i += text[i] == '\\';
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '/' && i + 1 < length && text[i + 1] == '/') {
            for (; i < length && text[i] != '\n'; i++) {
                text[i] = ' ';
            }
        }
    }
}
