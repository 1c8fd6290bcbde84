// Messages of failures: formatted, extended, kept apart by thread, turned into exit codes.
#include "core/status.h"
#include "test_unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static enum status fail_with(int number)
{
    FAIL(ERR_INPUT, "number %d", number);
}

static enum status forward(void)
{
    TRY(fail_with(7));
    return OK;
}

static enum status forward_by_goto(bool *cleaned)
{
    enum status status;
    TRY_GOTO(status, fail_with(8), done);
    fail();
done:
    *cleaned = true;
    return status;
}

static void message_and_origin(void **state)
{
    (void)state;
    assert_fails(forward(), ERR_INPUT, "number 7");
    assert_int_equal(strncmp(status_origin(), "test_status.c:", 14), 0);
    bool cleaned = false;
    assert_fails(forward_by_goto(&cleaned), ERR_INPUT, "number 8");
    assert_true(cleaned);
}

static void context_goes_in_front(void **state)
{
    (void)state;
    assert_int_equal(status_context(fail_with(1), "reading %s", "a.json"), ERR_INPUT);
    assert_string_equal(status_message(), "reading a.json: number 1");
}

static enum status fail_with_own_message(void)
{
    FAIL(ERR_IO, "again: %s", status_message());
}

static void message_may_quote_the_last_one(void **state)
{
    (void)state;
    (void)fail_with(3);
    assert_int_equal(fail_with_own_message(), ERR_IO);
    assert_string_equal(status_message(), "again: number 3");
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    char word[3000];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    (void)status_fail(ERR_INPUT, "f.c", 1, "%s", word);
    const size_t length = strlen(status_message());
    assert_int_equal(length, sizeof((struct status_note *)NULL)->message - 1);
    assert_string_equal(status_message() + length - 3, "...");
    (void)status_context(ERR_INPUT, "%s", word);
    assert_int_equal(strlen(status_message()), length);
    (void)status_context(ERR_INPUT, "front");
    assert_int_equal(strncmp(status_message(), "front: xxx", 10), 0);
    assert_string_equal(status_message() + length - 3, "...");
}

static void *other_thread(void *note)
{
    assert_string_equal(status_message(), "");
    (void)fail_with(99);
    status_save(note);
    return NULL;
}

static void threads_do_not_mix(void **state)
{
    (void)state;
    (void)fail_with(1);
    struct status_note note;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, other_thread, &note), 0);
    pthread_join(thread, NULL);
    assert_string_equal(status_message(), "number 1");
    status_restore(&note);
    assert_string_equal(status_message(), "number 99");
    assert_int_equal(strncmp(status_origin(), "test_status.c:", 14), 0);
}

static void exit_codes(void **state)
{
    (void)state;
    const int expected[STATUS_COUNT] = {
        [OK] = 0,         [ERR_CONFIG] = 1,      [ERR_INPUT] = 1, [ERR_IO] = 2,
        [ERR_MEMORY] = 2, [ERR_UNSUPPORTED] = 2, [ERR_COMM] = 2,  [ERR_INTERRUPTED] = 130};
    for (int code = 0; code < STATUS_COUNT; code++) {
        assert_int_equal(status_exit_code((enum status)code), expected[code]);
    }
}

static void check_aborts(void **state)
{
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        CHECK(1 + 1 == 2);
        CHECK(1 + 1 == 3);
        _exit(0);
    }
    int ended;
    waitpid(child, &ended, 0);
    assert_true(WIFSIGNALED(ended));
    assert_int_equal(WTERMSIG(ended), SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_and_origin),
        cmocka_unit_test(context_goes_in_front),
        cmocka_unit_test(message_may_quote_the_last_one),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(threads_do_not_mix),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(check_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
