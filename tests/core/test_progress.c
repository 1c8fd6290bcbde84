// The live line and messages, on a terminal (a pseudo-terminal here) and in a plain file.
#include "core/live_line.h"
#include "core/log.h"
#include "test_folder.h"
#include "test_unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int kept_stderr;

// Standard error becomes this descriptor until restore_stderr.
static void redirect_stderr(int descriptor)
{
    fflush(stderr);
    kept_stderr = dup(STDERR_FILENO);
    assert_true(kept_stderr >= 0);
    assert_true(dup2(descriptor, STDERR_FILENO) >= 0);
}

static void restore_stderr(void)
{
    fflush(stderr);
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
}

static void set_defaults(void)
{
    log_set_level(LOG_NORMAL);
    log_set_rank(0);
}

// Runs `script` with standard error in a file; its text ends up in `out`.
static void capture(void (*script)(void), char *out, size_t out_bytes)
{
    char path[] = "/tmp/dikdik-test-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    unlink(path);
    redirect_stderr(file);
    script();
    restore_stderr();
    set_defaults();
    const ssize_t got = pread(file, out, out_bytes - 1, 0);
    assert_true(got >= 0);
    out[got] = '\0';
    close(file);
}

// The same with a terminal of `columns`.
static void capture_terminal(int columns, void (*script)(void), char *out, size_t out_bytes)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    const int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    const struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    assert_int_equal(ioctl(slave, TIOCSWINSZ, &size), 0);
    setenv("TERM", "xterm", 1);
    redirect_stderr(slave);
    script();
    restore_stderr();
    set_defaults();
    size_t used = 0;
    fcntl(master, F_SETFL, O_NONBLOCK);
    for (ssize_t got = 1; got > 0 && used<out_bytes - 1; used += got> 0 ? (size_t)got : 0) {
        got = read(master, out + used, out_bytes - 1 - used);
    }
    out[used] = '\0';
    close(slave);
    close(master);
}

static void assert_text(const char *text, const char *expected)
{
    if (strstr(text, expected) == NULL) {
        fail_msg("'%s' is not in '%s'", expected, text);
    }
}

static enum status fail_somehow(void)
{
    FAIL(ERR_INPUT, "a.bin: 3 bytes, expected 4");
}

static void say_things(void)
{
    log_info("hello %d", 5);
    log_warning("slow %s", "disk");
    log_error(fail_somehow());
    log_error(OK);
}

static void say_things_quietly(void)
{
    log_set_level(LOG_QUIET);
    say_things();
}

static void say_things_loudly(void)
{
    log_set_level(LOG_VERBOSE);
    say_things();
}

static void say_things_as_rank_3(void)
{
    log_set_rank(3);
    say_things();
}

static void messages(void **state)
{
    (void)state;
    char text[1024];
    capture(say_things, text, sizeof text);
    assert_string_equal(text, "hello 5\ndikdik: warning: slow disk\n"
                              "dikdik: error: a.bin: 3 bytes, expected 4\n");
    capture(say_things_quietly, text, sizeof text);
    assert_string_equal(text, "dikdik: warning: slow disk\n"
                              "dikdik: error: a.bin: 3 bytes, expected 4\n");
    capture(say_things_loudly, text, sizeof text);
    assert_text(text, "expected 4 [test_progress.c:");
    capture(say_things_as_rank_3, text, sizeof text);
    assert_string_equal(text, "dikdik: rank 3: warning: slow disk\n"
                              "dikdik: rank 3: error: a.bin: 3 bytes, expected 4\n");
}

// Time is set back by hand, so that no test has to wait for it.
static void work_in_a_file(void)
{
    struct progress progress;
    progress_begin(&progress, "train", "images", 50000);
    progress.started -= 10.0;
    for (int i = 1; i <= 1000; i++) {
        progress_update(&progress, i, "loss %.2f", 2.0); // too soon for a line
    }
    progress.drawn -= 5.0;
    progress_update(&progress, 12500, "loss %.2f", 1.5);
    progress_update(&progress, 12600, "loss %.2f", 1.4);
    progress_update(&progress, 50000, "loss %.2f", 0.5);
    progress_end(&progress);
}

static void plain_lines_elsewhere(void **state)
{
    (void)state;
    char text[4096];
    capture(work_in_a_file, text, sizeof text);
    assert_null(strchr(text, '\r'));
    assert_null(strchr(text, '\033'));
    const char *second = strchr(text, '\n');
    assert_non_null(second);
    assert_text(text, "train  12,500/50,000 images  25%  1,2");
    assert_text(text, "images/s  0:30 left  loss 1.50\n");
    assert_text(second + 1, "train  50,000/50,000 images  ");
    assert_text(second + 1, "  took 0:10  loss 0.50\n");
    assert_int_equal(strlen(second + 1), strcspn(second + 1, "\n") + 1); // two lines in all
}

static void work_on_a_terminal(void)
{
    struct progress progress;
    progress_begin(&progress, "search", "candidates", 100);
    progress.started -= 3600.0;
    progress_update(&progress, 1, "best %d\nover \033[31m two lines", 7);
    log_info("a message");
    progress.drawn -= 1.0;
    progress_update(&progress, 50, "%s", "");
    progress_end(&progress);
}

static void redrawn_on_a_terminal(void **state)
{
    (void)state;
    char text[4096];
    capture_terminal(120, work_on_a_terminal, text, sizeof text);
    // Drawn; taken away for the message and drawn again; replaced; finished.
    assert_text(text, "\r\033[Ksearch  1/100 candidates  1%  0.000 candidates/s  ");
    assert_text(text, "best 7 over  [31m two lines\r\033[Ka message\r\nsearch  1/100 candidates");
    assert_text(text, "\r\033[Ksearch  50/100 candidates  50%  0.014 candidates/s  1:00:00 left\r");
    assert_text(text, "\r\033[Ksearch  50/100 candidates  0.014 candidates/s  took 1:00:00\r\n");
    capture_terminal(30, work_on_a_terminal, text, sizeof text);
    assert_text(text, "\r\033[Ksearch  1/100 candidates  1% \r"); // 29 columns: one stays free
}

static void work_quietly(void)
{
    log_set_level(LOG_QUIET);
    work_in_a_file();
    log_set_level(LOG_NORMAL);
    log_set_rank(1);
    work_in_a_file();
}

static void nothing_when_not_wanted(void **state)
{
    (void)state;
    char text[1024];
    capture(work_quietly, text, sizeof text);
    assert_string_equal(text, "");
    capture_terminal(80, work_quietly, text, sizeof text);
    assert_string_equal(text, "");
}

static void work_without_total(void)
{
    struct progress progress;
    progress_begin(&progress, "draw", "images", 0);
    progress.drawn -= 6.0;
    progress.started -= 2.0;
    progress_update(&progress, 30, "%s", "x");
    progress.done = 0;
    progress_end(&progress);
}

static void unknown_totals(void **state)
{
    (void)state;
    char text[1024];
    capture(work_without_total, text, sizeof text);
    assert_text(text, "draw  30 images  15.0 images/s  x\n");
    assert_text(text, "draw  0 images  took 0:02  x\n");
}

static void fitting(void **state)
{
    (void)state;
    char line[64] = "ab\xc3\xa9\xe2\x82\xac\tz\x7f\xff!";
    live_line_fit(line, 5);
    assert_string_equal(line, "ab\xc3\xa9\xe2\x82\xac ");
    strcpy(line, "\xff\x80x");
    live_line_fit(line, 10);
    assert_string_equal(line, "  x");
    live_line_fit(line, 0);
    assert_string_equal(line, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),
        cmocka_unit_test(plain_lines_elsewhere),
        cmocka_unit_test(redrawn_on_a_terminal),
        cmocka_unit_test(nothing_when_not_wanted),
        cmocka_unit_test(unknown_totals),
        cmocka_unit_test(fitting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
