// protobuf-c's unpacking with a limit on memory: an empty message takes two bytes of a file and
// hundreds of memory.
#include "onnx/model_message.h"

#include <onnx.pb-c.h>
#include <stddef.h>
#include <stdlib.h>

enum { SPARE_BYTES = 128 << 20 };

struct piece {
    size_t bytes;
    max_align_t data[];
};

static void *allocate(void *budget, size_t bytes)
{
    size_t *left = budget;
    const size_t whole = bytes + sizeof(struct piece);
    if (whole < bytes || whole > *left) {
        return NULL;
    }
    struct piece *piece = malloc(whole);
    if (piece == NULL) {
        return NULL;
    }
    *left -= whole;
    piece->bytes = whole;
    return piece->data;
}

static void release(void *budget, void *data)
{
    if (data == NULL) {
        return;
    }
    size_t *left = budget;
    struct piece *piece = (struct piece *)((char *)data - offsetof(struct piece, data));
    *left += piece->bytes;
    free(piece);
}

void *onnx_unpack_message(const void *descriptor, const uint8_t *bytes, size_t n)
{
    size_t left = n + SPARE_BYTES;
    ProtobufCAllocator allocator = {allocate, release, &left};
    return protobuf_c_message_unpack(descriptor, &allocator, n, bytes);
}

void onnx_release_message(void *message)
{
    size_t left = 0;
    ProtobufCAllocator allocator = {allocate, release, &left};
    if (message != NULL) {
        protobuf_c_message_free_unpacked(message, &allocator);
    }
}
