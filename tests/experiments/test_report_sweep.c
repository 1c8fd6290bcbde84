// Folders of sweeps: their runs, and their own tables.
#include "core/hdf5_file.h"
#include "report_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void a_sweep_stands_for_its_runs(void **state)
{
    const struct made_run made = {.episodes = 8, .seed = 1};
    struct arena arena = {0};
    const char **folders;
    char path[CASE_PATH];
    int n;
    report_case_make(*state, "sweep/runs/b", &made);
    report_case_make(*state, "sweep/runs/a", &made);
    report_case_write(*state, "sweep/sweep.h5", "-");
    const char *given = report_case_path(*state, "sweep", path);
    assert_int_equal(report_folders(&given, 1, &arena, &folders, &n), OK);
    assert_int_equal(n, 2);
    assert_string_equal(strrchr(folders[0], '/'), "/a");
    arena_close(&arena);
}

static struct hdf5_item texts_item(const char *name, int64_t rows, int64_t columns, int64_t width,
                                   const char *bytes)
{
    return (struct hdf5_item){
        .name = name,
        .array = {.type = HDF5_U8,
                  .n_dims = columns > 0 ? 3
                            : rows > 0  ? 2
                                        : 1,
                  .dims = {rows > 0 ? rows : width, columns > 0 ? columns : width, width},
                  .count = (size_t)((rows > 0 ? rows : 1) * (columns > 0 ? columns : 1) * width)},
        .data = bytes};
}

static struct hdf5_item numbers_item(const char *name, int64_t rows, int64_t columns,
                                     const double *values)
{
    return (struct hdf5_item){.name = name,
                              .array = {.type = HDF5_F64,
                                        .n_dims = columns > 0 ? 2 : 1,
                                        .dims = {rows, columns},
                                        .count = (size_t)(rows * (columns > 0 ? columns : 1))},
                              .data = values};
}

// Two settings of one option, two tasks; the last column is over both.
static void a_sweep_shows_its_settings(void **state)
{
    static const double done[] = {3, 2}, failed[] = {0, 1}, importance[] = {0.625, (double)NAN};
    static const double mean[] = {0.1, 0.2, 0.375, 0.3, 0.4, 0.5};
    const struct hdf5_item items[] = {
        texts_item("sweep/name", 0, 0, 4, "tiny"),
        texts_item("sweep/figure", 0, 0, 4, "<me>"),
        texts_item("options/name", 2, 0, 4, "rateseed"),
        texts_item("groups/values", 2, 2, 3,
                   "1-3\0\0\0"
                   "3-3\0\0\0"),
        numbers_item("options/importance", 2, 0, importance),
        numbers_item("groups/done", 2, 0, done),
        numbers_item("groups/failed", 2, 0, failed),
        numbers_item("groups/mean", 2, 3, mean),
        numbers_item("groups/deviation", 2, 3, mean),
        numbers_item("groups/iqm", 2, 3, mean),
        numbers_item("groups/iqm_low", 2, 3, mean),
        numbers_item("groups/iqm_high", 2, 3, mean),
    };
    const struct made_run made = {.episodes = 8, .seed = 1};
    char sweep[CASE_PATH], run[CASE_PATH], path[CASE_PATH];
    struct report report;
    struct text text = {0};
    report_case_make(*state, "sweep/runs/a", &made);
    assert_int_equal(hdf5_write(report_case_path(*state, "sweep/sweep.h5", path), items,
                                (int)(sizeof items / sizeof items[0])),
                     OK);
    const char *given = report_case_path(*state, "sweep", sweep);
    const char *folder = report_case_path(*state, "sweep/runs/a", run);
    const struct report_options options = {.given = &given, .n_given = 1};
    assert_int_equal(report_open(&folder, 1, &options, &report), OK);
    assert_int_equal(report_write(&report, REPORT_MARKDOWN, &text), OK);
    assert_non_null(strstr(text.bytes, "Sweep tiny: settings, by \\<me\\>"));
    assert_non_null(strstr(text.bytes, "| 1-3 | - | 3 | 0 | 0.3750 |"));
    assert_non_null(strstr(text.bytes, "| 3-3 | - | 2 | 1 | 0.5000 |"));
    assert_non_null(strstr(text.bytes, "| rate | 0.6250 |"));
    text_close(&text);
    report_case_write(*state, "sweep/sweep.h5", "no such file");
    assert_int_equal(report_write(&report, REPORT_MARKDOWN, &text), ERR_INPUT);
    assert_non_null(strstr(status_message(), "sweep.h5"));
    text_close(&text);
    report_close(&report);
}

// Runs of so many folders, runs/run00 and on, as one report.
static void open_runs(struct report_case *c, const struct made_run *made, int n,
                      struct report *report)
{
    enum { MOST = REPORT_MOST_DETAILED + 6 };
    static char paths[MOST][CASE_PATH];
    const char *folders[MOST];
    const struct report_options options = {.latency_seconds = 0};
    assert_in_range(n, 1, MOST);
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "runs/run%02d", i);
        report_case_make(c, name, &made[i]);
        folders[i] = report_case_path(c, name, paths[i]);
    }
    assert_int_equal(report_open(folders, n, &options, report), OK);
    assert_int_equal(report->n_detailed, REPORT_MOST_DETAILED);
}

// More than a page can show: the results are of all, charts and details of the first.
static void many_runs_are_a_page_that_opens(void **state)
{
    enum { RUNS = REPORT_MOST_DETAILED + 6 };
    struct made_run made[RUNS];
    struct report report;
    struct text text = {0};
    for (int i = 0; i < RUNS; i++) {
        made[i] =
            (struct made_run){.episodes = 8, .seed = i, .results = true, .accuracy_test = 0.5};
    }
    open_runs(*state, made, RUNS, &report);
    assert_int_equal(report.n_groups, 1);
    assert_int_equal(report_write(&report, REPORT_PAGE, &text), OK);
    assert_int_equal(report_case_count(text.bytes, "<summary>Config of run"), REPORT_MOST_DETAILED);
    assert_int_equal(report_case_count(text.bytes, "\"drawn\":true"), REPORT_MOST_DRAWN);
    assert_int_equal(report_case_count(text.bytes, "\"drawn\":"), REPORT_MOST_DETAILED);
    assert_non_null(strstr(text.bytes, "charts and details are of 24"));
    assert_int_equal(report_case_count(text.bytes, "<th scope=\"row\">run29</th>"),
                     2); // its two tasks
    text_close(&text);
    assert_int_equal(report_write(&report, REPORT_JSON, &text), OK);
    assert_int_equal(report_case_count(text.bytes, "\"drawn\""), RUNS);
    text_close(&text);
    report_close(&report);
}

// Of more settings than a page can show in detail, those that came out best.
static void best_settings_are_shown(void **state)
{
    enum { RUNS = REPORT_MOST_DETAILED + 2 };
    struct made_run made[RUNS];
    struct report report;
    struct text text = {0};
    for (int i = 0; i < RUNS; i++) {
        made[i] = (struct made_run){
            .episodes = 8, .setting = i, .results = true, .accuracy_test = 0.5 + 0.01 * i};
    }
    made[2].episodes = 0; // has nothing yet
    made[2].results = false;
    made[4].accuracy_test = 0.2; // is the worst
    open_runs(*state, made, RUNS, &report);
    assert_int_equal(report.n_groups, RUNS);
    for (int i = 0; i < RUNS; i++) {
        const int better = RUNS - 1 - i - (i < 2) - (i < 4); // the best are the last
        assert_int_equal(report.runs[i].place, i == 2 || i == 4 ? -1 : better);
    }
    assert_int_equal(report_write(&report, REPORT_PAGE, &text), OK);
    assert_non_null(strstr(text.bytes, "details are of 24, one of each of the best settings"));
    text_close(&text);
    report_close(&report);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, report_case_setup, report_case_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sweep_stands_for_its_runs),
        CASE(a_sweep_shows_its_settings),
        CASE(many_runs_are_a_page_that_opens),
        CASE(best_settings_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
