#include "run/run_space.h"

#include "core/config.h"
#include "run/run_weights.h"

#include <string.h>

static int kind_of(const struct network_config *config)
{
    return option_choice_find(nas_space_names, config->space.name);
}

const struct nas_space_type *run_space_type(const struct network_config *config)
{
    return config->space.name[0] != '\0' ? nas_spaces[kind_of(config)] : NULL;
}

const void *run_space_options(const struct network_config *config)
{
    return &config->space.values[kind_of(config)];
}

enum status run_space_check_name(const struct network_config *config, const char *where)
{
    struct text names = {0};
    const int kind = kind_of(config);
    if (kind >= 0) {
        CHECK(nas_spaces[kind]->options_bytes <= sizeof config->space.values[kind]);
        return OK;
    }
    for (int i = 0; nas_space_names[i] != NULL; i++) {
        text_add(&names, "%s%s", i > 0 ? ", " : "", nas_space_names[i]);
    }
    (void)status_fail(ERR_CONFIG, __FILE__, __LINE__, "%s: expected one of %s, got \"%.60s\"",
                      where, names.bytes != NULL ? names.bytes : "the spaces there are",
                      config->space.name);
    text_close(&names);
    return ERR_CONFIG;
}

bool run_space_same(const struct network_config *a, const struct network_config *b)
{
    const struct nas_space_type *type = run_space_type(a);
    struct text texts[2] = {{0}, {0}};
    if (type != run_space_type(b) || type == NULL || type->options == NULL) {
        return type == run_space_type(b);
    }
    const bool same = config_text(type->options, run_space_options(a), &texts[0]) == OK &&
                      config_text(type->options, run_space_options(b), &texts[1]) == OK &&
                      strcmp(texts[0].bytes, texts[1].bytes) == 0;
    text_close(&texts[0]);
    text_close(&texts[1]);
    return same;
}

enum status run_space_create(const struct network_config *config, const struct dataset *data,
                             uint64_t seed, struct supernet *out)
{
    struct network_info info;
    network_file_info(config->space.name, data, &info);
    const struct supernet_options options = {.type = run_space_type(config),
                                             .options = run_space_options(config),
                                             .info = &info,
                                             .kernel_transform = config->supernet.kernel_transform,
                                             .norm_per_width = config->supernet.norm_per_width,
                                             .seed = seed};
    const enum status code = supernet_open(&options, out);
    return code == OK ? OK : status_context(code, "network \"%s\"", config->name);
}

static enum status check_same(const struct network_config *config, const char *path,
                              const struct dataset *data, const struct supernet *loaded)
{
    struct supernet wanted;
    TRY(run_space_create(config, data, 0, &wanted));
    const bool same = wanted.space.type == loaded->space.type &&
                      strcmp(wanted.options_text, loaded->options_text) == 0;
    enum status code = OK;
    if (!same) {
        code = status_fail(ERR_CONFIG, __FILE__, __LINE__,
                           "network \"%s\": %s is of space %s %.400s, the config asks for %s "
                           "%.400s; give networks[].space what the file has, or no weights",
                           config->name, path, loaded->space.type->name, loaded->options_text,
                           wanted.space.type->name, wanted.options_text);
    }
    supernet_close(&wanted);
    return code;
}

static enum status check_fit(const char *path, const struct supernet *supernet,
                             const struct dataset *data)
{
    const struct network_data like = {.name = data->name,
                                      .h = data->h,
                                      .w = data->w,
                                      .c = data->c,
                                      .classes = data->classes,
                                      .floats = data->type != SAMPLE_U8};
    const struct network network = {.info = supernet->info};
    const enum status code = network_check_data(&network, &like);
    return code == OK ? OK : status_context(code, "%s", path);
}

// What a supernet has been made with is not changed by training it further.
static enum status check_recipe(const struct network_config *config, const char *path,
                                const struct supernet *supernet)
{
    const struct supernet_recipe *recipe = &config->supernet;
    const struct {
        const char *key;
        bool theirs, ours;
    } facts[] = {
        {"kernel_transform", supernet->kernel_transform, recipe->kernel_transform},
        {"norm_per_width", supernet->norm_per_width, recipe->norm_per_width},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0] && config->train_further; i++) {
        if (facts[i].theirs != facts[i].ours) {
            FAIL(ERR_CONFIG,
                 "network \"%s\": %s was made with %s %s, the config asks for %s; set "
                 "networks[].supernet.%s to what the file has, or leave out the weights",
                 config->name, path, facts[i].key, facts[i].theirs ? "true" : "false",
                 facts[i].ours ? "true" : "false", facts[i].key);
        }
    }
    return OK;
}

enum status run_space_load(const struct network_config *config, const struct dataset *data,
                           struct arena *arena, struct supernet *out)
{
    struct supernet supernet;
    const char *path;
    TRY(load_find_file(config->weights, arena, &path));
    TRY(supernet_load(path, &supernet));
    enum status code = check_fit(path, &supernet, data);
    if (code == OK) {
        code = check_same(config, path, data, &supernet);
    }
    if (code == OK) {
        code = check_recipe(config, path, &supernet);
    }
    if (code == OK) {
        code = run_set_rows(config->train_rows, &supernet.train_rows);
    }
    if (code != OK) {
        supernet_close(&supernet);
        return code;
    }
    *out = supernet;
    return OK;
}
