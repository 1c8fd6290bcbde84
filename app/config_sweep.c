// Checks the "sweep" object of a config against the table of the options that it names.
#include "app/config_sweep.h"

#include "app/config_tables.h"
#include "core/option_value.h"
#include "experiments/sweep_options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *const config_sweep_others[] = {SWEEP_CONFIG_KEY, "variants", NULL};

struct sweep_check {
    const struct option_reader *reader;
    const struct option *table;
};

static void add_fault(const struct sweep_check *c, const struct json *value, const char *what)
{
    struct option_faults *faults = c->reader->faults;
    text_add(&faults->text, "%s: line %d: %s\n", c->reader->source,
             json_line(c->reader->document, value), what);
    faults->n++;
}

static void unknown_option(const struct sweep_check *c, const struct json *member)
{
    char what[512];
    struct text nearest = {0};
    config_table_nearest(c->table, json_key(member), &nearest);
    const bool known = nearest.length > 0;
    snprintf(what, sizeof what, "sweep.%.100s: unknown option%s%.200s%s", json_key(member),
             known ? " (did you mean '" : "", known ? nearest.bytes : "", known ? "'?)" : "");
    text_close(&nearest);
    add_fault(c, member, what);
}

// "1..5", with a sign or without.
static bool is_range(const char *text)
{
    for (int end = 0; end < 2; end++) {
        text += *text == '-';
        if (!isdigit((unsigned char)*text)) {
            return false;
        }
        text += strspn(text, "0123456789");
        if (end == 0 && strncmp(text, "..", 2) != 0) {
            return false;
        }
        text += end == 0 ? 2 : 0;
    }
    return *text == '\0';
}

// Whether the option takes this value; a fault if not.
static void check_value(const struct sweep_check *c, const struct option *row, const char *path,
                        const struct json *value)
{
    if (option_read_value(c->reader, row, path, value, NULL) == ERR_CONFIG) {
        text_add(&c->reader->faults->text, "%s\n", status_message());
        c->reader->faults->n++;
    }
}

// {"from": 1, "to": 5}: both ends are values.
static void check_ends(const struct sweep_check *c, const struct option *row,
                       const struct json *member)
{
    static const char *const ends[] = {"from", "to"};
    char path[256];
    for (int i = 0; i < 2; i++) {
        const struct json *end = json_get(member, ends[i]);
        snprintf(path, sizeof path, "sweep.%.100s.%s", json_key(member), ends[i]);
        if (end == NULL) {
            add_fault(c, member, "a range needs \"from\" and \"to\"");
        } else {
            check_value(c, row, path, end);
        }
    }
}

static void check_values(const struct sweep_check *c, const struct option *row,
                         const struct json *member)
{
    const bool whole =
        row->kind == OPTION_INT || row->kind == OPTION_INT64 || row->kind == OPTION_SEED;
    char path[256];
    if (json_kind(member) == JSON_STRING && whole && is_range(json_string(member))) {
        return;
    }
    if (json_kind(member) == JSON_OBJECT && (whole || row->kind == OPTION_DOUBLE)) {
        check_ends(c, row, member);
        return;
    }
    if (json_kind(member) != JSON_ARRAY) {
        snprintf(path, sizeof path, "sweep.%.100s", json_key(member));
        check_value(c, row, path, member);
        return;
    }
    if (json_count(member) == 0) {
        snprintf(path, sizeof path, "sweep.%.100s: expected a list of values, such as [1, 2]",
                 json_key(member));
        add_fault(c, member, path);
        return;
    }
    for (int i = 0; i < json_count(member); i++) {
        snprintf(path, sizeof path, "sweep.%.100s[%d]", json_key(member), i);
        check_value(c, row, path, json_at(member, i));
    }
}

static void check_member(const struct sweep_check *c, const struct json *member)
{
    enum option_shapes unused = SHAPES_AS_AROUND;
    const struct option *own = config_table_find(sweep_config_table, json_key(member), &unused);
    if (own != NULL) {
        char path[256];
        snprintf(path, sizeof path, "sweep.%.100s", json_key(member));
        check_value(c, own, path, member);
        return;
    }
    if (option_choice_find(config_sweep_others, json_key(member)) >= 0) {
        return;
    }
    const struct option *row = config_table_find(c->table, json_key(member), &unused);
    if (row == NULL || row->kind == OPTION_OBJECT) {
        unknown_option(c, member);
    } else {
        check_values(c, row, member);
    }
}

enum status config_sweep_check(struct json *document, const char *source,
                               const struct option *table, struct arena *arena,
                               struct option_faults *faults, bool *elsewhere)
{
    const struct json *sweep =
        json_kind(document) == JSON_OBJECT ? json_get(document, "sweep") : NULL;
    const struct option_reader reader = {
        .source = source, .arena = arena, .table = table, .document = document, .faults = faults};
    const struct sweep_check c = {&reader, table};
    *elsewhere = false;
    if (sweep == NULL) {
        return OK;
    }
    if (json_kind(sweep) != JSON_OBJECT) {
        add_fault(&c, sweep, "sweep: expected an object of options and their values");
    } else {
        *elsewhere = json_get(sweep, "config") != NULL;
        for (int i = 0; i < json_count(sweep); i++) {
            check_member(&c, json_at(sweep, i));
        }
    }
    json_remove(document, "sweep");
    return OK;
}
