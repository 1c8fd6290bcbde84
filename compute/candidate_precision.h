// How candidates are computed. Sums are float32 in any case, statistics float64.
#pragma once

enum candidate_precision {
    CANDIDATE_F32, // each product to 2^-21
    CANDIDATE_TF32,
    CANDIDATE_BF16 // activations are stored so, too
};
