// Any bytes as a supernet's file: its least and its greatest network come out, or an error.
#include "fuzz_file.h"
#include "search_space/supernet.h"

static void extract(const struct supernet *supernet, void pick(const struct nas_space *, int16_t *))
{
    int16_t choice[NAS_MOST_DECISIONS];
    struct network network;
    pick(&supernet->space, choice);
    if (supernet_extract(supernet, choice, &network) == OK) {
        network_close(&network);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct supernet supernet;
    if (supernet_load(fuzz_file(bytes, n), &supernet) == OK) {
        extract(&supernet, nas_space_least);
        extract(&supernet, nas_space_greatest);
        supernet_close(&supernet);
    }
    return 0;
}
