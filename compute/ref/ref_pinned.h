// Pinned memory of the reference backend. In check mode its copies are as late as they may be: what
// a download brings is there after the next wait, NaN before; and what an upload was given must be
// unchanged until then.
#pragma once
#include "core/status.h"

#include <stddef.h>

struct ref_pinned_piece;
struct ref_pinned_copy;
struct ref_pinned {
    bool check;
    struct ref_pinned_piece *pieces; // check mode: what is allocated, owned
    struct ref_pinned_copy *copies;  // check mode: under way, the latest first, owned
};

void ref_pinned_close(struct ref_pinned *pinned);
enum status ref_pinned_alloc(struct ref_pinned *pinned, size_t bytes, void **out);
void ref_pinned_release(struct ref_pinned *pinned, void *address); // NULL is fine
// Copies between the host and the backend's real memory. bytes > 0.
void ref_pinned_upload(struct ref_pinned *pinned, void *to, const void *from_host, size_t bytes);
void ref_pinned_download(struct ref_pinned *pinned, void *to_host, const void *from, size_t bytes);
// All copies under way are made. A CHECK fails where the host changed what one was still reading.
void ref_pinned_settle(struct ref_pinned *pinned);
