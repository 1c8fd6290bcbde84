// Every option of a config says which stage of a run it shapes, by itself or by the object around
// it, so that a run folder knows what a change undoes.
#include "app/train_config.h"
#include "run/run_config.h"
#include "test_unit.h"

#include <stdio.h>

// Those that shape no result: they may change in any run folder, at any time. Whoever adds one says
// so here too.
static const char *const free_options[] = {
    "name",
    "networks.weights",
    "networks.data.path",
    "networks.data.data_root",
    "networks.data.memory",
    "networks.data.threads",
    "networks.supernet.most_plans",
    "learner.checkpoint_seconds",
    "actors.count",
    "actors.episodes",
    "actors.episode_seconds",
    "actors.first_episode_seconds",
    "actors.slice_seconds",
    "actors.tries",
    "actors.memory_mib",
    "actors.faults",
    "backend.name",
    "backend.device",
    "backend.threads",
    "backend.device",
    "backend.check",
    "backend.profile",
    "transport",
    "run_dir",
    "task",
    "policy",
    "tries",
    "restarts",
    "progress_json",
    "json",
    "dry_run",
    "csv",
    "model.weights",
    "model.teacher",
    "data.path",
    "data.data_root",
    "data.memory",
    "data.threads",
    NULL,
};
// Those that shape another stage than what is around them.
static const struct {
    const char *path;
    enum option_shapes shapes;
} others[] = {
    {"scoring.validation_share", SHAPES_BASE},
    {"search.evaluations", SHAPES_MORE},
    {"search.episodes", SHAPES_MORE},
    {"search.best", SHAPES_RESCORE},
    {"finetune.epochs", SHAPES_FINETUNE},
    {"finetune.all_rows", SHAPES_FINETUNE},
    {"networks.train.epochs", SHAPES_BASE},
    {"networks.train_rows", SHAPES_BASE},
    {"networks.restore_batchnorm", SHAPES_BASE},
    {"networks.train_further", SHAPES_BASE},
    {"networks.data.classes", SHAPES_BASE},
    {"seed", SHAPES_BASE},
    {"networks.space.name", SHAPES_BASE},
    {"networks.space.mobile.stages.width", SHAPES_BASE},
    {"networks.supernet.epochs", SHAPES_BASE},
    {"finetune_from", SHAPES_FINETUNE},
    {"tasks.macs", SHAPES_SEARCH},
    {"tasks.objective.macs", SHAPES_SEARCH},
    {"scoring.images", SHAPES_SEARCH},
    {"search.method", SHAPES_SEARCH},
    {"agent.core", SHAPES_SEARCH},
    {"learner.batch", SHAPES_SEARCH},
    {"bandit.steps", SHAPES_SEARCH},
};

static bool is_free(const char *path)
{
    for (int i = 0; free_options[i] != NULL; i++) {
        if (strcmp(free_options[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static void check_row(const char *path, enum option_shapes shapes, int *found)
{
    if (shapes <= SHAPES_AS_AROUND || shapes >= SHAPES_COUNT) {
        fail_msg("%s does not say which stage it shapes (struct option's `shapes`)", path);
    }
    if ((shapes == SHAPES_NOTHING) != is_free(path)) {
        fail_msg("%s %s; see free_options", path,
                 is_free(path) ? "shapes a result" : "shapes nothing: may it really change?");
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (strcmp(others[i].path, path) == 0) {
            assert_int_equal(shapes, others[i].shapes);
            ++*found;
        }
    }
}

static int check_table(const struct option *table, const char *prefix, enum option_shapes around,
                       int *found)
{
    int n = 0;
    for (const struct option *row = table; row->key != NULL; row++) {
        char path[256];
        const enum option_shapes shapes = option_shapes_of(row, around);
        snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", row->key);
        if (row->table != NULL) {
            n += check_table(row->table, path, shapes, found);
        } else {
            check_row(path, shapes, found);
            n++;
        }
    }
    return n;
}

static void every_option_says_it(void **state)
{
    (void)state;
    int found = 0, none = 0;
    assert_true(check_table(run_command_table, "", SHAPES_AS_AROUND, &found) > 100);
    assert_int_equal(found, (int)(sizeof others / sizeof others[0]));
    assert_true(check_table(train_command_table, "", SHAPES_AS_AROUND, &none) > 30);
}

// What a config file holds is what identities are made of.
static void identities_leave_places_out(void **state)
{
    (void)state;
    struct run_config config;
    struct text base = {0}, search = {0}, all = {0};
    option_defaults(run_command_table, &config);
    config.search.evaluations = 7654321;
    config.name = "a name";
    config.finetune.epochs = 8765432;
    config.learner.batch = 45678;
    assert_ok(run_config_identity(&config, SHAPES_BASE, &base));
    assert_ok(run_config_identity(&config, SHAPES_SEARCH, &search));
    assert_ok(run_config_identity(&config, SHAPES_FINETUNE, &all));
    assert_null(strstr(base.bytes, "45678"));
    assert_non_null(strstr(search.bytes, "45678"));
    assert_null(strstr(search.bytes, "8765432"));
    assert_non_null(strstr(all.bytes, "8765432"));
    assert_null(strstr(all.bytes, "7654321"));
    assert_null(strstr(all.bytes, "a name"));
    text_close(&base);
    text_close(&search);
    text_close(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_says_it),
        cmocka_unit_test(identities_leave_places_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
