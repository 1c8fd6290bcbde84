#include "envs/scoring/host_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHOLE UINT64_C(0x64696b64696b0001) // of this layout

// The file: this header, the common part, the data; each begins on a page.
struct header {
    uint64_t whole; // WHOLE once everything is written; until then nothing counts
    uint64_t key, data_bytes, common_bytes;
};

static size_t whole_pages(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

static size_t data_offset(size_t common_bytes)
{
    return whole_pages(sizeof(struct header)) + whole_pages(common_bytes);
}

static enum status refuse(const char *what)
{
    FAIL(errno == ENOSPC || errno == ENOMEM ? ERR_MEMORY : ERR_IO,
         "the memory that workers of this host share: %s: %s%s", what, strerror(errno),
         errno == ENOSPC ? "; make /dev/shm larger" : "");
}

static enum status map(int fd, size_t offset, size_t bytes, int protection, int kind, void **out)
{
    void *address = mmap(NULL, bytes, protection, kind, fd, (off_t)offset);
    if (address == MAP_FAILED) {
        return refuse("mapping");
    }
    *out = address;
    return OK;
}

static enum status fill_file(int fd, uint64_t key, size_t common_bytes,
                             const struct host_filler *filler)
{
    // Whatever a filler that died has left goes, so that the common part is zero.
    if (ftruncate(fd, 0) != 0) {
        return refuse("emptying");
    }
    size_t bytes = 0;
    TRY(filler->prepare(filler->context, &bytes));
    const size_t offset = data_offset(common_bytes), all = offset + whole_pages(bytes);
    // Allocated now: later, want of memory would be a bus error in whoever writes first.
    errno = posix_fallocate(fd, 0, (off_t)all);
    if (errno != 0) {
        return refuse("allocating");
    }
    void *mapped = NULL;
    TRY(map(fd, 0, all, PROT_READ | PROT_WRITE, MAP_SHARED, &mapped));
    CHECK(mapped != NULL);
    filler->copy(filler->context, (char *)mapped + offset);
    struct header *header = mapped;
    header->key = key;
    header->data_bytes = bytes;
    header->common_bytes = common_bytes;
    __atomic_store_n(&header->whole, WHOLE, __ATOMIC_RELEASE);
    munmap(mapped, all);
    return OK;
}

static enum status read_header(int fd, struct header *out)
{
    const ssize_t n = pread(fd, out, sizeof *out, 0);
    if (n < 0) {
        return refuse("reading");
    }
    if (n != (ssize_t)sizeof *out) {
        *out = (struct header){0};
    }
    return OK;
}

static enum status open_locked(int fd, uint64_t key, size_t common_bytes,
                               const struct host_filler *filler, struct host_memory *out)
{
    struct header header;
    TRY(read_header(fd, &header));
    if (header.whole != WHOLE) {
        TRY(fill_file(fd, key, common_bytes, filler));
        TRY(read_header(fd, &header));
        CHECK(header.whole == WHOLE);
    }
    if (header.key != key || header.common_bytes != common_bytes) {
        FAIL(ERR_INPUT,
             "the memory that workers of this host share was filled for another config (%016" PRIx64
             ", this one is %016" PRIx64 "); give each run a memory of its own",
             header.key, key);
    }
    out->data_bytes = (size_t)header.data_bytes;
    return OK;
}

static enum status map_file(int fd, struct host_memory *memory)
{
    const size_t common = whole_pages(memory->common_bytes);
    const size_t offset = data_offset(memory->common_bytes);
    memory->mapped_bytes[0] = common;
    memory->mapped_bytes[1] = whole_pages(memory->data_bytes);
    TRY(map(fd, offset - common, common, PROT_READ | PROT_WRITE, MAP_SHARED, &memory->mapped[0]));
    TRY(map(fd, offset, memory->mapped_bytes[1], PROT_READ, MAP_SHARED, &memory->mapped[1]));
    return OK;
}

// Through a file description of this process' own: a lock belongs to the description, and one that
// was inherited over fork is the same in all workers.
static enum status open_shared(int fd, uint64_t key, const struct host_filler *filler,
                               struct host_memory *memory)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const int own = open(path, O_RDWR | O_CLOEXEC);
    if (own < 0) {
        return refuse(path);
    }
    enum status code = OK;
    int locked;
    do {
        locked = flock(own, LOCK_EX);
    } while (locked != 0 && errno == EINTR);
    if (locked != 0) {
        code = refuse("locking");
    } else {
        code = open_locked(own, key, memory->common_bytes, filler, memory);
    }
    if (code == OK) {
        code = map_file(own, memory);
    }
    flock(own,
          LOCK_UN); // closing alone would not: what is mapped keeps the description, and its lock
    close(own);
    return code;
}

static enum status open_private(const struct host_filler *filler, struct host_memory *memory)
{
    enum { OWN = MAP_PRIVATE | MAP_ANONYMOUS };
    TRY(filler->prepare(filler->context, &memory->data_bytes));
    memory->mapped_bytes[0] = whole_pages(memory->common_bytes);
    memory->mapped_bytes[1] = whole_pages(memory->data_bytes);
    for (int i = 0; i < 2; i++) {
        TRY(map(-1, 0, memory->mapped_bytes[i], PROT_READ | PROT_WRITE, OWN, &memory->mapped[i]));
    }
    filler->copy(filler->context, memory->mapped[1]);
    return OK;
}

enum status host_memory_open(int fd, uint64_t key, size_t common_bytes,
                             const struct host_filler *filler, struct host_memory *out)
{
    struct host_memory memory = {.common_bytes = common_bytes};
    const enum status code =
        fd < 0 ? open_private(filler, &memory) : open_shared(fd, key, filler, &memory);
    if (code != OK) {
        host_memory_close(&memory);
        return code;
    }
    memory.common = memory.mapped[0];
    memory.data = memory.mapped[1];
    *out = memory;
    return OK;
}

void host_memory_close(struct host_memory *memory)
{
    for (int i = 0; i < 2; i++) {
        if (memory->mapped[i] != NULL) {
            munmap(memory->mapped[i], memory->mapped_bytes[i]);
        }
    }
    *memory = (struct host_memory){0};
}
