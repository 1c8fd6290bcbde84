// Every kind of reward model, once: X(ID, name) stands for REWARD_MODEL_ID and for the table
// `reward_model_name` at the end of model_name.c.
#pragma once

#define REWARD_MODEL_LIST(X) X(GP, gp)

enum reward_model_kind {
#define X(id, name) REWARD_MODEL_##id,
    REWARD_MODEL_LIST(X)
#undef X
        REWARD_MODEL_NONE
};
