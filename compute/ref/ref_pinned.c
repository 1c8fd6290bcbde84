// Copies under way keep what they carry: downloads to deliver it, uploads to compare with it.
#include "compute/ref/ref_pinned.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, UNWRITTEN = 0xFF };

struct ref_pinned_piece {
    struct ref_pinned_piece *next;
    char *address;
    size_t bytes;
};

struct ref_pinned_copy {
    struct ref_pinned_copy *next;
    bool upload;
    char *host;
    size_t bytes;
    char values[];
};

void ref_pinned_close(struct ref_pinned *pinned)
{
    while (pinned->copies != NULL) {
        struct ref_pinned_copy *copy = pinned->copies;
        pinned->copies = copy->next;
        free(copy);
    }
    while (pinned->pieces != NULL) {
        ref_pinned_release(pinned, pinned->pieces->address);
    }
}

enum status ref_pinned_alloc(struct ref_pinned *pinned, size_t bytes, void **out)
{
    const size_t rounded = bytes / ALIGNMENT * ALIGNMENT + ALIGNMENT;
    struct ref_pinned_piece *piece = calloc(1, sizeof *piece);
    char *address = bytes <= SIZE_MAX - ALIGNMENT ? aligned_alloc(ALIGNMENT, rounded) : NULL;
    if (piece == NULL || address == NULL) {
        free(piece);
        free(address);
        FAIL(ERR_MEMORY, "no memory for %zu bytes", bytes);
    }
    memset(address, UNWRITTEN, rounded);
    *piece = (struct ref_pinned_piece){pinned->pieces, address, bytes};
    pinned->pieces = piece;
    *out = address;
    return OK;
}

void ref_pinned_release(struct ref_pinned *pinned, void *address)
{
    struct ref_pinned_piece **link = &pinned->pieces;
    if (address == NULL) {
        return;
    }
    while (*link != NULL && (*link)->address != address) {
        link = &(*link)->next;
    }
    struct ref_pinned_piece *piece = *link;
    CHECK(piece != NULL); // released twice, or never allocated here
    *link = piece->next;
    free(piece->address);
    free(piece);
}

static bool is_late(const struct ref_pinned *pinned, const char *host)
{
    bool found = false;
    for (const struct ref_pinned_piece *p = pinned->pieces; pinned->check && p != NULL;
         p = p->next) {
        found = found || (host >= p->address && host < p->address + p->bytes);
    }
    return found;
}

static void note(struct ref_pinned *pinned, bool upload, char *host, const void *values,
                 size_t bytes)
{
    struct ref_pinned_copy *copy = malloc(sizeof *copy + bytes);
    CHECK(copy != NULL);
    *copy = (struct ref_pinned_copy){pinned->copies, upload, host, bytes};
    memcpy(copy->values, values, bytes);
    pinned->copies = copy;
}

// Another copy of the same bytes comes after those under way.
static bool meets(const struct ref_pinned *pinned, const char *host, size_t bytes)
{
    bool found = false;
    for (const struct ref_pinned_copy *c = pinned->copies; c != NULL; c = c->next) {
        found = found || (host < c->host + c->bytes && c->host < host + bytes);
    }
    return found;
}

void ref_pinned_upload(struct ref_pinned *pinned, void *to, const void *from_host, size_t bytes)
{
    char *host = (char *)(uintptr_t)from_host;
    if (is_late(pinned, host)) {
        if (meets(pinned, host, bytes)) {
            ref_pinned_settle(pinned);
        }
        note(pinned, true, host, from_host, bytes);
    }
    memcpy(to, from_host, bytes);
}

void ref_pinned_download(struct ref_pinned *pinned, void *to_host, const void *from, size_t bytes)
{
    if (!is_late(pinned, to_host)) {
        ref_pinned_settle(pinned);
        memcpy(to_host, from, bytes);
        return;
    }
    if (meets(pinned, to_host, bytes)) {
        ref_pinned_settle(pinned);
    }
    note(pinned, false, to_host, from, bytes);
    memset(to_host, UNWRITTEN, bytes);
}

void ref_pinned_settle(struct ref_pinned *pinned)
{
    while (pinned->copies != NULL) {
        struct ref_pinned_copy *copy = pinned->copies;
        pinned->copies = copy->next;
        if (copy->upload) {
            CHECK(memcmp(copy->host, copy->values, copy->bytes) == 0); // changed too early
        } else {
            memcpy(copy->host, copy->values, copy->bytes);
        }
        free(copy);
    }
}
