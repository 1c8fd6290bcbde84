// JSON documents: the text is checked against the grammar first (json_scan.c), then cJSON reads it,
// then its lists become a tree with arrays and sorted keys in the document's own arena.
#include "core/json.h"

#include "core/file.h"
#include "core/json_scan.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct json {
    enum json_kind kind;
    bool truth;
    double number;
    const char *string;   // arena
    const char *key;      // arena; NULL outside objects
    int order;            // of all values of the text, from 0; -1 - that: of another text
    int n_items;          // of an array or object
    struct json **items;  // arena, in the order of the text
    struct json **by_key; // arena, the same, sorted; objects only
};

struct json_document {
    struct json root; // first: a pointer to it is a pointer to the document
    struct arena arena;
    const char *text; // arena; NULL unless it is a config's
    size_t length;
};

// What building the tree needs besides the value.
struct build {
    struct arena *arena;
    const char *text, *source;
    size_t length;
    int values;   // seen so far
    bool foreign; // what is built is not of the document's own text
};

static int order_in_text(const struct json *value)
{
    return value->order < 0 ? -1 - value->order : value->order;
}

static int compare_keys(const void *left, const void *right)
{
    const struct json *a = *(struct json *const *)left, *b = *(struct json *const *)right;
    const int order = strcmp(a->key, b->key);
    const int x = order_in_text(a), y = order_in_text(b);
    return order != 0 ? order : (x > y) - (x < y);
}

static enum status sort_keys(struct build *build, struct json *object)
{
    ARENA_NEW(build->arena, object->by_key, (size_t)object->n_items);
    if (object->n_items == 0) {
        return OK;
    }
    const size_t n = (size_t)object->n_items;
    memcpy(object->by_key, object->items, n * sizeof *object->by_key);
    qsort(object->by_key, n, sizeof *object->by_key, compare_keys);
    for (size_t i = 1; i < n; i++) {
        const struct json *first = object->by_key[i - 1], *second = object->by_key[i];
        if (strcmp(first->key, second->key) == 0) {
            int line, column, line_first, column_first;
            json_scan_locate(build->text, build->length, order_in_text(second), &line, &column);
            json_scan_locate(build->text, build->length, order_in_text(first), &line_first,
                             &column_first);
            FAIL(ERR_CONFIG,
                 "%s: line %d, column %d: the key '%.100s' is there twice, first at line %d, "
                 "column %d; remove one",
                 build->source, line, column, second->key, line_first, column_first);
        }
    }
    return OK;
}

static enum status copy_string(struct build *build, const char *text, const char **out)
{
    *out = arena_copy_text(build->arena, text);
    return *out != NULL ? OK : ERR_MEMORY;
}

static enum json_kind kind_of(const cJSON *node)
{
    return cJSON_IsBool(node)     ? JSON_BOOL
           : cJSON_IsNumber(node) ? JSON_NUMBER
           : cJSON_IsString(node) ? JSON_STRING
           : cJSON_IsArray(node)  ? JSON_ARRAY
           : cJSON_IsObject(node) ? JSON_OBJECT
                                  : JSON_NULL;
}

// Turns cJSON's node and all below it into ours. As deep as the text is nested, at most 64.
static enum status build_value(struct build *build, const cJSON *node, struct json *out)
{
    out->kind = kind_of(node);
    out->order = build->foreign ? -1 - build->values : build->values;
    build->values++;
    if (out->kind == JSON_STRING) {
        return copy_string(build, node->valuestring, &out->string);
    }
    out->truth = cJSON_IsTrue(node) != 0;
    out->number = node->valuedouble;
    if (out->kind != JSON_ARRAY && out->kind != JSON_OBJECT) {
        return OK;
    }
    out->n_items = cJSON_GetArraySize(node);
    struct json *values;
    ARENA_NEW(build->arena, values, (size_t)out->n_items);
    ARENA_NEW(build->arena, out->items, (size_t)out->n_items);
    int i = 0;
    for (const cJSON *child = node->child; child != NULL; child = child->next, i++) {
        out->items[i] = &values[i];
        if (out->kind == JSON_OBJECT) {
            TRY(copy_string(build, child->string, &values[i].key));
        }
        TRY(build_value(build, child, &values[i]));
    }
    return out->kind == JSON_OBJECT ? sort_keys(build, out) : OK;
}

static enum status parse_into(struct build *build, struct json *out)
{
    struct json_flaw flaw;
    if (!json_scan(build->text, build->length, &flaw)) {
        FAIL(ERR_CONFIG, "%s: line %d, column %d: %s", build->source, flaw.line, flaw.column,
             flaw.what);
    }
    cJSON *tree = cJSON_ParseWithLength(build->text, build->length);
    if (tree == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory while reading %zu bytes of JSON", build->source,
             build->length);
    }
    const enum status status = build_value(build, tree, out);
    cJSON_Delete(tree);
    return status;
}

// Takes over the text's arena when `keep`, so that places can be found in it later.
static enum status parse_document(const char *text, size_t length, const char *source,
                                  struct arena *keep, struct json **out)
{
    if (length > INT_MAX) {
        FAIL(ERR_CONFIG, "%s: %zu bytes are too much for a JSON text", source, length);
    }
    struct json_document *document = calloc(1, sizeof *document);
    if (document == NULL) {
        FAIL(ERR_MEMORY, "%s: out of memory", source);
    }
    if (keep != NULL) {
        document->arena = *keep;
        *keep = (struct arena){0};
        document->text = text;
        document->length = length;
    }
    struct build build = {
        .arena = &document->arena, .text = text, .source = source, .length = length};
    const enum status status = parse_into(&build, &document->root);
    if (status != OK) {
        json_close(&document->root);
        return status;
    }
    *out = &document->root;
    return OK;
}

enum status json_parse(const char *text, size_t length, const char *source, struct json **out)
{
    return parse_document(text, length, source, NULL, out);
}

static enum status read_file(const char *path, bool is_config, struct json **out)
{
    const size_t most_bytes = (size_t)16 << 20;
    struct arena arena = {0};
    char *text = NULL;
    size_t length = 0;
    enum status status = file_read(path, most_bytes, &arena, &text, &length);
    if (status == OK && is_config) {
        json_scan_blank_comments(text, length);
    }
    if (status == OK) {
        status = parse_document(text, length, path, is_config ? &arena : NULL, out);
    } else if (status == ERR_IO) {
        status = ERR_INPUT;
    }
    arena_close(&arena);
    return status;
}

enum status json_read_file(const char *path, struct json **out)
{
    return read_file(path, false, out);
}

enum status json_read_config(const char *path, struct json **out)
{
    return read_file(path, true, out);
}

static struct json_document *document_of(struct json *root)
{
    return (struct json_document *)(void *)root;
}

void json_close(struct json *document)
{
    if (document != NULL) {
        arena_close(&document_of(document)->arena);
        free(document);
    }
}

int json_line(const struct json *document, const struct json *value)
{
    const struct json_document *whole = (const struct json_document *)(const void *)document;
    int line = 0, column;
    if (whole->text != NULL && value->order >= 0) {
        json_scan_locate(whole->text, whole->length, value->order, &line, &column);
    }
    return line;
}

enum json_kind json_kind(const struct json *value)
{
    return value->kind;
}

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "true or false", [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "a list",       [JSON_OBJECT] = "an object"};
    return names[kind];
}

bool json_bool(const struct json *value)
{
    CHECK(value->kind == JSON_BOOL);
    return value->truth;
}

double json_number(const struct json *value)
{
    CHECK(value->kind == JSON_NUMBER);
    return value->number;
}

const char *json_string(const struct json *value)
{
    CHECK(value->kind == JSON_STRING);
    return value->string;
}

int json_count(const struct json *value)
{
    CHECK(value->kind == JSON_ARRAY || value->kind == JSON_OBJECT);
    return value->n_items;
}

const struct json *json_at(const struct json *value, int index)
{
    CHECK(index >= 0 && index < json_count(value));
    return value->items[index];
}

const char *json_key(const struct json *value)
{
    CHECK(value->key != NULL);
    return value->key;
}

// Where `key` is in by_key, or where it would have to be inserted.
static int find_key(const struct json *object, const char *key, bool *found)
{
    int low = 0, high = object->n_items;
    *found = false;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        const int order = strcmp(object->by_key[middle]->key, key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct json *get_child(const struct json *object, const char *key)
{
    CHECK(object->kind == JSON_OBJECT);
    bool found;
    const int index = find_key(object, key, &found);
    return found ? object->by_key[index] : NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return get_child(object, key);
}

static bool same_members(const struct json *a, const struct json *b)
{
    bool same = a->n_items == b->n_items;
    for (int i = 0; i < a->n_items && same; i++) {
        const struct json *member = json_at(a, i), *other = json_get(b, json_key(member));
        same = other != NULL && json_same(member, other);
    }
    return same;
}

bool json_same(const struct json *a, const struct json *b)
{
    if (json_kind(a) != json_kind(b)) {
        return false;
    }
    switch (json_kind(a)) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_bool(a) == json_bool(b);
    case JSON_NUMBER:
        return json_number(a) == json_number(b);
    case JSON_STRING:
        return strcmp(json_string(a), json_string(b)) == 0;
    case JSON_OBJECT:
        return same_members(a, b);
    case JSON_ARRAY:
        break;
    }
    bool same = json_count(a) == json_count(b);
    for (int i = 0; i < json_count(a) && same; i++) {
        same = json_same(json_at(a, i), json_at(b, i));
    }
    return same;
}

// Appends a null under a new key. The old arrays stay in the arena until the document is closed.
static enum status add_child(struct arena *arena, struct json *object, const char *key,
                             struct json **out)
{
    const size_t n = (size_t)object->n_items;
    bool found;
    const size_t place = (size_t)find_key(object, key, &found);
    struct json **items, **by_key, *child;
    ARENA_NEW(arena, items, n + 1);
    ARENA_NEW(arena, by_key, n + 1);
    ARENA_NEW(arena, child, 1);
    child->order = -1;
    child->key = arena_copy_text(arena, key);
    if (child->key == NULL) {
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        items[i] = object->items[i];
        by_key[i + (i >= place)] = object->by_key[i];
    }
    items[n] = child;
    by_key[place] = child;
    object->items = items;
    object->by_key = by_key;
    object->n_items++;
    *out = child;
    return OK;
}

void json_remove(struct json *object, const char *key)
{
    bool found;
    const int place = find_key(object, key, &found);
    if (!found) {
        return;
    }
    const struct json *gone = object->by_key[place];
    int at = 0;
    while (object->items[at] != gone) {
        at++;
    }
    object->n_items--;
    for (int i = 0; i < object->n_items; i++) {
        object->items[i] = object->items[i + (i >= at)];
        object->by_key[i] = object->by_key[i + (i >= place)];
    }
}

// `text` as a value: JSON if it is JSON, else the text itself as a string.
static enum status value_from_text(struct arena *arena, const char *text, struct json *out)
{
    struct json_flaw unused;
    struct build build = {.arena = arena,
                          .text = text,
                          .source = "the value given",
                          .length = strlen(text),
                          .foreign = true};
    if (json_scan(text, build.length, &unused)) {
        return parse_into(&build, out);
    }
    out->kind = JSON_STRING;
    out->order = -1;
    return copy_string(&build, text, &out->string);
}

// The element of a list that is there already.
static enum status get_element(const struct json *list, const char *name, const char *key,
                               struct json **out)
{
    char *end;
    const long index = strtol(key, &end, 10);
    if (*key == '\0' || key[strspn(key, "0123456789")] != '\0' || index >= list->n_items) {
        FAIL(ERR_CONFIG, "'%s' cannot be set: '%s' is a list of %d, expected an index below that",
             key, name, list->n_items);
    }
    *out = list->items[index];
    return OK;
}

// The child of an object, made if it is not there, or the element of a list.
static enum status descend(struct arena *arena, struct json *place, const char *name,
                           const char *key, struct json **out)
{
    if (place->kind == JSON_ARRAY) {
        return get_element(place, name, key, out);
    }
    if (place->kind != JSON_OBJECT) {
        FAIL(ERR_CONFIG, "'%s' cannot be set: '%s' is %s, expected an object", key, name,
             json_kind_name(place->kind));
    }
    struct json *child = get_child(place, key);
    if (child == NULL) {
        TRY(add_child(arena, place, key, &child));
        child->kind = JSON_OBJECT;
    }
    *out = child;
    return OK;
}

enum status json_set_keys(struct json *document, const char *const *keys, int n_keys,
                          const char *text)
{
    enum { KEYS_MAX = 32 };
    CHECK(n_keys >= 1);
    if (n_keys > KEYS_MAX) {
        FAIL(ERR_CONFIG, "a path of %d keys, at most %d are possible", n_keys, KEYS_MAX);
    }
    struct arena *arena = &document_of(document)->arena;
    struct json value = {0};
    TRY(value_from_text(arena, text, &value));
    struct json *place = document;
    for (int i = 0; i < n_keys; i++) {
        TRY(descend(arena, place, i > 0 ? keys[i - 1] : "the document", keys[i], &place));
    }
    value.key = place->key;
    *place = value;
    return OK;
}

enum status json_set_path(struct json *document, const char *path, const char *text)
{
    enum { PARTS_MAX = 33 };
    char copy[1024];
    const size_t length = strlen(path);
    if (length >= sizeof copy) {
        FAIL(ERR_CONFIG, "the path '%.60s...' is longer than %zu bytes", path, sizeof copy - 1);
    }
    memcpy(copy, path, length + 1);
    const char *keys[PARTS_MAX];
    int n = 0;
    for (char *rest = copy; rest != NULL && n < PARTS_MAX; n++) {
        keys[n] = strsep(&rest, ".");
        if (*keys[n] == '\0') {
            FAIL(ERR_CONFIG, "the path '%s' has an empty part; write keys joined by dots", path);
        }
    }
    return json_set_keys(document, keys, n, text);
}
