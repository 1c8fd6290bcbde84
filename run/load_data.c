// The data set of a network file: named by the options, the file, or the run that made it.
#include "run/load_data.h"

#include "core/config.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"

#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

struct search {
    const char *name;             // the data set's; "": any
    char config[PATH_BYTES];      // the run's
    struct dataset_options found; // of the run's config
    int n;                        // different ones that were found
};

// The folder of a file, or of a folder.
static bool parent_of(const char *path, char *out)
{
    const size_t n = strlen(path);
    if (n == 0 || n + 4 > PATH_BYTES) {
        return false;
    }
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        snprintf(out, PATH_BYTES, "%s", strcmp(path, ".") == 0 ? ".." : ".");
    } else if (slash == path) {
        snprintf(out, PATH_BYTES, "/");
    } else {
        memcpy(out, path, (size_t)(slash - path));
        out[slash - path] = '\0';
    }
    return true;
}

// config.json beside the file, or one folder up: networks lie in final/, found/ and networks/.
static bool find_config(const char *path, char *out)
{
    char folder[PATH_BYTES], above[PATH_BYTES];
    if (!parent_of(path, folder) || file_join(out, PATH_BYTES, folder, "config.json") != OK) {
        return false;
    }
    if (file_exists(out)) {
        return true;
    }
    return parent_of(folder, above) && file_join(out, PATH_BYTES, above, "config.json") == OK &&
           file_exists(out);
}

static enum status take_data(struct search *s, const struct json *data, struct arena *arena)
{
    struct dataset_options options;
    if (data == NULL || json_kind(data) != JSON_OBJECT) {
        return OK;
    }
    TRY(config_read(data, s->config, dataset_option_table, &options, arena));
    const bool named =
        options.name[0] != '\0' && (s->name[0] == '\0' || strcmp(options.name, s->name) == 0);
    if (named && (s->n == 0 || !dataset_options_same(&options, &s->found))) {
        s->found = options;
        s->n++;
    }
    return OK;
}

// A training run's config has the data set at its top, that of a search one for each network.
static enum status take_all(struct search *s, const struct json *document, struct arena *arena)
{
    if (json_kind(document) != JSON_OBJECT) {
        return OK;
    }
    TRY(take_data(s, json_get(document, "data"), arena));
    const struct json *networks = json_get(document, "networks");
    const int n = networks != NULL && json_kind(networks) == JSON_ARRAY ? json_count(networks) : 0;
    for (int i = 0; i < n; i++) {
        const struct json *network = json_at(networks, i);
        if (json_kind(network) == JSON_OBJECT) {
            TRY(take_data(s, json_get(network, "data"), arena));
        }
    }
    return OK;
}

static enum status look_in_config(struct search *s, struct arena *arena)
{
    struct json *document;
    TRY(json_read_file(s->config, &document));
    const enum status status = take_all(s, document, arena);
    json_close(document);
    return status;
}

// Whether nothing but a name was said.
static bool is_bare(const struct dataset_options *options)
{
    struct dataset_options bare;
    option_defaults(dataset_option_table, &bare);
    bare.name = options->name;
    return dataset_options_same(options, &bare);
}

// The run's data set, when it is one that has to be told where it is and nobody has.
static enum status take_from_run(struct search *s, struct arena *arena, struct dataset_options *out)
{
    TRY(look_in_config(s, arena));
    if (s->n > 1) {
        log_warning("%s names several data sets%s%s; say with --data.path which one is meant",
                    s->config, s->name[0] != '\0' ? " called " : "", s->name);
    }
    if (s->n != 1 || (s->found.path[0] == '\0' && s->found.data_root[0] == '\0')) {
        return OK;
    }
    log_info("data set %s as in %s: %s", s->found.name, s->config,
             s->found.path[0] != '\0' ? s->found.path : s->found.data_root);
    const struct dataset_options said = *out;
    if (is_bare(&said)) {
        *out = s->found;
        return OK;
    }
    out->name = s->found.name;
    out->path = s->found.path;
    out->data_root = s->found.data_root;
    return OK;
}

enum status load_data_options(const char *path, const char *named,
                              const struct dataset_options *options, struct arena *arena,
                              struct dataset_options *out)
{
    struct search s = {.n = 0};
    *out = *options;
    if (out->name[0] == '\0') {
        out->name = arena_copy_text(arena, named);
        if (out->name == NULL) {
            return ERR_MEMORY;
        }
    }
    s.name = out->name;
    if (out->path[0] == '\0' && out->data_root[0] == '\0' && find_config(path, s.config)) {
        // Another program's config.json is none of ours to complain about.
        if (take_from_run(&s, arena, out) == ERR_MEMORY) {
            return ERR_MEMORY;
        }
    }
    if (out->name[0] == '\0') {
        FAIL(ERR_CONFIG, "%s does not say which data set it is for; name it with --data", path);
    }
    return OK;
}
