// Any bytes as the checkpoint of a training run.
#include "fuzz_file.h"
#include "train/train_checkpoint.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena arena = {0};
    struct train_state state;
    CHECK(train_state_open(5, 3, 2, &arena, &state) == OK);
    if (train_checkpoint_load(fuzz_file(bytes, n), "fuzz", &state) == OK) {
        CHECK(state.position.epoch >= 0 && state.position.epoch <= 2 && state.position.step >= 0);
        for (int i = 0; i < 5; i++) {
            CHECK(isfinite(state.params[i]));
        }
    }
    arena_close(&arena);
    return 0;
}
