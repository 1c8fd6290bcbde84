// A look along PATH.
#include "app/program_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool program_find(const char *name, char *out, size_t out_bytes)
{
    for (const char *at = getenv("PATH"); at != NULL && *at != '\0';) {
        const size_t length = strcspn(at, ":");
        const int used = snprintf(out, out_bytes, "%.*s/%s", (int)length, at, name);
        if (length > 0 && used > 0 && (size_t)used < out_bytes && access(out, X_OK) == 0) {
            return true;
        }
        at += length + (at[length] == ':');
    }
    return false;
}
