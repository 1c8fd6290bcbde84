// Marks as /proc shows them.
#include "marked.h"

#include "core/clock.h"
#include "test_unit.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>

int marked_processes(const char *mark, int signal_number)
{
    int n = 0;
    DIR *entries = opendir("/proc");
    assert_non_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        char path[300], text[65536];
        snprintf(path, sizeof path, "/proc/%s/environ", entry->d_name);
        FILE *file = isdigit((unsigned char)entry->d_name[0]) ? fopen(path, "rb") : NULL;
        if (file == NULL) {
            continue;
        }
        const size_t length = fread(text, 1, sizeof text, file);
        fclose(file);
        if (memmem(text, length, mark, strlen(mark)) != NULL) {
            n++;
            if (signal_number > 0) {
                kill((pid_t)strtol(entry->d_name, NULL, 10), signal_number);
            }
        }
    }
    closedir(entries);
    return n;
}

void marked_all_gone(const char *mark)
{
    int left = marked_processes(mark, 0);
    for (int i = 0; i < 2000 && left > 0; i++) {
        clock_sleep(0.01);
        left = marked_processes(mark, 0);
    }
    assert_int_equal(left, 0);
}
