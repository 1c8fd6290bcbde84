// The page in a browser: every chart is drawn and has something in it, and nothing is complained
// of. Skips where there is no chromium.
#include "core/file.h"
#include "report_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIP = 77, MOST_BYTES = 64 << 20 };

static char *read_back(const char *path, struct arena *arena)
{
    char *text;
    size_t bytes;
    const enum status code = file_read(path, MOST_BYTES, arena, &text, &bytes);
    assert_int_equal(code, OK);
    return text;
}

static void save_page(const struct report_case *c, int runs, const char *page)
{
    const struct report_options options = {.latency_seconds = 0};
    const char *names[] = {"made=1,seed=1", "made=1,seed=2"}, *folders[2];
    static char paths[2][CASE_PATH];
    struct report report;
    for (int i = 0; i < runs; i++) {
        const struct made_run made = {
            .episodes = 400, .seed = i + 1, .results = true, .accuracy_test = 0.8, .network = true};
        folders[i] = report_case_path(c, names[i], paths[i]);
        report_case_make(c, names[i], &made);
    }
    assert_int_equal(report_open(folders, runs, &options, &report), OK);
    assert_int_equal(report_page_save(&report, page), OK);
    report_close(&report);
}

static void check_charts(const struct report_case *c, int runs, int expected)
{
    char page[CASE_PATH], path[CASE_PATH], command[2 * CASE_PATH + 512];
    struct arena arena = {0};
    save_page(c, runs, report_case_path(c, "page.html", page));
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
    const int figures = report_case_count(dom, "<figure>");
    assert_int_equal(figures, expected);
    assert_int_equal(report_case_count(dom, "<svg ") + report_case_count(dom, "<canvas "), figures);
    assert_int_equal(report_case_count(dom, "best reward so far, by setting<"), runs > 1 ? 2 : 0);
    assert_null(strstr(dom, "could not be drawn</div>"));
    assert_null(strstr(log, "CONSOLE"));
    arena_close(&arena);
}

static void charts_are_drawn(void **state)
{
    // Accuracy against 3 costs of 2 tasks, 2 of rewards, 2 of decisions, 1 of certainty, 6 of
    // learning (what is 0 throughout is left out), 1 of time.
    check_charts(*state, 1, 18);
}

static void seeds_are_put_together(void **state)
{
    // The same with both runs in each chart, but of decisions, certainty and time; 2 of settings.
    check_charts(*state, 2, 18 + 4 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(charts_are_drawn, report_case_setup, report_case_teardown),
        cmocka_unit_test_setup_teardown(seeds_are_put_together, report_case_setup,
                                        report_case_teardown)};
    if (system("command -v chromium >/dev/null 2>&1") != 0) {
        printf("skipped: there is no chromium here\n");
        return SKIP;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
