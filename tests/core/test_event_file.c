// Event files, read back by a reader of the test's own: framing, checksums, names, what a writer
// after another one leaves.
#include "core/event_file.h"
#include "core/file.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

struct event {
    char version[32];
    bool start;
    double wall;
    int64_t step;
    int n;
    char tags[8][32];
    float values[8];
};

static uint64_t varint(const uint8_t **at)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        const uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
}

static void read_scalar(const uint8_t *at, const uint8_t *end, struct event *out)
{
    assert_true(out->n < 8);
    bool has_value = false;
    while (at < end) {
        const uint64_t key = varint(&at);
        if (key == (1 << 3 | 2)) {
            const uint64_t n = varint(&at);
            assert_true(n < sizeof out->tags[0]);
            memcpy(out->tags[out->n], at, n);
            at += n;
        } else {
            assert_int_equal(key, 2 << 3 | 5);
            memcpy(&out->values[out->n], at, 4);
            at += 4;
            has_value = true;
        }
    }
    assert_true(has_value); // 0 too
    out->n++;
}

static void read_event(const uint8_t *at, const uint8_t *end, struct event *out)
{
    memset(out, 0, sizeof *out);
    while (at < end) {
        const uint64_t key = varint(&at);
        if (key == (1 << 3 | 1)) {
            memcpy(&out->wall, at, 8);
            at += 8;
        } else if (key == 2 << 3) {
            out->step = (int64_t)varint(&at);
        } else {
            const uint64_t n = varint(&at);
            if (key == (3 << 3 | 2)) {
                memcpy(out->version, at, n);
            } else if (key == (7 << 3 | 2)) {
                assert_int_equal(n, 2);
                assert_int_equal(at[0], 1 << 3);
                out->start = at[1] == 1;
            } else {
                assert_int_equal(key, 5 << 3 | 2);
                for (const uint8_t *inner = at; inner < at + n;) {
                    assert_int_equal(varint(&inner), 1 << 3 | 2);
                    const uint64_t length = varint(&inner);
                    read_scalar(inner, inner + length, out);
                    inner += length;
                }
            }
            at += n;
        }
    }
    assert_ptr_equal(at, end);
}

static uint32_t masked(const void *bytes, size_t n)
{
    const uint32_t crc = event_file_crc(bytes, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

// Every record's framing is checked. Returns how many there are.
static int read_events(const char *path, struct event *out, int most)
{
    struct arena arena = {0};
    char *bytes;
    size_t length;
    int n = 0;
    assert_ok(file_read(path, 1 << 20, &arena, &bytes, &length));
    for (size_t at = 0; at < length; n++) {
        uint64_t size;
        uint32_t crc;
        assert_true(n < most && length - at > 16);
        memcpy(&size, bytes + at, 8);
        memcpy(&crc, bytes + at + 8, 4);
        assert_int_equal(crc, masked(bytes + at, 8));
        assert_true(size <= length - at - 16);
        memcpy(&crc, bytes + at + 12 + size, 4);
        assert_int_equal(crc, masked(bytes + at + 12, size));
        read_event((uint8_t *)bytes + at + 12, (uint8_t *)bytes + at + 12 + size, &out[n]);
        at += 16 + size;
    }
    arena_close(&arena);
    return n;
}

static int count_files(void)
{
    int n = 0;
    DIR *entries = opendir(folder.path);
    assert_non_null(entries);
    for (const struct dirent *e = readdir(entries); e != NULL; e = readdir(entries)) {
        n += strstr(e->d_name, "tfevents") != NULL ? 1 : 0;
    }
    closedir(entries);
    return n;
}

static void checksums_are_castagnolis(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0};
    assert_int_equal(event_file_crc("123456789", 9), 0xe3069283U);
    assert_int_equal(event_file_crc(zeros, sizeof zeros), 0x8a9136aaU); // RFC 3720, B.4
    assert_int_equal(event_file_crc(zeros, 0), 0);
}

static void scalars_come_back(void **state)
{
    (void)state;
    struct event_file file;
    struct event events[8];
    const struct event_scalar first[] = {{"loss/a", 0.0}, {"loss/b", -1.5}};
    const struct event_scalar second[] = {{"x", 3e9}};
    assert_ok(event_file_open(folder.path, &file));
    assert_int_equal(count_files(), 0); // no name yet
    assert_ok(event_file_add(&file, 0, 1000.5, first, 2));
    assert_ok(event_file_publish(&file));
    assert_int_equal(count_files(), 1);
    assert_ok(event_file_add(&file, INT64_C(5000000000), 1001, second, 1));
    assert_ok(event_file_add(&file, 7, 1002, second, 0)); // nothing to say
    assert_ok(event_file_flush(&file, false));
    assert_int_equal(read_events(file.path, events, 8), 4); // while it is open
    assert_string_equal(events[0].version, "brain.Event:2");
    assert_true(events[1].start && events[1].step == 0);
    assert_int_equal(events[2].n, 2);
    assert_string_equal(events[2].tags[1], "loss/b");
    assert_true(events[2].values[0] == 0.0F && events[2].values[1] == -1.5F);
    assert_true(events[2].wall == 1000.5);
    assert_true(events[3].step == INT64_C(5000000000) && events[3].values[0] == 3e9F);
    assert_ok(event_file_close(&file));
    assert_ok(event_file_close(&file));
}

static void a_later_file_takes_the_place_of_earlier_ones(void **state)
{
    (void)state;
    struct event_file files[2];
    struct event events[8];
    const struct event_scalar scalar = {"x", 1};
    const char *other = test_folder_path(&folder, "events.out.tfevents.1.elsewhere");
    test_folder_write(other, "theirs", 6);
    for (int i = 0; i < 2; i++) { // within one second
        assert_ok(event_file_open(folder.path, &files[i]));
        assert_ok(event_file_add(&files[i], i, 1, &scalar, 1));
        assert_ok(event_file_publish(&files[i]));
        assert_ok(event_file_close(&files[i]));
    }
    assert_true(strcmp(files[0].path, files[1].path) < 0); // read in this order
    assert_int_equal(access(files[0].path, F_OK), -1);
    assert_int_equal(count_files(), 2); // another program's stays
    assert_int_equal(read_events(files[1].path, events, 8), 3);
    assert_int_equal(events[2].step, 1);
    remove(other);
}

static void what_was_never_named_leaves_nothing(void **state)
{
    (void)state;
    struct event_file file;
    char longest[20000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const struct event_scalar scalar = {longest, 1};
    const int before = count_files();
    assert_ok(event_file_open(folder.path, &file));
    assert_fails(event_file_add(&file, 0, 1, &scalar, 1), ERR_INPUT, "bytes");
    assert_ok(event_file_close(&file));
    assert_int_equal(count_files(), before);
    assert_false(file_exists(test_folder_path(&folder, "events.next")));
    assert_fails(event_file_open("/nowhere/there", &file), ERR_IO, "/nowhere/there");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_are_castagnolis),
        cmocka_unit_test(scalars_come_back),
        cmocka_unit_test(a_later_file_takes_the_place_of_earlier_ones),
        cmocka_unit_test(what_was_never_named_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
