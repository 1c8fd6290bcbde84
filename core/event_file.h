// Scalars over steps in the file format of TensorBoard, which many trackers read: records of
// [length u64][masked CRC32C u32][Event][masked CRC32C u32], the first of which names the version.
#pragma once
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { EVENT_MOST_SCALARS = 32 }; // of one step

struct event_scalar {
    const char *tag; // "loss/train": what stands before a slash is a group
    double value;    // kept as float32; not a number is one that is not shown
};
struct event_file {
    FILE *file; // owned; NULL: closed
    char folder[4096];
    char path[4096]; // of the file as it is called now
};

// Begins a file that does not have its name yet, so that nobody reads it before it holds what its
// predecessors did: event_file_publish names it. Readers that have followed earlier files of the
// folder are told to forget them. The struct stays where it is until it is closed.
enum status event_file_open(const char *folder, struct event_file *out);
// The scalars of one step, n <= EVENT_MOST_SCALARS. Steps of a tag should rise. wall_seconds: since
// 1970. ERR_IO when the disk is full.
enum status event_file_add(struct event_file *file, int64_t step, double wall_seconds,
                           const struct event_scalar *scalars, int n);
// Gives the file its name, events.out.tfevents.SECONDS.HOST.dikdik, and removes the earlier ones
// of the folder. What is added afterwards goes on in it.
enum status event_file_publish(struct event_file *file);
// What was added can be read. durable: also after a power cut.
enum status event_file_flush(struct event_file *file, bool durable);
// A zeroed or closed one is fine; one without a name is removed.
enum status event_file_close(struct event_file *file);

// CRC-32C (Castagnoli) of bytes [n].
uint32_t event_file_crc(const void *bytes, size_t n);
