// The folder and its JSON files. A kill leaves the target as it was, or with some of its files new
// and each of them whole.
#include "app/hub.h"

#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "search_space/cost.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODEL_TYPE "dikdik"

static const char *const names[] = {"model.safetensors",        HUB_ONNX,    "config.json",
                                    "preprocessor_config.json", "README.md", NULL};

// ---- the folder
static bool is_empty(const char *folder)
{
    bool empty = true;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return false;
    }
    for (const struct dirent *e = readdir(entries); e != NULL && empty; e = readdir(entries)) {
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    }
    closedir(entries);
    return empty;
}

// Whether its config.json is one of ours.
static bool is_ours(const char *folder)
{
    char path[4096];
    struct json *document;
    if (file_join(path, sizeof path, folder, "config.json") != OK || !file_exists(path) ||
        json_read_file(path, &document) != OK) {
        return false;
    }
    const struct json *type = json_get(document, "model_type");
    const bool ours = type != NULL && json_kind(type) == JSON_STRING &&
                      strcmp(json_string(type), MODEL_TYPE) == 0;
    json_close(document);
    return ours;
}

static enum status check_target(const char *target, bool force, bool *exists)
{
    struct stat info;
    *exists = stat(target, &info) == 0;
    if (*exists && !S_ISDIR(info.st_mode)) {
        FAIL(ERR_CONFIG, "--hub %s: expected a folder, got a file", target);
    }
    if (*exists && !force && !is_empty(target) && !is_ours(target)) {
        FAIL(ERR_CONFIG,
             "--hub %s: the folder has other things in it; name another one, or --force replaces "
             "its README.md, config.json and so on, and leaves the rest",
             target);
    }
    return OK;
}

enum status hub_open(const char *target, bool force, struct hub *out)
{
    struct hub hub = {.target = target};
    size_t length = strlen(target);
    TRY(check_target(target, force, &hub.exists));
    while (length > 1 && target[length - 1] == '/') {
        length--;
    }
    // Inside where that exists: moving its files must not cross file systems.
    const int n = hub.exists ? snprintf(hub.folder, sizeof hub.folder, "%s/.dikdik.%ld.tmp", target,
                                        (long)getpid())
                             : snprintf(hub.folder, sizeof hub.folder, "%.*s.%ld.tmp", (int)length,
                                        target, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof hub.folder) {
        FAIL(ERR_CONFIG, "--hub: '%.100s...' is too long", target);
    }
    TRY(file_make_folders(hub.folder));
    *out = hub;
    return OK;
}

const char *hub_path(const struct hub *hub, struct arena *arena, const char *name)
{
    return arena_format(arena, "%s/%s", hub->folder, name);
}

static enum status move(const char *from, const char *to)
{
    if (rename(from, to) != 0) {
        FAIL(ERR_IO, "%s: cannot be renamed to %s: %s", from, to, strerror(errno));
    }
    return OK;
}

enum status hub_commit(struct hub *hub)
{
    char from[4096], to[4096];
    if (!hub->exists) {
        TRY(move(hub->folder, hub->target));
        hub->folder[0] = '\0';
        return OK;
    }
    for (int i = 0; names[i] != NULL; i++) {
        TRY(file_join(from, sizeof from, hub->folder, names[i]));
        TRY(file_join(to, sizeof to, hub->target, names[i]));
        TRY(move(from, to));
    }
    hub_cancel(hub);
    return OK;
}

void hub_cancel(struct hub *hub)
{
    char path[4096];
    for (int i = 0; hub->folder[0] != '\0' && names[i] != NULL; i++) {
        if (file_join(path, sizeof path, hub->folder, names[i]) == OK) {
            (void)unlink(path);
        }
    }
    if (hub->folder[0] != '\0') {
        (void)rmdir(hub->folder);
    }
    hub->folder[0] = '\0';
}

// ---- its files
static void write_widths(const struct graph *graph, struct json_writer *w)
{
    static const char suffix[] = ".weight";
    json_write_begin(w, '{', "widths");
    for (int i = 0; i < graph->n_params; i++) {
        const struct param *param = &graph->params[i];
        const size_t length = strlen(param->name), end = sizeof suffix - 1;
        char name[256];
        if (param->n_dims >= 2 && length > end && length - end < sizeof name &&
            strcmp(param->name + length - end, suffix) == 0) {
            snprintf(name, sizeof name, "%.*s", (int)(length - end), param->name);
            json_write_int(w, name, param->dims[0]);
        }
    }
    json_write_end(w, '}');
}

static void compose_config(const struct network *network, struct json_writer *w)
{
    const struct network_info *info = &network->info;
    const struct network_cost cost = cost_of_graph(&network->graph);
    json_write_begin(w, '{', NULL);
    json_write_string(w, "model_type", MODEL_TYPE);
    json_write_begin(w, '[', "architectures");
    json_write_string(w, NULL, info->architecture[0] != '\0' ? info->architecture : "graph");
    json_write_end(w, ']');
    json_write_int(w, "num_classes", info->classes);
    json_write_int(w, "num_channels", info->c);
    json_write_begin(w, '[', "image_size");
    json_write_int(w, NULL, info->h);
    json_write_int(w, NULL, info->w);
    json_write_end(w, ']');
    json_write_string(w, "dataset", info->dataset);
    json_write_int(w, "macs", cost.macs);
    json_write_int(w, "params", cost.params);
    json_write_int(w, "bytes", (int64_t)network_bytes(network));
    write_widths(&network->graph, w);
    json_write_raw(w, "whole", network->whole != NULL ? network->whole : "{}");
    json_write_string(w, "dikdik_version", DIKDIK_VERSION);
    json_write_end(w, '}');
}

static void write_channels(struct json_writer *w, const char *key, const float *values, int n)
{
    json_write_begin(w, '[', key);
    for (int i = 0; i < n; i++) {
        char shortest[32];
        snprintf(shortest, sizeof shortest, "%.9g", (double)values[i]); // exact for a float
        json_write_raw(w, NULL, shortest);
    }
    json_write_end(w, ']');
}

// What is to be done to pixels for the ONNX file; the network itself wants all of it.
static void compose_preprocessor(const struct hub_card *card, struct json_writer *w)
{
    const struct network_info *info = &card->network->info;
    json_write_begin(w, '{', NULL);
    json_write_bool(w, "do_resize", !info->floats);
    json_write_begin(w, '{', "size");
    json_write_int(w, "height", info->h);
    json_write_int(w, "width", info->w);
    json_write_end(w, '}');
    json_write_int(w, "resample", 2); // bilinear, as Pillow counts: a triangle as wide as the ratio
    json_write_bool(w, "do_rescale", !info->floats && card->onnx->pixels != ONNX_PIXELS_BYTES);
    json_write_double(w, "rescale_factor", 1.0 / 255);
    json_write_bool(w, "do_normalize", card->onnx->pixels == ONNX_PIXELS_NORMALISED);
    write_channels(w, "image_mean", info->mean, info->c);
    write_channels(w, "image_std", info->std, info->c);
    json_write_end(w, '}');
}

static enum status write_text(const struct hub *hub, struct arena *arena, const char *name,
                              struct text *text)
{
    const char *path = hub_path(hub, arena, name);
    enum status code = text->failed || path == NULL
                           ? status_fail(ERR_MEMORY, __FILE__, __LINE__, "no memory for %s", name)
                           : file_write(path, text->bytes, text->length);
    text_close(text);
    return code;
}

enum status hub_write(const struct hub *hub, const struct hub_card *card, struct arena *arena)
{
    struct text text = {0};
    struct json_writer config = {.out = &text, .pretty = true};
    const char *path = hub_path(hub, arena, "model.safetensors");
    TRY(path != NULL ? OK : ERR_MEMORY);
    TRY(network_save(card->network, path));
    compose_config(card->network, &config);
    text_add(&text, "\n");
    TRY(write_text(hub, arena, "config.json", &text));
    struct json_writer preprocessor = {.out = &text, .pretty = true};
    compose_preprocessor(card, &preprocessor);
    text_add(&text, "\n");
    TRY(write_text(hub, arena, "preprocessor_config.json", &text));
    const enum status code = hub_card_text(card, &text);
    if (code != OK) {
        text_close(&text);
        return code;
    }
    return write_text(hub, arena, "README.md", &text);
}
