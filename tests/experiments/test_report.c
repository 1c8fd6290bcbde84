// A report's numbers are those of the run's files; what is broken says so; names cannot break out.
#include "core/file.h"
#include "core/folder_lock.h"
#include "core/json.h"
#include "core/machine.h"
#include "report_case.h"
#include "run/run_starts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void assert_near(double a, double b, double most)
{
    if (!(fabs(a - b) <= most)) {
        fail_msg("%.17g is not %.17g", a, b);
    }
}

static const struct report_options no_latency = {.latency_seconds = 0};

static enum status open_one(const struct report_case *c, const char *name, struct report *out)
{
    static char path[CASE_PATH];
    const char *folder = report_case_path(c, name, path);
    return report_open(&folder, 1, &no_latency, out);
}

static struct json *json_of(const struct report *report)
{
    struct text text = {0};
    struct json *document;
    assert_int_equal(report_write(report, REPORT_JSON, &text), OK);
    assert_int_equal(json_parse(text.bytes, text.length, "report", &document), OK);
    text_close(&text);
    return document;
}

static double number(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    assert_non_null(value);
    assert_int_equal(json_kind(value), JSON_NUMBER);
    return json_number(value);
}

static bool warns(const struct report *report, const char *kind)
{
    bool found = false;
    for (int i = 0; i < report->n_warnings; i++) {
        found = found || strcmp(report->warnings[i].kind, kind) == 0;
    }
    return found;
}

// ---- numbers

static void numbers_are_those_of_the_rows(void **state)
{
    const struct made_run made = {.episodes = 400, .seed = 1};
    struct report report;
    report_case_make(*state, "run", &made);
    assert_int_equal(open_one(*state, "run", &report), OK);
    struct json *json = json_of(&report);
    const struct json *run = json_at(json_get(json, "runs"), 0);
    const struct json *search = json_get(run, "search");
    assert_int_equal((int)number(search, "episodes"), 400);
    assert_int_equal((int)number(search, "evaluations"), 360);
    assert_int_equal((int)number(search, "updates"), 100);
    assert_int_equal((int)number(search, "retries"), 80);
    assert_near(number(search, "lag_mean"), 2, 1e-12);
    assert_near(number(search, "learning_seconds"), 25, 1e-9);
    assert_near(number(search, "seconds"), 399, 1e-9);
    const struct json *process = json_at(json_get(run, "processes"), 1);
    assert_near(number(process, "environment_seconds"), 100, 1e-9);
    assert_near(number(process, "policy_seconds"), 25, 1e-9);
    const struct json *failures = json_get(json_at(json_get(run, "tasks"), 1), "failures");
    assert_int_equal(json_count(failures), 1); // odd episodes are task 1's
    assert_string_equal(json_string(json_get(json_at(failures, 0), "reason")),
                        failure_name(FAILURE_CRASH));
    assert_int_equal((int)number(json_at(failures, 0), "episodes"), 40);
    assert_int_equal((int)number(json_at(failures, 0), "first"), 9);
    json_close(json);
    report_close(&report);
}

static void best_and_fronts_are_exact(void **state)
{
    const struct made_run made = {.episodes = 3000, .seed = 1};
    struct report report;
    report_case_make(*state, "run", &made);
    assert_int_equal(open_one(*state, "run", &report), OK);
    struct json *json = json_of(&report);
    const struct json *task = json_at(json_get(json_at(json_get(json, "runs"), 0), "tasks"), 0);
    double best = 0;
    int n = 0;
    const struct json *steps = json_get(task, "best_so_far");
    for (int e = 0; e < made.episodes; e += 2) {
        if (!report_case_fails(e) && 2 * report_case_accuracy(e) > best) {
            best = 2 * report_case_accuracy(e);
            assert_true(n < json_count(steps));
            assert_int_equal((int)number(json_at(steps, n), "episode"), e);
            n++;
        }
    }
    assert_int_equal(json_count(steps), n);
    assert_near(number(task, "best_reward"), best, 1e-12);
    // Nothing that was tried is better than the front in both.
    const struct json *front = json_get(json_get(task, "front"), "macs");
    for (int e = 0; e < made.episodes; e += 2) {
        bool beaten = report_case_fails(e);
        for (int i = 0; i < json_count(front) && !beaten; i++) {
            beaten = number(json_at(front, i), "macs") <= 1000 + e % 97 &&
                     number(json_at(front, i), "accuracy") >= report_case_accuracy(e) - 1e-6;
        }
        assert_true(beaten);
    }
    assert_true(json_count(json_get(task, "candidates")) <= 300);
    assert_true(json_count(json_get(task, "rewards")) <= REPORT_MOST_BINS);
    json_close(json);
    report_close(&report);
}

static void decisions_have_names_and_entropies(void **state)
{
    const struct made_run made = {
        .episodes = 400, .seed = 1, .results = true, .accuracy_test = 0.8, .network = true};
    struct report report;
    report_case_make(*state, "run", &made);
    assert_int_equal(open_one(*state, "run", &report), OK);
    const struct report_task *task = &report.runs[0].tasks[1];
    assert_int_equal(task->n_decisions, 3);
    assert_string_equal(task->decisions[1].name, "conv2");
    assert_near(task->decisions[1].before, 32, 0);
    assert_near(task->decisions[1].after, 20, 0);
    assert_int_equal(task->n_steps, 3);
    assert_string_equal(task->steps[2].name, "conv3");
    for (int g = 0; g < REPORT_LOOKS; g++) {
        assert_int_equal(task->steps[2].n[g], 10); // 100 looks, all of odd episodes
        assert_near(task->steps[2].share[g], 0.75, 1e-12);
    }
    report_close(&report);
}

static void seeds_are_put_together(void **state)
{
    static const char *const names[] = {"s1", "s2", "s3", "other"};
    char paths[4][CASE_PATH];
    const char *folders[4];
    struct report report;
    for (int i = 0; i < 3; i++) {
        const struct made_run made = {
            .episodes = 8, .seed = i + 1, .results = true, .accuracy_test = 0.8 + 0.01 * i};
        report_case_make(*state, names[i], &made);
        folders[i] = report_case_path(*state, names[i], paths[i]);
    }
    assert_int_equal(report_open(folders, 3, &no_latency, &report), OK);
    assert_int_equal(report.n_groups, 1);
    assert_false(warns(&report, "seeds"));
    struct json *json = json_of(&report);
    const struct json *task = json_at(json_get(json_at(json_get(json, "groups"), 0), "tasks"), 0);
    const struct json *test = json_get(json_get(task, "figures"), "accuracy_test");
    assert_int_equal((int)number(test, "n"), 3);
    assert_near(number(test, "mean"), 0.81, 1e-12);
    assert_near(number(test, "deviation"), 0.01, 1e-12);
    json_close(json);
    report_close(&report);
    assert_int_equal(report_open(folders, 2, &no_latency, &report), OK);
    assert_true(warns(&report, "seeds"));
    report_close(&report);
}

static void formats_say_the_same(void **state)
{
    const struct made_run made = {
        .episodes = 40, .seed = 1, .results = true, .accuracy_test = 0.8125};
    static const enum report_format formats[] = {REPORT_PAGE, REPORT_MARKDOWN, REPORT_CSV,
                                                 REPORT_JSON};
    static const char *const said[] = {">81.25%<", " 81.25% ", ",0.8125,", "0.8125"};
    struct report report;
    report_case_make(*state, "run", &made);
    assert_int_equal(open_one(*state, "run", &report), OK);
    for (int i = 0; i < 4; i++) {
        struct text text = {0};
        assert_int_equal(report_write(&report, formats[i], &text), OK);
        assert_non_null(strstr(text.bytes, said[i]));
        assert_non_null(strstr(text.bytes, "a-macs0.3"));
        text_close(&text);
    }
    report_close(&report);
}

// ---- warnings

static void no_gain_in_latency_is_told(void **state)
{
    const struct made_run made = {.episodes = 8, .seed = 1, .results = true, .accuracy_test = 0.8};
    struct report report;
    char text[2048];
    report_case_make(*state, "run", &made);
    snprintf(
        text, sizeof text,
        "{\"processor\": \"%s\", \"backend\": \"cpu\", \"threads\": %d, \"tasks\": ["
        "{\"task\": \"a-macs0.5\", \"full_macs\": 2000, \"full_params\": 200, \"macs\": 1000, "
        "\"params\": 100, \"before_ms\": 1, \"before_p90_ms\": 1.5, \"ms\": 1.02, \"p90_ms\": 2, "
        "\"ratio\": 1.02, \"ratio_error\": 0.01, \"difference\": 0.001},"
        "{\"task\": \"a-macs0.3\", \"full_macs\": 2000, \"full_params\": 200, \"macs\": 600, "
        "\"params\": 100, \"before_ms\": 1, \"before_p90_ms\": 1.5, \"ms\": 0.5, \"p90_ms\": "
        "0.75, \"ratio\": 0.5, \"ratio_error\": 0.01, \"difference\": 0.03}]}",
        machine_processor(), machine_cores());
    report_case_write(*state, "run/latency.json", text);
    assert_int_equal(open_one(*state, "run", &report), OK);
    assert_true(report.runs[0].tasks[0].timed);
    assert_true(warns(&report, "latency"));  // of the first task
    assert_true(warns(&report, "unsteady")); // of the second one
    struct text page = {0};
    assert_int_equal(report_write(&report, REPORT_PAGE, &page), OK);
    assert_non_null(strstr(page.bytes, "1.020 ms (p90 2.000 ms)"));
    text_close(&page);
    report_close(&report);
}

static void seen_images_are_told(void **state)
{
    const struct made_run made = {.episodes = 8, .seed = 1, .results = true, .accuracy_test = 0.8};
    struct report report;
    struct run_result result;
    struct arena arena = {0};
    char path[CASE_PATH];
    report_case_make(*state, "run", &made);
    report_case_path(*state, "run/results/a-macs0.5.json", path);
    assert_int_equal(run_result_read(path, &arena, &result), OK);
    result.validation_images = IMAGES_UNKNOWN;
    result.accuracy_base = 0.99;
    assert_int_equal(run_result_write(&result, path), OK);
    arena_close(&arena);
    assert_int_equal(open_one(*state, "run", &report), OK);
    assert_true(warns(&report, "seen"));
    assert_false(warns(&report, "unknown"));
    report_close(&report);
}

// ---- what is broken, half-written or hostile

static void broken_folders_are_named(void **state)
{
    const struct made_run made = {.episodes = 8, .seed = 1, .results = true};
    struct report report;
    char path[CASE_PATH];
    assert_int_equal(open_one(*state, "nothing", &report), ERR_INPUT);
    assert_non_null(strstr(status_message(), "nothing/config.json"));
    report_case_make(*state, "run", &made);
    report_case_write(*state, "run/results/a-macs0.3.json", "{\"full_macs\": ");
    assert_int_equal(open_one(*state, "run", &report), ERR_CONFIG);
    assert_non_null(strstr(status_message(), "results/a-macs0.3.json"));
    report_case_make(*state, "run", &made);
    assert_int_equal(truncate(report_case_path(*state, "run/run.h5", path), 3000), 0);
    assert_int_equal(open_one(*state, "run", &report), ERR_INPUT);
    assert_non_null(strstr(status_message(), "run.h5"));
    report_case_make(*state, "run", &made);
    report_case_write(*state, "run/config.json", "{\"name\": \"x\", \"colour\": 3}");
    assert_int_equal(open_one(*state, "run", &report), ERR_CONFIG);
    assert_non_null(strstr(status_message(), "colour"));
}

static void a_run_that_has_just_begun_has_a_report(void **state)
{
    const struct made_run made = {.episodes = 0, .seed = 1};
    struct report report;
    struct text page = {0};
    char path[CASE_PATH];
    report_case_make(*state, "run", &made);
    assert_int_equal(open_one(*state, "run", &report), OK); // no row yet
    report_close(&report);
    assert_int_equal(unlink(report_case_path(*state, "run/run.h5", path)), 0);
    assert_int_equal(open_one(*state, "run", &report), OK);
    assert_int_equal(report.runs[0].state, REPORT_STOPPED);
    assert_true(warns(&report, "unfinished"));
    assert_int_equal(report_write(&report, REPORT_PAGE, &page), OK);
    text_close(&page);
    report_close(&report);
}

// Another process holds the folder.
static void a_run_that_goes_on_says_so(void **state)
{
    const struct made_run made = {.episodes = 8, .seed = 1};
    struct report report;
    struct text page = {0};
    char path[CASE_PATH];
    int ready[2], leave[2];
    char byte = 0;
    report_case_make(*state, "run", &made);
    report_case_path(*state, "run", path);
    assert_int_equal(pipe(ready) | pipe(leave), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct folder_lock lock = {.file = -1};
        const bool taken = folder_lock_take(path, "test", &folder_lock_patience, &lock) == OK;
        const bool told = write(ready[1], taken ? "y" : "n", 1) == 1;
        close(leave[1]);
        _exit(told && read(leave[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(leave[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    const char *folder = path;
    const struct report_options watching = {.refresh_seconds = 5};
    assert_int_equal(report_open(&folder, 1, &watching, &report), OK);
    assert_int_equal(report.runs[0].state, REPORT_GOING);
    assert_int_equal(report_write(&report, REPORT_PAGE, &page), OK);
    assert_non_null(strstr(page.bytes, "id=\"refresh\""));
    text_close(&page);
    report_close(&report);
    close(leave[1]);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(report_open(&folder, 1, &watching, &report), OK);
    assert_int_equal(report.runs[0].state, REPORT_STOPPED);
    report_close(&report);
}

static void names_cannot_break_out(void **state)
{
    static const char hostile[] = "<script>alert(1)<!--<script \"'&";
    const struct made_run made = {.episodes = 8, .seed = 1, .results = true};
    struct report report;
    struct text page = {0}, markdown = {0}, csv = {0};
    report_case_make(*state, hostile, &made);
    assert_int_equal(open_one(*state, hostile, &report), OK);
    assert_int_equal(report_write(&report, REPORT_PAGE, &page), OK);
    assert_null(strstr(page.bytes, "<script>alert"));
    assert_null(strstr(page.bytes, "<!--<script"));
    assert_non_null(strstr(page.bytes, "&lt;script&gt;alert(1)&lt;!--&lt;script &quot;&#39;&amp;"));
    // The data is one script element that reads back.
    const char *data = strstr(page.bytes, "id=\"data\">");
    assert_non_null(data);
    data += strlen("id=\"data\">");
    struct json *json;
    assert_int_equal(
        json_parse(data, (size_t)(strchr(data, '<') - data), "data of the page", &json), OK);
    const struct json *run = json_at(json_get(json, "runs"), 0);
    assert_string_equal(json_string(json_get(run, "label")), hostile);
    json_close(json);
    assert_int_equal(report_write(&report, REPORT_MARKDOWN, &markdown), OK);
    assert_null(strstr(markdown.bytes, "<script>"));
    assert_int_equal(report_write(&report, REPORT_CSV, &csv), OK);
    assert_non_null(strstr(csv.bytes, "run,\"<script>alert(1)<!--<script \"\"'&\",1,"));
    text_close(&page);
    text_close(&markdown);
    text_close(&csv);
    report_close(&report);
}

static void long_runs_make_small_pages(void **state)
{
    const struct made_run made = {.episodes = 100000, .seed = 1, .results = true};
    struct report report;
    struct text page = {0};
    report_case_make(*state, "run", &made);
    assert_int_equal(open_one(*state, "run", &report), OK);
    assert_int_equal(report_write(&report, REPORT_PAGE, &page), OK);
    assert_true(page.length < 3U << 20);
    text_close(&page);
    report_close(&report);
}

// ---- starts

static void commands_are_quoted_and_starts_survive_a_cut(void **state)
{
    struct arena arena = {0};
    char *const words[] = {"run", "my config.json", "--set", "name=it's", NULL};
    struct run_start *starts;
    char path[CASE_PATH];
    int n;
    assert_string_equal(run_start_command(words, 4, &arena),
                        "dikdik run 'my config.json' --set 'name=it'\\''s'");
    report_case_write(*state, "starts.jsonl",
                      "{\"command\": \"dikdik run a\", \"cores\": 2}\n{\"command\": \"dikdik run "
                      "b\"}\n{\"comm");
    report_case_path(*state, "starts.jsonl", path);
    assert_int_equal(run_starts_read(path, &arena, &starts, &n), OK);
    assert_int_equal(n, 2);
    assert_string_equal(starts[1].command, "dikdik run b");
    assert_int_equal(starts[0].cores, 2);
    report_case_path(*state, "absent.jsonl", path);
    assert_int_equal(run_starts_read(path, &arena, &starts, &n), OK);
    assert_int_equal(n, 0);
    arena_close(&arena);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, report_case_setup, report_case_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(numbers_are_those_of_the_rows),
        CASE(best_and_fronts_are_exact),
        CASE(decisions_have_names_and_entropies),
        CASE(seeds_are_put_together),
        CASE(formats_say_the_same),
        CASE(no_gain_in_latency_is_told),
        CASE(seen_images_are_told),
        CASE(broken_folders_are_named),
        CASE(a_run_that_has_just_begun_has_a_report),
        CASE(a_run_that_goes_on_says_so),
        CASE(names_cannot_break_out),
        CASE(long_runs_make_small_pages),
        CASE(commands_are_quoted_and_starts_survive_a_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
