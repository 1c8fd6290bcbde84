// Fields of comma-separated values, and words of a shell, which a shell itself reads back.
#include "core/csv_write.h"
#include "core/shell_word.h"
#include "test_unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void fields_are_quoted_where_they_must_be(void **state)
{
    (void)state;
    struct text text = {0};
    csv_add_field(&text, "plain words");
    text_add(&text, "|");
    csv_add_field(&text, "a,b");
    text_add(&text, "|");
    csv_add_field(&text, "say \"no\"\r\n");
    text_add(&text, "|");
    csv_add_number(&text, 0.1);
    text_add(&text, "|");
    csv_add_number(&text, (double)NAN);
    assert_string_equal(text.bytes, "plain words|\"a,b\"|\"say \"\"no\"\"\r\n\"|0.1|");
    text_close(&text);
}

static void a_shell_reads_the_same_word(void **state)
{
    (void)state;
    static const char *const words[] = {
        "plain-1.2/x=y:z,@%", "", "two words", "it's", "'", "$HOME `id` \\ \" * ? ~ #; & | <>",
        "two\nlines"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct text text = {0};
        char back[128];
        text_add(&text, "printf %%s ");
        shell_add_word(&text, words[i]);
        FILE *shell = popen(text.bytes, "r"); // NOLINT(cert-env33-c): that is what is tested
        assert_non_null(shell);
        back[fread(back, 1, sizeof back - 1, shell)] = '\0';
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(back, words[i]);
        text_close(&text);
    }
    struct text text = {0};
    shell_add_word(&text, words[0]);
    assert_string_equal(text.bytes, words[0]);
    text_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_quoted_where_they_must_be),
        cmocka_unit_test(a_shell_reads_the_same_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
