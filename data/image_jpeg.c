// JPEG by libjpeg-turbo. Its own interface rather than TurboJPEG's: that one does not tell junk
// after the last pixel from pixels that are missing.
#include "data/image_format.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
// clang-format off: jpeglib.h needs what stdio.h declares
#include <jerror.h>
#include <jpeglib.h>
// clang-format on

enum {
    MOST_SCANS = 200,      // of a progressive file: each can cost the time of a whole picture
    MOST_MEMORY = 1 << 30, // of libjpeg's own
    EXIF_MARKER = JPEG_APP0 + 1,
    EXIF_NAME_BYTES = 6, // "Exif\0\0"
};

struct decoder {
    struct jpeg_decompress_struct jpeg; // first: libjpeg hands it back
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    enum status status; // of the failure
    const struct image_bytes *bytes;
    bool more;            // the header goes on beyond the bytes at hand
    bool junk, early_end; // warnings that cost no pixel
    int orientation;
};

static _Noreturn void fail(struct decoder *decoder, enum status status)
{
    decoder->status = status;
    longjmp(decoder->failed, 1);
}

static void on_error(j_common_ptr jpeg)
{
    struct decoder *decoder = (struct decoder *)(void *)jpeg;
    char message[JMSG_LENGTH_MAX];
    const int code = jpeg->err->msg_code;
    jpeg->err->format_message(jpeg, message);
    const bool memory = code == JERR_OUT_OF_MEMORY || code == JERR_NO_BACKING_STORE;
    (void)status_fail(memory ? ERR_MEMORY : ERR_INPUT, __FILE__, __LINE__, "a JPEG %s: %s",
                      decoder->early_end ? "cut short" : "that is damaged", message);
    fail(decoder, memory ? ERR_MEMORY : ERR_INPUT);
}

// level < 0: a warning. Those that can mean wrong pixels end it.
static void on_message(j_common_ptr jpeg, int level)
{
    struct decoder *decoder = (struct decoder *)(void *)jpeg;
    if (level >= 0) {
        return;
    }
    switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
        if (decoder->bytes->n < decoder->bytes->whole) {
            decoder->more = true;
            fail(decoder, OK);
        }
        decoder->early_end = true;
        return;
    case JWRN_EXTRANEOUS_DATA: // before a restart mark it is data gone wrong
        if (jpeg->err->msg_parm.i[1] < JPEG_RST0 || jpeg->err->msg_parm.i[1] > JPEG_RST0 + 7) {
            decoder->junk = true;
            return;
        }
        break;
    case JWRN_HIT_MARKER:
        (void)status_fail(ERR_INPUT, __FILE__, __LINE__, "a JPEG cut short: pixels are missing");
        fail(decoder, ERR_INPUT);
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_BOGUS_ICC:
        return;
    default:
        break;
    }
    on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    struct decoder *decoder = (struct decoder *)(void *)jpeg;
    if (jpeg->is_decompressor && decoder->jpeg.input_scan_number > MOST_SCANS) {
        (void)status_fail(ERR_INPUT, __FILE__, __LINE__, "a JPEG of more than %d scans",
                          MOST_SCANS);
        fail(decoder, ERR_INPUT);
    }
}

static void ignore(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void find_orientation(struct decoder *decoder)
{
    decoder->orientation = 1;
    for (jpeg_saved_marker_ptr marker = decoder->jpeg.marker_list; marker != NULL;
         marker = marker->next) {
        if (marker->marker == EXIF_MARKER && marker->data_length > EXIF_NAME_BYTES &&
            memcmp(marker->data, "Exif\0", EXIF_NAME_BYTES) == 0) {
            decoder->orientation = image_exif_orientation(marker->data + EXIF_NAME_BYTES,
                                                          marker->data_length - EXIF_NAME_BYTES);
            return;
        }
    }
}

// The header, and whether the file can hold what it promises: every block of 8 x 8 takes at least a
// bit (except in arithmetic coding).
static enum status read_header(struct decoder *decoder)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->num_components == 4) {
        FAIL(ERR_INPUT, "a JPEG in CMYK; convert it to RGB");
    }
    if (jpeg->num_components != 1 && jpeg->num_components != 3) {
        FAIL(ERR_INPUT, "a JPEG of %d colour components, expected 1 or 3", jpeg->num_components);
    }
    TRY(image_check_size(jpeg->image_height, jpeg->image_width));
    double blocks = 0;
    for (int i = 0; i < jpeg->num_components; i++) {
        blocks += (double)jpeg->comp_info[i].width_in_blocks * jpeg->comp_info[i].height_in_blocks;
    }
    if (!jpeg->arith_code && blocks > 8.0 * (double)decoder->bytes->whole) {
        FAIL(ERR_INPUT, "a JPEG cut short: %zu bytes cannot hold %u x %u pixels",
             decoder->bytes->whole, jpeg->image_width, jpeg->image_height);
    }
    find_orientation(decoder);
    return OK;
}

// How many eighths of the picture's size are enough: 1, 2, 4 or 8, as these are fast.
static unsigned eighths(const struct decoder *decoder, const struct image_request *request)
{
    const bool on_its_side = decoder->orientation >= 5;
    const double h = on_its_side ? request->w : request->h;
    const double w = on_its_side ? request->h : request->w;
    unsigned n = h > 0 && w > 0 ? 1 : 8;
    while (n < 8 && (decoder->jpeg.image_height * (double)n < 8 * h ||
                     decoder->jpeg.image_width * (double)n < 8 * w)) {
        n *= 2;
    }
    return n;
}

// Whether every colour component came, and, where the file ended early, all that a progressive one
// says of it.
static bool has_all_scans(const struct decoder *decoder)
{
    const struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    for (int c = 0; c < jpeg->num_components; c++) {
        if (jpeg->comp_info[c].quant_table == NULL) {
            return false;
        }
        for (int i = 0; decoder->early_end && jpeg->progressive_mode && i < DCTSIZE2; i++) {
            if (jpeg->coef_bits[c][i] != 0) {
                return false;
            }
        }
    }
    return true;
}

static enum status read_pixels(struct decoder *decoder, const struct image_request *request,
                               struct arena *arena, struct image *out)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    TRY(read_header(decoder));
    jpeg->out_color_space = JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->do_fancy_upsampling = TRUE;
    jpeg->do_block_smoothing = FALSE;
    jpeg->scale_num = eighths(decoder, request);
    jpeg->scale_denom = 8;
    jpeg_calc_output_dimensions(jpeg);
    TRY(image_allocate(jpeg->output_height, jpeg->output_width, arena, out));
    jpeg_start_decompress(jpeg);
    const bool complete = has_all_scans(decoder); // scans, if there are several, are read by now
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = out->rgb + (size_t)jpeg->output_scanline * (size_t)out->w * 3;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
    if (!complete) {
        FAIL(ERR_INPUT, "a JPEG cut short: scans are missing");
    }
    out->untidy = decoder->junk || decoder->early_end;
    return image_turn(decoder->orientation, arena, out);
}

// The header alone when `out` is NULL.
static enum status run(struct decoder *decoder, const struct image_request *request,
                       struct arena *arena, struct image *out)
{
    if (setjmp(decoder->failed) != 0) { // NOLINT(cert-err52-cpp): as libjpeg wants it
        return decoder->status;
    }
    jpeg_create_decompress(&decoder->jpeg);
    decoder->jpeg.mem->max_memory_to_use = MOST_MEMORY;
    decoder->progress.progress_monitor = on_progress;
    decoder->jpeg.progress = &decoder->progress;
    jpeg_save_markers(&decoder->jpeg, EXIF_MARKER, 0xFFFF);
    jpeg_mem_src(&decoder->jpeg, decoder->bytes->at, decoder->bytes->n);
    return out == NULL ? read_header(decoder) : read_pixels(decoder, request, arena, out);
}

static enum status decode_with(struct decoder *decoder, const struct image_bytes *bytes,
                               const struct image_request *request, struct arena *arena,
                               struct image *out)
{
    memset(decoder, 0, sizeof *decoder);
    decoder->bytes = bytes;
    decoder->jpeg.err = jpeg_std_error(&decoder->errors);
    decoder->errors.error_exit = on_error;
    decoder->errors.emit_message = on_message;
    decoder->errors.output_message = ignore;
    const enum status status = run(decoder, request, arena, out);
    jpeg_destroy_decompress(&decoder->jpeg);
    return status;
}

static bool claims(const uint8_t *bytes, size_t n)
{
    return n >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

static enum status look(const struct image_bytes *bytes, bool *more)
{
    struct decoder decoder;
    TRY(decode_with(&decoder, bytes, NULL, NULL, NULL));
    *more = decoder.more;
    return OK;
}

static enum status decode(const struct image_bytes *bytes, const struct image_request *request,
                          struct arena *arena, struct image *out)
{
    struct decoder decoder;
    return decode_with(&decoder, bytes, request, arena, out);
}

const struct image_format image_format_jpeg = {.claims = claims, .look = look, .decode = decode};
