// What people type after an option, as JSON.
#include "core/option_word.h"

#include "core/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void quote(struct text *out, const char *word)
{
    struct json_writer writer = {.out = out};
    json_write_string(&writer, NULL, word);
}

// "a=1,b=2" as an object; a string, which its reader will refuse, when an item has no '='.
static void map_from_words(struct text *out, const char *word)
{
    for (const char *item = word; *item != '\0'; item += item[0] == ',') {
        const size_t length = strcspn(item, ",");
        if (memchr(item, '=', length) == NULL) {
            quote(out, word);
            return;
        }
        item += length;
    }
    text_add(out, "{");
    while (*word != '\0') {
        const size_t item = strcspn(word, ",");
        const size_t key = strcspn(word, "=");
        struct text name = {0};
        text_add_bytes(&name, word, key);
        text_add(out, "%s", out->length > 1 ? "," : "");
        quote(out, name.failed ? "" : name.bytes);
        text_add(out, ":%.*s", (int)(item - key - 1), word + key + 1);
        out->failed = out->failed || name.failed;
        text_close(&name);
        word += item + (word[item] == ',');
    }
    text_add(out, "}");
}

void option_word_to_json(enum option_kind kind, const char *word, struct text *out)
{
    char *end = NULL;
    const double number = strtod(word, &end);
    const bool numeric = *word != '\0' && word[strspn(word, "+-.0123456789eE")] == '\0' &&
                         *end == '\0' && isfinite(number);
    switch (kind) {
    case OPTION_STRING:
    case OPTION_CHOICE:
    case OPTION_SEED:
        quote(out, word);
        return;
    case OPTION_INT:
    case OPTION_INT64:
    case OPTION_DOUBLE:
        if (numeric) {
            struct json_writer writer = {.out = out};
            json_write_double(&writer, NULL, number);
        } else {
            quote(out, word);
        }
        return;
    case OPTION_BOOL:
        if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
            text_add(out, "%s", word);
        } else {
            quote(out, word);
        }
        return;
    case OPTION_INT_LIST:
    case OPTION_DOUBLE_LIST:
        text_add(out, *word == '[' ? "%s" : "[%s]", word);
        return;
    case OPTION_MAP_INT:
        if (*word != '{') {
            map_from_words(out, word);
            return;
        }
        break;
    case OPTION_OBJECT:
    case OPTION_LIST:
        break;
    }
    text_add(out, "%s", word);
}
