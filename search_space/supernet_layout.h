// How a supernet's block is laid out. Inside search_space/ only.
#pragma once
#include "search_space/supernet.h"

// Calls visit with the graph of each unit that the space's choices have, as far as two decisions at
// a time make them; names as in whole networks.
enum status supernet_survey(const struct nas_space *space,
                            enum status (*visit)(void *context, const struct graph *graph),
                            void *context);

// Space, description and layout of a supernet without values; closed by supernet_close.
enum status supernet_open_space(const struct supernet_options *options, struct supernet *supernet);
enum status supernet_alloc(struct supernet *supernet); // its params, not filled
// Fills tensors, sizes and by_name from space and options; params stay NULL.
enum status supernet_layout(struct supernet *supernet);
// The tensor of this name, -1 if there is none.
int supernet_find(const struct supernet *supernet, const char *name);
// Name of the transform to kernels of h x w, and of a BatchNorm's values of this width.
void supernet_transform_name(char *out, size_t n, const char *weight, int h, int w);
void supernet_width_name(char *out, size_t n, const char *values, int width);
enum { SUPERNET_NAME = 256 };
