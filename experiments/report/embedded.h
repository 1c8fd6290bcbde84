// Files that are part of the program: those of page/, and the pieces of Vega that this build found.
#pragma once
#include <stddef.h>

struct embedded_file {
    const char *name;        // without its folder
    const char *bytes, *end; // a zero byte stands at the end
};
extern const struct embedded_file embedded_files[]; // ended by name NULL
