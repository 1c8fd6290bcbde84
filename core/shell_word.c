#include "core/shell_word.h"

#include <stdbool.h>
#include <string.h>

static bool is_plain(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-_./=:,+@%";
    return word[0] != '\0' && word[strspn(word, plain)] == '\0';
}

void shell_add_word(struct text *text, const char *word)
{
    if (is_plain(word)) {
        text_add(text, "%s", word);
        return;
    }
    text_add(text, "'");
    for (const char *at = word; *at != '\0'; at++) {
        text_add(text, *at == '\'' ? "'\\''" : "%c", *at);
    }
    text_add(text, "'");
}
