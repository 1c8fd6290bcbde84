// Tensors whose bytes lie in files beside the model.
// https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
#include "core/file.h"
#include "onnx/model_message.h"

#include <errno.h>
#include <limits.h>
#include <onnx.pb-c.h>
#include <stdlib.h>
#include <string.h>

static const char *find_entry(const Onnx__TensorProto *proto, const char *key)
{
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const Onnx__StringStringEntryProto *entry = proto->external_data[i];
        if (entry->key != NULL && entry->value != NULL && strcmp(entry->key, key) == 0) {
            return entry->value;
        }
    }
    return NULL;
}

static enum status read_size(const Onnx__TensorProto *proto, const char *key, uint64_t fallback,
                             uint64_t *out)
{
    const char *text = find_entry(proto, key);
    if (text == NULL) {
        *out = fallback;
        return OK;
    }
    char *end = NULL;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        FAIL(ERR_INPUT, "%s \"%.50s\" of its external data is no count of bytes", key, text);
    }
    *out = value;
    return OK;
}

// Folder, a slash, location; both resolved, so that no link leads out of the folder either.
static enum status resolve(const char *model_path, const char *location, char out[PATH_MAX])
{
    char folder[PATH_MAX], real_folder[PATH_MAX], joined[PATH_MAX];
    const char *slash = strrchr(model_path, '/');
    const size_t n = slash != NULL ? (size_t)(slash - model_path) + 1 : 0;
    if (n >= sizeof folder) {
        FAIL(ERR_INPUT, "the model's path has more than %zu bytes", sizeof folder - 1);
    }
    memcpy(folder, model_path, n);
    folder[n] = '\0';
    if (location[0] == '\0' || location[0] == '/' || strstr(location, "..") != NULL) {
        FAIL(ERR_INPUT,
             "its external data are in \"%.200s\", expected a file in the model's folder",
             location);
    }
    TRY(file_join(joined, sizeof joined, n > 0 ? folder : ".", location));
    if (realpath(n > 0 ? folder : ".", real_folder) == NULL || realpath(joined, out) == NULL) {
        FAIL(ERR_INPUT, "its external data are in \"%.200s\", which cannot be opened: %s", joined,
             strerror(errno));
    }
    const size_t length = strlen(real_folder);
    const bool inside = strcmp(real_folder, "/") == 0 ||
                        (strncmp(out, real_folder, length) == 0 && out[length] == '/');
    if (!inside) {
        FAIL(ERR_INPUT, "its external data \"%.200s\" lead out of the model's folder", location);
    }
    return OK;
}

enum status onnx_model_external(struct onnx_model *model, const void *proto, struct onnx_raw *out)
{
    const Onnx__TensorProto *tensor = proto;
    const char *location = find_entry(tensor, "location");
    if (location == NULL) {
        FAIL(ERR_INPUT, "it does not say in which file its external data are");
    }
    char path[PATH_MAX];
    TRY(resolve(model->path, location, path));
    const struct onnx_file *file;
    TRY(onnx_model_map(model, path, &file));
    uint64_t offset, length;
    TRY(read_size(tensor, "offset", 0, &offset));
    if (offset > file->n) {
        FAIL(ERR_INPUT, "its external data begin at byte %llu of \"%.200s\", which has %zu",
             (unsigned long long)offset, location, file->n);
    }
    TRY(read_size(tensor, "length", file->n - offset, &length));
    if (length > file->n - offset) {
        FAIL(ERR_INPUT,
             "its external data are %llu bytes from byte %llu of \"%.200s\" on, which has %zu",
             (unsigned long long)length, (unsigned long long)offset, location, file->n);
    }
    *out = (struct onnx_raw){(const uint8_t *)file->bytes + offset, (size_t)length};
    return OK;
}
