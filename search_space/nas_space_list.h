// Every space of architectures, once: X(ID, name) stands for NAS_ID and for the table `nas_name` at
// the end of nas_name.c.
#pragma once

// clang-format off
#define NAS_SPACE_LIST(X)                                                                          \
    X(MOBILE, mobile)                                                                              \
    X(MACRO, macro)                                                                                \
    X(RESNET, resnet)                                                                              \
    X(CELL, cell)
// clang-format on

enum nas_space_kind {
#define X(id, name) NAS_##id,
    NAS_SPACE_LIST(X)
#undef X
        NAS_SPACE_COUNT
};
