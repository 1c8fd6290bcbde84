#include "core/csv_write.h"

#include "core/json.h"

#include <math.h>
#include <string.h>

void csv_add_field(struct text *text, const char *value)
{
    if (strpbrk(value, ",\"\r\n") == NULL) {
        text_add(text, "%s", value);
        return;
    }
    text_add(text, "\"");
    for (const char *at = value; *at != '\0'; at++) {
        text_add(text, *at == '"' ? "\"\"" : "%c", *at);
    }
    text_add(text, "\"");
}

void csv_add_number(struct text *text, double value)
{
    struct json_writer writer = {.out = text};
    if (isfinite(value)) {
        json_write_double(&writer, NULL, value);
    }
}
