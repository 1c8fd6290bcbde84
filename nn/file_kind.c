#include "nn/file_kind.h"

#include <string.h>

#define SAVE_ANEW                                                                                  \
    "; save the weights with safetensors.torch.save_file(model.state_dict(), ...) or export the "  \
    "model with torch.onnx"

bool file_kind_is_onnx(const void *head, size_t n)
{
    const unsigned char *bytes = head;
    // Field 1 as a number, then a text (who made it) or the graph; safetensors have a 0 there.
    return n >= 3 && bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 0x80 &&
           (bytes[2] == 0x12 || bytes[2] == 0x1a || bytes[2] == 0x3a);
}

const char *file_kind(const void *head, size_t n)
{
    static const struct {
        const char *magic;
        size_t length;
        const char *what;
    } kinds[] = {
        {"PK\003\004", 4, "a file of torch.save (or another ZIP archive)" SAVE_ANEW},
        {"\200\002", 2, "an old file of torch.save (a Python pickle)" SAVE_ANEW},
        {"\200\003", 2, "a Python pickle" SAVE_ANEW},
        {"\200\004", 2, "a Python pickle" SAVE_ANEW},
        {"\200\005", 2, "a Python pickle" SAVE_ANEW},
        {"\211PNG", 4, "a PNG image"},
        {"\377\330\377", 3, "a JPEG image"},
        {"GIF8", 4, "a GIF image"},
        {"\211HDF", 4, "an HDF5 file (of Keras, or a checkpoint or run.h5 of a run)"},
        {"\223NUMPY", 6, "a NumPy array"},
        {"GGUF", 4, "a GGUF file"},
        {"\037\213", 2, "a gzip archive; unpack it"},
        {"version https://", 16,
         "a pointer of Git LFS and not the file itself; `git lfs pull` "
         "fetches it"},
        {"{", 1, "a JSON text"},
        {"<", 1, "a web page or XML text; the download has failed"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (n >= kinds[i].length && memcmp(head, kinds[i].magic, kinds[i].length) == 0) {
            return kinds[i].what;
        }
    }
    return file_kind_is_onnx(head, n) ? "an ONNX model; `dikdik import` makes a network file of it"
                                      : NULL;
}
