// Other programs on this machine.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// The first executable of that name in PATH, as execvp would take it.
bool program_find(const char *name, char *out, size_t out_bytes);
