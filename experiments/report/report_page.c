// A report as one page that needs nothing else: tables are there without any script, charts are
// drawn from the report's JSON by Vega.
#include "core/file.h"
#include "experiments/report/embedded.h"
#include "experiments/report/report_table.h"

#include <string.h>

// ---- writing HTML

// Text between tags or in an attribute with double quotes. Bytes that no page may hold become
// spaces.
static void add_escaped(struct text *out, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            text_add(out, "&amp;");
            break;
        case '<':
            text_add(out, "&lt;");
            break;
        case '>':
            text_add(out, "&gt;");
            break;
        case '"':
            text_add(out, "&quot;");
            break;
        case '\'':
            text_add(out, "&#39;");
            break;
        default:
            text_add_bytes(out, (unsigned char)*c < 0x20 && *c != '\n' ? " " : c, 1);
        }
    }
}

// JSON inside a script element: no '<' can end it, or begin a comment.
static void add_data(struct text *out, const char *json, size_t n)
{
    for (size_t from = 0; from < n;) {
        const char *at = memchr(json + from, '<', n - from);
        const size_t to = at != NULL ? (size_t)(at - json) : n;
        text_add_bytes(out, json + from, to - from);
        text_add(out, at != NULL ? "\\u003c" : "");
        from = to + (at != NULL ? 1 : 0);
    }
}

static const struct embedded_file *find_file(const char *name)
{
    const struct embedded_file *file = embedded_files;
    while (file->name != NULL && strcmp(file->name, name) != 0) {
        file++;
    }
    CHECK(file->name != NULL);
    return file;
}

static void add_file(struct text *out, const char *name)
{
    const struct embedded_file *file = find_file(name);
    text_add_bytes(out, file->bytes, (size_t)(file->end - file->bytes));
}

// In which "--" would be the end.
static void add_comment(struct text *out, const char *name)
{
    const struct embedded_file *file = find_file(name);
    text_add(out, "<!--\n");
    for (const char *at = file->bytes; at < file->end; at++) {
        text_add_bytes(out, at, 1);
        if (at[0] == '-' && at[1] == '-') {
            text_add(out, " ");
        }
    }
    text_add(out, "-->\n");
}

static bool is_vega(const struct embedded_file *file)
{
    return strncmp(file->name, "vega-", 5) == 0;
}

static bool has_charts(void)
{
    bool any = false;
    for (const struct embedded_file *file = embedded_files; file->name != NULL; file++) {
        any = any || is_vega(file);
    }
    return any;
}

// ---- its parts

static void add_table(struct text *out, const struct report_table *table)
{
    text_add(out, table->folded ? "<details><summary>" : "<h3>");
    add_escaped(out, table->title);
    text_add(out, table->folded ? "</summary>\n" : "</h3>\n");
    text_add(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table: ");
    add_escaped(out, table->title);
    text_add(out, "\"><table><thead><tr>");
    for (int i = 0; i < table->columns; i++) {
        const bool number = table->headers[i][0] == '>';
        text_add(out, "<th scope=\"col\"%s>", number ? " class=\"number\"" : "");
        add_escaped(out, table->headers[i] + number);
        text_add(out, "</th>");
    }
    text_add(out, "</tr></thead><tbody>");
    for (int i = 0; i < table->n; i++) {
        const int column = i % table->columns;
        const bool number = table->headers[column][0] == '>';
        const char *tag = column == 0 ? "th scope=\"row\"" : "td";
        text_add(out, "%s<%s%s>", column == 0 ? "<tr>" : "", tag,
                 number ? " class=\"number\"" : "");
        add_escaped(out, table->cells[i]);
        text_add(out, "</%.2s>%s", tag, column == table->columns - 1 ? "</tr>\n" : "");
    }
    text_add(out, "</tbody></table></div>\n");
    if (table->note[0] != '\0') {
        text_add(out, "<p class=\"note\">");
        add_escaped(out, table->note);
        text_add(out, "</p>\n");
    }
    text_add(out, table->folded ? "</details>\n" : "");
}

static int add_tables(struct text *out, const struct report_tables *tables,
                      enum report_section section)
{
    int n = 0;
    for (int i = 0; i < tables->n; i++) {
        if (tables->tables[i].section == section) {
            add_table(out, &tables->tables[i]);
            n++;
        }
    }
    return n;
}

static void add_warnings(struct text *out, const struct report *report)
{
    text_add(out, "<section id=\"warnings\"><h2>Before you believe it</h2>\n");
    text_add(out,
             report->n_warnings > 0 ? "<ul class=\"warnings\">\n" : "<p>Nothing to warn of.</p>\n");
    for (int i = 0; i < report->n_warnings; i++) {
        text_add(out, "<li class=\"%s\"><strong>", report->warnings[i].kind);
        add_escaped(out, report->warnings[i].where);
        text_add(out, "</strong>: ");
        add_escaped(out, report->warnings[i].text);
        text_add(out, "</li>\n");
    }
    text_add(out, report->n_warnings > 0 ? "</ul>\n</section>\n" : "</section>\n");
}

// A section that charts are drawn into, in a folder of its own when there are tables beside them.
static const struct section {
    const char *id, *title, *note;
    int tables; // enum report_section; -1 = none
    bool charts;
} sections[] = {
    {"results", "Results", "", SECTION_RESULTS, false},
    {"tradeoff", "Accuracy against cost",
     "Every candidate as the search scored it, on its own images; the line joins those that no "
     "other "
     "is better than in accuracy and this cost. Lower cost is to the left.",
     -1, true},
    {"progress", "Reward over evaluations",
     "The line is the best so far, the shades are the middle half and all of the rewards at the "
     "time.",
     -1, true},
    {"decisions", "What was decided", "What stood there before, and what was taken.",
     SECTION_DECISIONS, true},
    {"certainty", "How sure the agent is",
     "Entropy of the policy at each step, as a share of that of an even choice: a strong colour is "
     "sure. "
     "Early "
     "episodes are to the left.",
     -1, true},
    {"learning", "Learning",
     "Over updates. Lag: updates between the weights that acted and the learning; ratio: how "
     "likely "
     "the newest policy makes what was done, against the one that did it (1: the same).",
     -1, true},
    {"time", "Where the time went", "", SECTION_TIME, true},
    {"failures", "Failures", "", SECTION_FAILURES, false},
};

static void add_section(struct text *out, const struct report_tables *tables,
                        const struct section *section)
{
    text_add(out, "<section id=\"%s\"><h2>%s</h2>\n", section->id, section->title);
    if (section->note[0] != '\0') {
        text_add(out, "<p class=\"note\">%s</p>\n", section->note);
    }
    if (section->charts) {
        text_add(out, "<div class=\"charts\" id=\"%s-charts\"></div>\n", section->id);
    }
    if (section->tables >= 0 &&
        add_tables(out, tables, (enum report_section)section->tables) == 0 && !section->charts) {
        text_add(out, "<p>None.</p>\n");
    }
    text_add(out, "</section>\n");
}

static void add_origin(struct text *out, const struct report *report,
                       const struct report_tables *tables)
{
    text_add(out, "<section id=\"origin\"><h2>How it was made</h2>\n");
    add_tables(out, tables, SECTION_ORIGIN);
    for (int i = 0; i < report->n_runs; i++) {
        if (report->runs[i].place < 0) {
            continue;
        }
        text_add(out, "<details><summary>Config of ");
        add_escaped(out, report_run_label(report, i));
        text_add(out, "</summary><pre tabindex=\"0\">");
        add_escaped(out, report->runs[i].config_text);
        text_add(out, "</pre></details>\n");
    }
    text_add(out, "</section>\n");
}

static void add_head(struct text *out, const struct report *report)
{
    text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n"
                  "<meta name=\"generator\" content=\"dikdik " DIKDIK_VERSION "\">\n"
                  "<link rel=\"icon\" href=\"data:,\">\n<title>");
    for (int i = 0; i < report->n_groups && i < 3; i++) {
        text_add(out, i > 0 ? "; " : "");
        add_escaped(out, report->groups[i].name);
    }
    text_add(out, " - dikdik report</title>\n<style>\n");
    add_file(out, "page.css");
    text_add(out, "</style>\n</head>\n<body>\n"
                  "<a class=\"skip\" href=\"#results\">To the results</a>\n<header><h1>");
    for (int i = 0; i < report->n_groups && i < 3; i++) {
        text_add(out, i > 0 ? "; " : "");
        add_escaped(out, report->groups[i].name);
    }
    text_add(out,
             "</h1>\n<p id=\"state\">dikdik report of %d run%s, made <time "
             "datetime=\"%s\">%s</time>%s</p>\n",
             report->n_runs, report->n_runs == 1 ? "" : "s", report->made, report->made,
             report_is_going(report) ? "; the work goes on" : "");
    if (report->n_detailed < report->n_runs) {
        text_add(out,
                 "<p>The results are those of all runs; charts and details are of %d, %s. "
                 "<code>dikdik report FOLDER</code> shows any other.</p>\n",
                 report->n_detailed,
                 report->n_groups > REPORT_MOST_DETAILED ? "one of each of the best settings"
                                                         : "the first ones of each setting");
    }
    if (report->refresh_seconds > 0 && report_is_going(report)) {
        text_add(out,
                 "<p><label><input type=\"checkbox\" id=\"refresh\" checked> load this page again "
                 "every %.0f s</label></p>\n",
                 report->refresh_seconds);
    }
    text_add(out, "<nav aria-label=\"Sections\"><ul>");
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        text_add(out, "<li><a href=\"#%s\">%s</a></li>", sections[i].id, sections[i].title);
    }
    text_add(out,
             "<li><a href=\"#origin\">How it was made</a></li></ul></nav>\n</header>\n<main>\n");
}

static void add_scripts(struct text *out, const struct report *report)
{
    struct text json = {0};
    report_json_write(report, true, &json);
    out->failed = out->failed || json.failed;
    text_add(out, "<script type=\"application/json\" id=\"data\">");
    if (!json.failed) {
        add_data(out, json.bytes, json.length);
    }
    text_close(&json);
    text_add(out, "</script>\n");
    if (!has_charts()) {
        return;
    }
    add_comment(out, "copyright");
    text_add(out, "<script>\n");
    add_file(out, "modules.js");
    text_add(out, "</script>\n");
    for (const struct embedded_file *file = embedded_files; file->name != NULL; file++) {
        if (is_vega(file)) {
            // What follows the piece in its line is a comment about maps of its source.
            text_add(out, "<script>module = \"%.*s\";\n", (int)strcspn(file->name, "."),
                     file->name);
            text_add_bytes(out, file->bytes, (size_t)(file->end - file->bytes));
            text_add(out, "\n</script>\n");
        }
    }
    text_add(out, "<script>\n");
    add_file(out, "charts.js");
    text_add(out, "</script>\n<script>\n");
    add_file(out, "page.js");
    text_add(out, "</script>\n");
}

enum status report_page_write(const struct report *report, struct text *out)
{
    struct arena arena = {0};
    struct report_tables tables;
    const enum status code = report_tables_make(report, &arena, &tables);
    add_head(out, report);
    if (!has_charts()) {
        text_add(out, "<p class=\"missing\">This build of dikdik has no charts: libjs-vega was not "
                      "there when it was built. Install it (scripts/setup.sh does) and build "
                      "again.</p>\n");
    }
    add_warnings(out, report);
    for (size_t i = 0; code == OK && i < sizeof sections / sizeof sections[0]; i++) {
        add_section(out, &tables, &sections[i]);
    }
    if (code == OK) {
        add_origin(out, report, &tables);
    }
    text_add(out, "</main>\n<div id=\"tip\" role=\"status\" hidden></div>\n");
    add_scripts(out, report);
    text_add(out, "</body>\n</html>\n");
    arena_close(&arena);
    TRY(code);
    if (out->failed) {
        FAIL(ERR_MEMORY, "no memory for the report");
    }
    return OK;
}

enum status report_page_save(const struct report *report, const char *path)
{
    struct text text = {0};
    enum status code = report_page_write(report, &text);
    if (code == OK) {
        code = file_write(path, text.bytes, text.length);
    }
    text_close(&text);
    return code;
}
