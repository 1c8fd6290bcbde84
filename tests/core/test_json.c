// JSON: what is read, what is refused and where, and what is written.
#include "core/json.h"
#include "test_folder.h"
#include "test_unit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static struct json *parse(const char *text)
{
    struct json *document = NULL;
    assert_ok(json_parse(text, strlen(text), "test.json", &document));
    return document;
}

static void values_are_read(void **state)
{
    (void)state;
    struct json *document = parse(
        " {\"a\": [1, -2.5e3, 0, -0, 1E+2], \"text\": \"q\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"
        "\\ud83e\\udd8c\", \"yes\": true, \"no\": false, \"none\": null, \"o\": {\"\": 9}}\n");
    assert_int_equal(json_kind(document), JSON_OBJECT);
    assert_int_equal(json_count(document), 6);
    const struct json *list = json_get(document, "a");
    assert_int_equal(json_kind(list), JSON_ARRAY);
    const double expected[] = {1.0, -2500.0, 0.0, 0.0, 100.0};
    assert_int_equal(json_count(list), 5);
    for (int i = 0; i < 5; i++) {
        assert_true(json_number(json_at(list, i)) == expected[i]);
    }
    assert_string_equal(json_string(json_get(document, "text")),
                        "q\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\xa6\x8c");
    assert_true(json_bool(json_get(document, "yes")));
    assert_false(json_bool(json_get(document, "no")));
    assert_int_equal(json_kind(json_get(document, "none")), JSON_NULL);
    assert_true(json_number(json_get(json_get(document, "o"), "")) == 9.0);
    assert_null(json_get(document, "A")); // case matters
    assert_null(json_get(document, "absent"));
    const char *const keys[] = {"a", "text", "yes", "no", "none", "o"};
    for (int i = 0; i < 6; i++) {
        assert_string_equal(json_key(json_at(document, i)), keys[i]);
    }
    json_close(document);
    json_close(NULL);
}

// Two bytes of text take some two hundred of memory: their number is limited, not only their bytes.
static void values_are_counted(void **state)
{
    (void)state;
    enum { MOST = 1 << 20 };
    char *text = malloc(2 * MOST + 2);
    assert_non_null(text);
    for (int extra = 0; extra < 2; extra++) {
        const size_t n = MOST - 1 + (size_t)extra; // and the list itself
        text[0] = '[';
        for (size_t i = 0; i < n; i++) {
            memcpy(text + 1 + 2 * i, "1,", 2);
        }
        text[2 * n] = ']';
        struct json *document = NULL;
        if (extra == 0) {
            assert_ok(json_parse(text, 2 * n + 1, "many.json", &document));
            assert_int_equal(json_count(document), n);
            json_close(document);
        } else {
            assert_fails(json_parse(text, 2 * n + 1, "many.json", &document), ERR_CONFIG,
                         "more than 1048576 values");
        }
    }
    free(text);
}

static void numbers_are_exact(void **state)
{
    (void)state;
    struct json *document = parse("[9007199254740991, -9007199254740991, 0.1, 5e-324, "
                                  "1.7976931348623157e308]");
    assert_true(json_number(json_at(document, 0)) == 9007199254740991.0);
    assert_true(json_number(json_at(document, 1)) == -9007199254740991.0);
    assert_true(json_number(json_at(document, 2)) == 0.1);
    assert_true(json_number(json_at(document, 3)) == 5e-324);
    assert_true(json_number(json_at(document, 4)) == DBL_MAX);
    json_close(document);
}

struct bad {
    const char *text, *message;
};
static const struct bad bad_texts[] = {
    {"", "line 1, column 1: expected a value, got the end of the text"},
    {"  \n ", "line 2, column 2: expected a value"},
    {"{} x", "line 1, column 4: expected nothing after the value, got 'x'"},
    {"{}{}", "expected nothing after the value"},
    {"1 2", "expected nothing after the value"},
    {"[1,]", "line 1, column 4: expected a value, got ']'"},
    {"[1 2]", "expected ',' or ']', got '2'"},
    {"[,1]", "expected a value, got ','"},
    {"{\"a\":1,}", "expected a key in quotes after ',', got '}'"},
    {"{\"a\" 1}", "expected ':' after the key, got '1'"},
    {"{\"a\"}", "expected ':' after the key"},
    {"{a:1}", "expected a key in quotes or '}', got 'a'"},
    {"{'a':1}", "expected a key in quotes"},
    {"{1:1}", "expected a key in quotes"},
    {"{\"a\":1 \"b\":2}", "expected ',' or '}'"},
    {"{\"a\":}", "expected a value, got '}'"},
    {"[1", "expected ',' or ']', got the end of the text"},
    {"{\"a\": 1", "expected ',' or '}', got the end"},
    {"[}", "expected a value, got '}'"},
    {"[1}", "expected ',' or ']', got '}'"},
    {"]", "expected a value, got ']'"},
    {"{\"a\":1,\n \"b\":2,\n \"a\":3}", "line 3, column 2: the key 'a' is there twice, first at "
                                        "line 1, column 2"},
    {"{\"x\":[{\"k\":{\"d\":1,\"d\":1}}]}", "the key 'd' is there twice"},
    {"{\"a\":1,\"\\u0061\":2}", "line 1, column 8: the key 'a' is there twice"},
    {"True", "expected a value"},
    {"TRUE", "expected a value"},
    {"tru", "expected a value"},
    {"nul", "expected a value"},
    {"trueish", "expected nothing after the value"},
    {"NaN", "expected a value"},
    {"Infinity", "expected a value"},
    {"-Infinity", "expected a digit"},
    {"01", "must not begin with 0"},
    {"-01", "must not begin with 0"},
    {"+1", "expected a value, got '+'"},
    {".5", "expected a value, got '.'"},
    {"1.", "expected a digit after the decimal point"},
    {"1.e3", "expected a digit after the decimal point"},
    {"1e", "expected a digit of the exponent"},
    {"1e+", "expected a digit of the exponent"},
    {"-", "expected a digit"},
    {"- 1", "expected a digit"},
    {"0x10", "expected nothing after the value, got 'x'"},
    {"1_000", "expected nothing after the value"},
    {"1e999", "1e999 is beyond the range"},
    {"[1,-1e400]", "line 1, column 4: -1e400 is beyond the range"},
    {"0.0000000000000000000000000000000000000000000000000000000000000000001", "characters"},
    {"\"abc", "line 1, column 1: the string that begins here has no closing quote"},
    {"\"a\nb\"", "byte 0x0a in a string must be written as an escape"},
    {"\"a\tb\"", "byte 0x09 in a string"},
    {"\"\\x41\"", "expected an escape"},
    {"\"\\", "expected an escape"},
    {"\"\\u12\"", "four hexadecimal digits"},
    {"\"\\u12g4\"", "four hexadecimal digits"},
    {"\"a\\u0000b\"", "\\u0000 is not allowed"},
    {"\"\\ud800\"", "first half of a pair without its second"},
    {"\"\\ud800\\u0041\"", "first half of a pair without its second"},
    {"\"\\udc00\"", "second half of a pair without its first"},
    {"\"\xff\"", "byte 0xff is not valid UTF-8"},
    {"\"\xc0\x80\"", "byte 0xc0 is not valid UTF-8"},
    {"\"\xed\xa0\x80\"", "not valid UTF-8"},
    {"\"\xe2\x82\"", "not valid UTF-8"},
    {"{\"\xf8\":1}", "not valid UTF-8"},
    {"\xc3\xa9", "expected a value, got byte 0xc3"},
    {"\xef\xbb\xbf{}", "byte order mark"},
    {"// comment\n{}", "expected a value, got '/'"},
    {"{}\x01", "expected nothing after the value, got byte 0x01"},
    {"\x0b[]", "expected a value, got byte 0x0b"},
};

static void bad_texts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
        struct json *document = NULL;
        const char *text = bad_texts[i].text;
        const enum status status = json_parse(text, strlen(text), "bad.json", &document);
        if (status == OK) {
            fail_msg("accepted: %s", text);
        }
        assert_fails(status, ERR_CONFIG, bad_texts[i].message);
        assert_int_equal(strncmp(status_message(), "bad.json: line ", 15), 0);
        assert_null(document);
    }
}

static void nul_bytes_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}\0", "\0{}", "[1\0]", "\"a\0b\"", "{\"a\0b\":1}"};
    const size_t lengths[] = {3, 3, 4, 5, 9};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct json *document = NULL;
        assert_fails(json_parse(texts[i], lengths[i], "n", &document), ERR_CONFIG, "byte 0x00");
    }
}

static void depth_is_limited(void **state)
{
    (void)state;
    char text[256];
    for (int depth = 63; depth <= 66; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        struct json *document = NULL;
        const enum status status = json_parse(text, 2 * (size_t)depth, "deep", &document);
        assert_int_equal(status, depth <= 64 ? OK : ERR_CONFIG);
        if (status != OK) {
            assert_non_null(strstr(status_message(), "deeper than 64"));
        }
        json_close(document);
    }
    const size_t many = 1000000; // no stack is deep enough for one call per bracket
    char *brackets = malloc(many);
    memset(brackets, '[', many);
    struct json *document = NULL;
    assert_fails(json_parse(brackets, many, "deep", &document), ERR_CONFIG, "deeper than 64");
    free(brackets);
}

// Reading and looking up must not take quadratic time: 200,000 keys would be 20 billion steps.
static void large_objects_are_fast(void **state)
{
    (void)state;
    struct text text = {0};
    const int n = 200000;
    text_add(&text, "{");
    for (int i = 0; i < n; i++) {
        text_add(&text, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
    }
    text_add(&text, "}");
    struct json *document;
    assert_ok(json_parse(text.bytes, text.length, "large", &document));
    for (int i = 0; i < n; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        assert_true(json_number(json_get(document, key)) == i);
        assert_true(json_number(json_at(document, i)) == i);
    }
    json_close(document);
    text_close(&text);
}

static void paths_are_set(void **state)
{
    (void)state;
    struct json *document = parse("{\"train\":{\"epochs\":3,\"lr\":0.1},\"name\":\"x\"}");
    assert_ok(json_set_path(document, "train.epochs", "8"));
    assert_ok(json_set_path(document, "train.note", "not json"));
    assert_ok(json_set_path(document, "a.b.c", "[1,{\"z\":true}]"));
    assert_ok(json_set_path(document, "name", "\"quoted\""));
    assert_ok(json_set_keys(document, (const char *const[]){"w", "layer1.0.conv"}, 2, "16"));
    assert_ok(json_set_keys(document, (const char *const[]){"w", "fc"}, 2, "32"));
    const struct json *train = json_get(document, "train");
    assert_true(json_number(json_get(train, "epochs")) == 8.0);
    assert_true(json_number(json_get(train, "lr")) == 0.1);
    assert_string_equal(json_string(json_get(train, "note")), "not json");
    assert_string_equal(json_string(json_get(document, "name")), "quoted");
    const struct json *list = json_get(json_get(json_get(document, "a"), "b"), "c");
    assert_true(json_bool(json_get(json_at(list, 1), "z")));
    assert_true(json_number(json_get(json_get(document, "w"), "layer1.0.conv")) == 16.0);
    assert_int_equal(json_count(json_get(document, "w")), 2);
    assert_string_equal(json_key(json_get(document, "a")), "a");

    assert_ok(json_set_path(document, "a.b.c.1.z", "false"));
    assert_ok(json_set_path(document, "a.b.c.1.y.x", "3"));
    assert_ok(json_set_path(document, "a.b.c.0", "[5]"));
    assert_ok(json_set_path(document, "a.b.c.0.0", "6"));
    assert_false(json_bool(json_get(json_at(list, 1), "z")));
    assert_true(json_number(json_get(json_get(json_at(list, 1), "y"), "x")) == 3.0);
    assert_true(json_number(json_at(json_at(list, 0), 0)) == 6.0);
    assert_int_equal(json_count(list), 2);
    const char *const outside[] = {"a.b.c.2", "a.b.c.2.z", "a.b.c.-1",
                                   "a.b.c.x", "a.b.c.1x",  "a.b.c.99999999999999999999"};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        assert_fails(json_set_path(document, outside[i], "1"), ERR_CONFIG,
                     "'c' is a list of 2, expected an index below that");
    }

    assert_fails(json_set_path(document, "name.x", "1"), ERR_CONFIG, "'name' is a string");
    assert_fails(json_set_path(document, "", "1"), ERR_CONFIG, "empty part");
    assert_fails(json_set_path(document, "a..b", "1"), ERR_CONFIG, "empty part");
    assert_fails(json_set_path(document, "a.", "1"), ERR_CONFIG, "empty part");
    assert_fails(json_set_path(document, "a", "{\"q\":1,\"q\":2}"), ERR_CONFIG, "twice");
    char path[200];
    memset(path, '.', sizeof path);
    for (size_t i = 0; i < sizeof path; i += 2) {
        path[i] = 'a';
    }
    path[sizeof path - 1] = '\0';
    assert_fails(json_set_path(document, path, "1"), ERR_CONFIG, "at most");
    json_close(document);

    document = parse("[1]");
    assert_fails(json_set_path(document, "a", "1"), ERR_CONFIG, "the document' is a list");
    json_close(document);
}

static bool same(const char *a, const char *b)
{
    struct json *first = parse(a), *second = parse(b);
    const bool is = json_same(first, second);
    assert_int_equal(json_same(second, first), is);
    json_close(first);
    json_close(second);
    return is;
}

static void values_are_compared(void **state)
{
    (void)state;
    static const char *const values[] = {
        "null", "true",   "false",  "1",  "1.5",   "\"1\"",      "\"\"",       "[]",
        "[1]",  "[1, 2]", "[2, 1]", "{}", "[[1]]", "{\"a\": 1}", "{\"b\": 1}", "{\"a\": [1]}"};
    enum { N = sizeof values / sizeof values[0] };
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N; k++) {
            assert_int_equal(same(values[i], values[k]), i == k);
        }
    }
    assert_true(
        same("{\"a\": 1, \"b\": [2, {\"c\": null}]}", "{\"b\": [2, {\"c\": null}], \"a\": 1e0}"));
    assert_false(same("{\"a\": 1, \"b\": 2}", "{\"a\": 1}"));
}

static void writing(void **state)
{
    (void)state;
    struct text text = {0};
    struct json_writer writer = {.out = &text};
    json_write_begin(&writer, '{', NULL);
    json_write_int(&writer, "i", INT64_MIN);
    json_write_string(&writer, "s\"", "a\\\"\n\t\x01/\xc3\xa9\xff");
    json_write_bool(&writer, "b", true);
    json_write_double(&writer, "nan", (double)NAN);
    json_write_double(&writer, "inf", -(double)INFINITY);
    json_write_begin(&writer, '[', "list");
    json_write_double(&writer, NULL, 100.0);
    json_write_double(&writer, NULL, 0.1);
    json_write_double(&writer, NULL, -1e-7);
    json_write_end(&writer, ']');
    json_write_begin(&writer, '{', "empty");
    json_write_end(&writer, '}');
    json_write_raw(&writer, "raw", "[1]");
    json_write_end(&writer, '}');
    assert_string_equal(text.bytes,
                        "{\"i\":-9223372036854775808,\"s\\\"\":\"a\\\\\\\"\\n\\t\\u0001/\xc3\xa9"
                        "\\ufffd\",\"b\":true,\"nan\":null,\"inf\":null,\"list\":[100,0.1,-1e-07],"
                        "\"empty\":{},\"raw\":[1]}");
    json_close(parse(text.bytes));
    text_close(&text);

    writer = (struct json_writer){.out = &text, .pretty = true};
    json_write_begin(&writer, '{', NULL);
    json_write_int(&writer, "a", 1);
    json_write_begin(&writer, '[', "b");
    json_write_int(&writer, NULL, 2);
    json_write_end(&writer, ']');
    json_write_end(&writer, '}');
    assert_string_equal(text.bytes, "{\n  \"a\": 1,\n  \"b\": [\n    2\n  ]\n}\n");
    text_close(&text);
}

static void doubles_come_back(void **state)
{
    (void)state;
    const double fixed[] = {0.0,  -0.0,    1.0 / 3.0, 5e-324,  DBL_MAX, DBL_MIN,          1e15,
                            1e22, 123.456, 1e16 + 2,  -2.5e-9, 0x1p53,  999999999999999.0};
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        double value;
        if (i < (int)(sizeof fixed / sizeof *fixed)) {
            value = fixed[i];
        } else { // xorshift64: any bit pattern
            bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
            memcpy(&value, &bits, sizeof value);
        }
        if (!isfinite(value)) {
            continue;
        }
        struct text text = {0};
        struct json_writer writer = {.out = &text};
        json_write_double(&writer, NULL, value);
        struct json *document = parse(text.bytes);
        assert_true(json_number(document) == value);
        json_close(document);
        text_close(&text);
    }
}

static void files(void **state)
{
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    const char *path = test_folder_path(&folder, "a.json");
    struct json *document = NULL;
    assert_fails(json_read_file(path, &document), ERR_INPUT, "a.json: cannot be opened: No such");
    assert_fails(json_read_file(folder.path, &document), ERR_INPUT, "got a folder");
    test_folder_write(path, "{\"a\":1,\n}", 9);
    assert_fails(json_read_file(path, &document), ERR_CONFIG, "a.json: line 2, column 1");
    test_folder_write(path, "", 0);
    assert_fails(json_read_file(path, &document), ERR_CONFIG, "end of the text");
    test_folder_write(path, "[7]", 3);
    assert_ok(json_read_file(path, &document));
    assert_true(json_number(json_at(document, 0)) == 7.0);
    json_close(document);
    test_folder_remove(&folder);
}

// A config may have comments; what stays keeps its lines, what is set has none.
static void configs(void **state)
{
    (void)state;
    struct test_folder folder;
    test_folder_make(&folder);
    const char *path = test_folder_path(&folder, "a.json");
    static const char text[] = "// {\"a\": 1\n"
                               "{\"a\": [1, // one\n"
                               "  2],//\n"
                               " \"b\": // \"\n"
                               "   \"x//\\\"//y\", \"c\": {\"d\": true}} // end";
    struct json *document = NULL;
    test_folder_write(path, text, sizeof text - 1);
    assert_fails(json_read_file(path, &document), ERR_CONFIG, "line 1, column 1");
    assert_ok(json_read_config(path, &document));
    const struct json *a = json_get(document, "a");
    assert_string_equal(json_string(json_get(document, "b")), "x//\"//y");
    assert_int_equal(json_line(document, document), 2);
    assert_int_equal(json_line(document, a), 2);
    assert_int_equal(json_line(document, json_at(a, 0)), 2);
    assert_int_equal(json_line(document, json_at(a, 1)), 3);
    assert_int_equal(json_line(document, json_get(document, "b")), 4);
    assert_int_equal(json_line(document, json_get(json_get(document, "c"), "d")), 5);
    assert_ok(json_set_path(document, "c.d", "{\"e\": 1}"));
    assert_int_equal(json_line(document, json_get(document, "c")), 5);
    assert_int_equal(json_line(document, json_get(json_get(document, "c"), "d")), 0);
    assert_ok(json_set_path(document, "f", "text"));
    assert_int_equal(json_line(document, json_get(document, "f")), 0);
    json_remove(document, "a");
    json_remove(document, "none");
    assert_null(json_get(document, "a"));
    assert_int_equal(json_count(document), 3);
    assert_string_equal(json_key(json_at(document, 0)), "b");
    assert_string_equal(json_key(json_at(document, 2)), "f");
    json_close(document);
    test_folder_write(path, "{\"a\": 1, // \n\"b\" 2}", 20);
    assert_fails(json_read_config(path, &document), ERR_CONFIG, "line 2, column 5");
    test_folder_write(path, "\"\\", 2);
    assert_fails(json_read_config(path, &document), ERR_CONFIG, "escape");
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(values_are_counted),
        cmocka_unit_test(numbers_are_exact),
        cmocka_unit_test(bad_texts_are_refused),
        cmocka_unit_test(nul_bytes_are_refused),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(large_objects_are_fast),
        cmocka_unit_test(values_are_compared),
        cmocka_unit_test(paths_are_set),
        cmocka_unit_test(writing),
        cmocka_unit_test(doubles_come_back),
        cmocka_unit_test(files),
        cmocka_unit_test(configs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
