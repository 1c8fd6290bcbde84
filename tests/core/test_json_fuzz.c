// JSON that was cut, changed or made up: never a crash, and what is accepted is really JSON:
// written out and read again it gives the same text.
#include "core/json.h"
#include "core/rng.h"
#include "test_unit.h"

#include <stdio.h>
#include <stdlib.h>

static const char valid[] =
    "{\"name\": \"a \\u00e9\\ud83e\\udd8c\\n \xc3\xa9\", \"list\": [1, -2.5e-3, 0, 1E5, true, "
    "false,\n null, [], {}, [[\"x\"]]], \"object\": {\"k\": {\"d\": 1.25}, \"\": -0}, \"z\": 12}";

// Into a block of exactly this size, so that ASan sees the first byte read beyond it.
static enum status parse_exact(const char *text, size_t length, struct json **out)
{
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    const enum status status = json_parse(copy, length, "fuzz", out);
    free(copy);
    return status;
}

static void write_value(struct json_writer *writer, const char *key, const struct json *value)
{
    const enum json_kind kind = json_kind(value);
    if (kind == JSON_NULL) {
        json_write_raw(writer, key, "null");
    } else if (kind == JSON_BOOL) {
        json_write_bool(writer, key, json_bool(value));
    } else if (kind == JSON_NUMBER) {
        json_write_double(writer, key, json_number(value));
    } else if (kind == JSON_STRING) {
        json_write_string(writer, key, json_string(value));
    } else {
        json_write_begin(writer, kind == JSON_OBJECT ? '{' : '[', key);
        for (int i = 0; i < json_count(value); i++) {
            const struct json *child = json_at(value, i);
            write_value(writer, kind == JSON_OBJECT ? json_key(child) : NULL, child);
        }
        json_write_end(writer, kind == JSON_OBJECT ? '}' : ']');
    }
}

static void write_document(struct text *out, const struct json *document)
{
    struct json_writer writer = {.out = out};
    write_value(&writer, NULL, document);
    assert_false(out->failed);
}

// Parses; what is accepted must come back unchanged.
static bool try_text(const char *text, size_t length)
{
    struct json *document = NULL;
    const enum status status = parse_exact(text, length, &document);
    if (status != OK) {
        assert_int_equal(status, ERR_CONFIG);
        assert_int_equal(strncmp(status_message(), "fuzz: line ", 11), 0);
        return false;
    }
    struct text first = {0}, second = {0};
    write_document(&first, document);
    json_close(document);
    assert_ok(parse_exact(first.bytes, first.length, &document));
    write_document(&second, document);
    json_close(document);
    assert_string_equal(first.bytes, second.bytes);
    text_close(&first);
    text_close(&second);
    return true;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    assert_true(try_text(valid, sizeof valid - 1));
    for (size_t length = 0; length < sizeof valid - 1; length++) {
        assert_false(try_text(valid, length));
    }
}

static void changed_bytes(void **state)
{
    (void)state;
    static const char likely[] = "{}[]\",:\\u0123456789eE+-.truefalsn \n\x00\x1f\x7f\x80\xc3\xff";
    struct rng rng = rng_make(1, RNG_TEST, 0, 0);
    int accepted = 0;
    const int rounds = 60000;
    for (int i = 0; i < rounds; i++) {
        char text[sizeof valid + 8];
        size_t length = sizeof valid - 1;
        memcpy(text, valid, length);
        for (uint32_t k = 1 + rng_below(&rng, 4); k > 0; k--) {
            const size_t at = rng_below(&rng, (uint32_t)length);
            const uint32_t what = rng_below(&rng, 4);
            if (what == 0) {
                text[at] = (char)rng_u32(&rng);
            } else if (what == 1) {
                text[at] = likely[rng_below(&rng, sizeof likely - 1)];
            } else if (what == 2) { // drop
                memmove(text + at, text + at + 1, --length - at);
            } else if (length < sizeof text) { // insert
                memmove(text + at + 1, text + at, length++ - at);
                text[at] = likely[rng_below(&rng, sizeof likely - 1)];
            }
        }
        accepted += try_text(text, length);
    }
    assert_true(accepted > rounds / 100 && accepted < rounds * 9 / 10); // both happen
}

static void made_up_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = {"{",     "}",  "[",  "]",   ",",      ":",     "\"a\"",
                                         "\"b\"", "1",  "-2", "1e3", "true",   "null",  " ",
                                         "\n",    "\"", "\\", "0",   "\"a\":", "1e999", "."};
    struct rng rng = rng_make(2, RNG_TEST, 0, 0);
    int accepted = 0;
    for (int i = 0; i < 100000; i++) {
        char text[128];
        size_t length = 0;
        for (uint32_t k = 1 + rng_below(&rng, 9); k > 0; k--) {
            const char *piece = pieces[rng_below(&rng, sizeof pieces / sizeof *pieces)];
            length += (size_t)snprintf(text + length, sizeof text - length, "%s", piece);
        }
        accepted += try_text(text, length);
    }
    assert_true(accepted > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(changed_bytes),
        cmocka_unit_test(made_up_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
