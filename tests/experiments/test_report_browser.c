// The page in a browser: every chart is drawn and has something in it, and nothing is complained
// of. Skips where there is no chromium.
#include "core/file.h"
#include "report_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIP = 77, MOST_BYTES = 64 << 20 };

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) {
        n++;
    }
    return n;
}

static char *read_back(const char *path, struct arena *arena)
{
    char *text;
    size_t bytes;
    const enum status code = file_read(path, MOST_BYTES, arena, &text, &bytes);
    assert_int_equal(code, OK);
    return text;
}

static void charts_are_drawn(void **state)
{
    const struct made_run made = {
        .episodes = 400, .seed = 1, .results = true, .accuracy_test = 0.8, .network = true};
    const struct report_options options = {.latency_seconds = 0};
    const struct report_case *c = *state;
    char folder[CASE_PATH], page[CASE_PATH], path[CASE_PATH], command[2 * CASE_PATH + 512];
    const char *given = report_case_path(c, "run", folder);
    struct report report;
    struct arena arena = {0};
    report_case_make(c, "run", &made);
    assert_int_equal(report_open(&given, 1, &options, &report), OK);
    report_case_path(c, "page.html", page);
    assert_int_equal(report_page_save(&report, page), OK);
    report_close(&report);
    if (strstr(read_back(page, &arena), "has no charts") != NULL) { // libjs-vega was not there
        arena_close(&arena);
        skip();
    }
    snprintf(
        command, sizeof command,
        "cd '%s' && chromium --headless --no-sandbox --disable-gpu --user-data-dir='%s/home' "
        "--virtual-time-budget=20000 --enable-logging=stderr --dump-dom 'file://%s' >dom 2>log",
        c->root, c->root, page);
    assert_int_equal(system(command), 0);
    const char *dom = read_back(report_case_path(c, "dom", path), &arena);
    const char *log = read_back(report_case_path(c, "log", path), &arena);
    const int figures = count(dom, "<figure>");
    // Accuracy against 3 costs of 2 tasks, 2 of rewards, 2 of decisions, 1 of certainty, 6 of
    // learning (what is 0 throughout is left out), 1 of time.
    assert_int_equal(figures, 18);
    assert_int_equal(count(dom, "<svg ") + count(dom, "<canvas "), figures);
    assert_null(strstr(dom, "could not be drawn</div>"));
    assert_null(strstr(log, "CONSOLE"));
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(charts_are_drawn, report_case_setup, report_case_teardown)};
    if (system("command -v chromium >/dev/null 2>&1") != 0) {
        printf("skipped: there is no chromium here\n");
        return SKIP;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
