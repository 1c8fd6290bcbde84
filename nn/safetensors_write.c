// Writing safetensors: the header is padded with spaces so that the data begin at a multiple of 8
// bytes; tensors follow each other without holes in the order given.
#include "core/file.h"
#include "core/json.h"
#include "nn/safetensors.h"

#define LENGTH_BYTES 8
#define DATA_ALIGNMENT 8

static void write_tensor_entry(struct json_writer *writer, const struct safetensor *tensor,
                               int64_t begin)
{
    json_write_begin(writer, '{', tensor->name);
    json_write_string(writer, "dtype", tensor->dtype);
    json_write_begin(writer, '[', "shape");
    for (int d = 0; d < tensor->n_dims; d++) {
        json_write_int(writer, NULL, tensor->dims[d]);
    }
    json_write_end(writer, ']');
    json_write_begin(writer, '[', "data_offsets");
    json_write_int(writer, NULL, begin);
    json_write_int(writer, NULL, begin + (int64_t)tensor->bytes);
    json_write_end(writer, ']');
    json_write_end(writer, '}');
}

// Byte count that dtype and dimensions give.
static size_t shape_bytes(const struct safetensor *tensor)
{
    size_t bytes = safetensors_dtype_bytes(tensor->dtype);
    for (int d = 0; d < tensor->n_dims; d++) {
        bytes *= (size_t)tensor->dims[d];
    }
    return bytes;
}

static void write_header(struct text *header, const struct safetensor *tensors, int n_tensors,
                         const struct safetensors_entry *metadata, int n_metadata)
{
    struct json_writer writer = {.out = header};
    json_write_begin(&writer, '{', NULL);
    if (n_metadata > 0) {
        json_write_begin(&writer, '{', "__metadata__");
        for (int i = 0; i < n_metadata; i++) {
            json_write_string(&writer, metadata[i].key, metadata[i].value);
        }
        json_write_end(&writer, '}');
    }
    int64_t begin = 0;
    for (int i = 0; i < n_tensors; i++) {
        CHECK(shape_bytes(&tensors[i]) == tensors[i].bytes);
        write_tensor_entry(&writer, &tensors[i], begin);
        begin += (int64_t)tensors[i].bytes;
    }
    json_write_end(&writer, '}');
    while (!header->failed && (LENGTH_BYTES + header->length) % DATA_ALIGNMENT != 0) {
        text_add(header, " ");
    }
}

enum status safetensors_write(const char *path, const struct safetensor *tensors, int n_tensors,
                              const struct safetensors_entry *metadata, int n_metadata)
{
    struct text header = {0};
    write_header(&header, tensors, n_tensors, metadata, n_metadata);
    if (header.failed) {
        text_close(&header);
        FAIL(ERR_MEMORY, "%s: out of memory while writing the header", path);
    }
    struct file_writer writer = {0};
    const enum status status = file_writer_open(path, &writer);
    if (status != OK) {
        text_close(&header);
        return status;
    }
    unsigned char length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++) {
        length[i] = (unsigned char)((uint64_t)header.length >> (8 * i) & 255);
    }
    file_writer_bytes(&writer, length, sizeof length);
    file_writer_bytes(&writer, header.bytes, header.length);
    for (int i = 0; i < n_tensors; i++) {
        file_writer_bytes(&writer, tensors[i].data, tensors[i].bytes);
    }
    text_close(&header);
    return file_writer_commit(&writer);
}
