// Which format a picture has, and what all of them share.
#include "data/image_format.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_PIXELS 100000000.0

enum {
    MOST_FILE_BYTES = 1 << 30,
    FIRST_BYTES = 4096, // of a file whose header is looked at; more when the header is longer
    TAIL_BYTES = 12,    // the last chunk of a PNG
};

enum status image_check_size(int64_t h, int64_t w)
{
    if (h < 1 || w < 1 || (double)h * (double)w > MOST_PIXELS) {
        FAIL(ERR_INPUT, "%lld x %lld pixels, expected 1 to %.0f", (long long)w, (long long)h,
             MOST_PIXELS);
    }
    return OK;
}

enum status image_allocate(int64_t h, int64_t w, struct arena *arena, struct image *out)
{
    TRY(image_check_size(h, w));
    out->h = (int)h;
    out->w = (int)w;
    ARENA_NEW(arena, out->rgb, (size_t)h * (size_t)w * 3);
    return OK;
}

// What the bytes are, of kinds that are met under the names of pictures.
static const char *foreign_kind(const uint8_t *bytes, size_t n)
{
    static const struct {
        size_t at, n;
        const char *mark, *kind;
    } kinds[] = {
        {0, 4, "GIF8", "a GIF file"},
        {8, 4, "WEBP", "a WebP file"},
        {0, 4, "II*\0", "a TIFF file"},
        {0, 4, "MM\0*", "a TIFF file"},
        {4, 8, "ftypavif", "an AVIF file"},
        {4, 7, "ftyphei", "a HEIC file"},
        {4, 7, "ftypmif", "a HEIC file"},
        {0, 4, "\0\0\1\0", "an icon file"},
        {0, 4, "8BPS", "a Photoshop file"},
        {0, 4, "%PDF", "a PDF file"},
        {0, 4, "PK\3\4", "a zip archive"},
        {0, 2, "P1", "a PBM file (black and white)"},
        {0, 2, "P4", "a PBM file (black and white)"},
        {0, 2, "P7", "a PAM file"},
        {0, 2, "\xFF\x4F", "a JPEG 2000 file"},
        {4, 4, "jP  ", "a JPEG 2000 file"},
        {0, 15, "version https:/", "a pointer of Git LFS, not the file itself"},
        {0, 5, "<?xml", "an XML file"},
        {0, 5, "<html", "a web page"},
        {0, 5, "<!DOC", "a web page"},
        {0, 8, "\0\0\0\0\0\0\0\0", "zeros"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (n >= kinds[i].at + kinds[i].n &&
            memcmp(bytes + kinds[i].at, kinds[i].mark, kinds[i].n) == 0) {
            return kinds[i].kind;
        }
    }
    return "of no kind that is known";
}

static enum status find_format(const uint8_t *bytes, size_t n, const struct image_format **out)
{
    static const struct image_format *const formats[] = {
#define X(name) &image_format_##name,
        IMAGE_FORMAT_LIST(X)
#undef X
    };
    if (n == 0) {
        FAIL(ERR_INPUT, "empty");
    }
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i]->claims(bytes, n)) {
            *out = formats[i];
            return OK;
        }
    }
    FAIL(ERR_INPUT, "%s, expected JPEG, PNG, PPM, PGM or BMP", foreign_kind(bytes, n));
}

enum status image_decode_bytes(const uint8_t *bytes, size_t n, const struct image_request *request,
                               struct arena *arena, struct image *out)
{
    const struct image_format *format;
    const struct image_bytes all = {.at = bytes, .n = n, .whole = n};
    struct image image = {.rgb = NULL};
    TRY(find_format(bytes, n, &format));
    TRY(format->decode(&all, request, arena, &image));
    *out = image;
    return OK;
}

// Fills `out` from `offset` on, as far as the file goes.
static enum status read_at(int file, size_t offset, void *out, size_t n, size_t *got)
{
    *got = 0;
    while (*got < n) {
        const ssize_t step = pread(file, (char *)out + *got, n - *got, (off_t)offset + (off_t)*got);
        if (step < 0 && errno == EINTR) {
            continue;
        }
        if (step < 0) {
            FAIL(ERR_INPUT, "cannot be read: %s", strerror(errno));
        }
        if (step == 0) {
            break;
        }
        *got += (size_t)step;
    }
    return OK;
}

// A file open for reading, and its size. Files are read and not mapped: one that shrinks meanwhile
// is a short one.
static enum status open_file(const char *path, int *out, size_t *whole)
{
    struct stat stat;
    // Nobody may write to a pipe of that name: do not wait for it.
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        FAIL(ERR_INPUT, "cannot be opened: %s", strerror(errno));
    }
    if (fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode) || stat.st_size > MOST_FILE_BYTES) {
        close(file);
        FAIL(ERR_INPUT, "expected a regular file of at most %d bytes", MOST_FILE_BYTES);
    }
    *out = file;
    *whole = (size_t)stat.st_size;
    return OK;
}

static enum status decode_open_file(int file, size_t whole, const struct image_request *request,
                                    struct arena *arena, struct image *out)
{
    uint8_t *bytes;
    size_t got;
    ARENA_NEW(arena, bytes, whole);
    TRY(read_at(file, 0, bytes, whole, &got));
    return image_decode_bytes(bytes, got, request, arena, out);
}

enum status image_decode_file(const char *path, const struct image_request *request,
                              struct arena *arena, struct image *out)
{
    int file = -1;
    size_t whole = 0;
    enum status status = open_file(path, &file, &whole);
    if (status == OK) {
        status = decode_open_file(file, whole, request, arena, out);
        close(file);
    }
    return status == OK ? OK : status_context(status, "%s", path);
}

// Whether the last bytes are the end mark of the formats that have one.
static bool ends_well(const struct image_format *format, const uint8_t *tail)
{
    static const uint8_t png_end[TAIL_BYTES] = {0,   0,   0,    0,    'I',  'E',
                                                'N', 'D', 0xAE, 0x42, 0x60, 0x82};
    if (format == &image_format_jpeg) {
        return tail[TAIL_BYTES - 2] == 0xFF && tail[TAIL_BYTES - 1] == 0xD9;
    }
    return format != &image_format_png || memcmp(tail, png_end, sizeof png_end) == 0;
}

// The header of an open file of `whole` bytes; *ended: its end mark is where it belongs.
static enum status look(int file, size_t whole, struct arena *scratch, bool *ended)
{
    const struct image_format *format = NULL;
    bool more = true;
    for (size_t most = FIRST_BYTES; more; most *= 8) {
        struct image_bytes bytes = {.whole = whole};
        const size_t n = most < whole ? most : whole;
        uint8_t *buffer;
        ARENA_NEW(scratch, buffer, n);
        TRY(read_at(file, 0, buffer, n, &bytes.n));
        bytes.at = buffer;
        bytes.whole = bytes.n < n ? bytes.n : whole; // it shrank
        TRY(find_format(bytes.at, bytes.n, &format));
        more = false;
        TRY(format->look(&bytes, &more));
        CHECK(!more || bytes.n < bytes.whole);
    }
    uint8_t tail[TAIL_BYTES] = {0};
    size_t got = 0;
    if (whole >= TAIL_BYTES) {
        TRY(read_at(file, whole - TAIL_BYTES, tail, TAIL_BYTES, &got));
    }
    *ended = ends_well(format, tail);
    return OK;
}

enum status image_check_file(const char *path, bool thorough, struct arena *scratch, bool *untidy)
{
    // All of a JPEG's pixels are looked at when it is decoded at an eighth too.
    const struct image_request request = {.h = 1, .w = 1};
    struct image image = {.untidy = false};
    bool ended = false;
    int file = -1;
    size_t whole = 0;
    TRY(open_file(path, &file, &whole));
    enum status status = look(file, whole, scratch, &ended);
    if (status == OK && (thorough || !ended)) {
        status = decode_open_file(file, whole, &request, scratch, &image);
    }
    close(file);
    *untidy = image.untidy;
    return status;
}
