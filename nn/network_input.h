// What a network reads, and how plans are given it.
#pragma once
#include "nn/network.h"
#include "nn/plan.h"

// Borrows info's mean and std.
struct plan_input network_plan_input(const struct network_info *info);

// Bytes of one image that it reads: [h][w][c] of u8 or f32.
size_t network_image_bytes(const struct network_info *info);

// n images of noise by seed, of the kind that the network reads: [n] as network_image_bytes says,
// from the arena.
enum status network_random_images(const struct network_info *info, int n, uint64_t seed,
                                  struct arena *arena, uint8_t **out);
