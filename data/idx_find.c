// The files of a data set in IDX, as people have them: MNIST's names, those of EMNIST and of
// log-mel images, and what archives make of them.
#include "core/file.h"
#include "core/text.h"
#include "data/idx_file.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

// What a file name says.
struct idx_name {
    char prefix[128];
    enum dataset_part part;
    bool images;
};

static bool take(const char **text, const char *word)
{
    const size_t n = strlen(word);
    const bool fits = strncmp(*text, word, n) == 0;
    *text += fits ? n : 0;
    return fits;
}

static bool take_dash(const char **text)
{
    return take(text, "-") || take(text, ".");
}

// KIND-idxD-ubyte[.gz] behind the part's name.
static bool parse_rest(const char *text, struct idx_name *out)
{
    out->images = take(&text, "images");
    if (!out->images && !take(&text, "labels")) {
        return false;
    }
    return take_dash(&text) && take(&text, out->images ? "idx3" : "idx1") && take_dash(&text) &&
           take(&text, "ubyte") && (*text == '\0' || strcmp(text, ".gz") == 0);
}

// PREFIX(train|t10k|test)-KIND-idxD-ubyte[.gz], the prefix empty or ended by a dash.
static bool parse_name(const char *name, struct idx_name *out)
{
    static const char *const parts[] = {"train", "t10k", "test"};
    for (const char *at = name; at != NULL; at = strchr(at, '-')) {
        at += at != name ? 1 : 0;
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
            const char *rest = at;
            if (!take(&rest, parts[i]) || !take_dash(&rest) || !parse_rest(rest, out)) {
                continue;
            }
            out->part = i == 0 ? DATASET_TRAIN : DATASET_TEST;
            return snprintf(out->prefix, sizeof out->prefix, "%.*s", (int)(at - name), name) <
                   (int)sizeof out->prefix;
        }
    }
    return false;
}

// FOLDER/NAME, or the file of that name in a folder that stands in its place. Some archives have
// both a file and a folder; the file is taken, being looked for by all its spellings first.
static bool resolve(const char *folder, const char *name, bool inside, char out[READER_PATH_BYTES])
{
    char path[READER_PATH_BYTES];
    if (file_join(path, sizeof path, folder, name) != OK) {
        return false;
    }
    if (!inside) {
        memcpy(out, path, sizeof path);
        return !file_is_folder(path) && file_exists(path);
    }
    if (!file_is_folder(path)) {
        return false;
    }
    DIR *stream = opendir(path);
    bool found = false;
    for (struct dirent *entry; stream != NULL && !found && (entry = readdir(stream)) != NULL;) {
        struct idx_name inner, outer;
        found = parse_name(entry->d_name, &inner) && parse_name(name, &outer) &&
                inner.part == outer.part && inner.images == outer.images &&
                file_join(out, READER_PATH_BYTES, path, entry->d_name) == OK &&
                !file_is_folder(out);
    }
    if (stream != NULL) {
        closedir(stream);
    }
    return found;
}

// What has been found so far among a folder's files.
struct hunt {
    const char *folder;
    enum dataset_part part;
    bool images;
    const char *wanted; // prefix; NULL: any
    bool inside;
    char path[READER_PATH_BYTES], prefix[128]; // of the one found
    char name[256];
    int found; // prefixes
    struct text prefixes;
};

static void look_at(struct hunt *hunt, const char *name)
{
    struct idx_name said;
    char path[READER_PATH_BYTES];
    if (strlen(name) >= sizeof hunt->name || !parse_name(name, &said) || said.part != hunt->part ||
        said.images != hunt->images ||
        (hunt->wanted != NULL && strcmp(said.prefix, hunt->wanted) != 0) ||
        !resolve(hunt->folder, name, hunt->inside, path)) {
        return;
    }
    if (hunt->found > 0 && strcmp(said.prefix, hunt->prefix) == 0) {
        // Two spellings of one file: the first in byte order, so that it is always the same.
        if (strcmp(name, hunt->name) > 0) {
            return;
        }
    } else {
        hunt->found++;
        text_add(&hunt->prefixes, "%s%.*s", hunt->found > 1 ? ", " : "",
                 said.prefix[0] != '\0' ? (int)strlen(said.prefix) - 1 : 0, said.prefix);
    }
    memcpy(hunt->path, path, sizeof path);
    memcpy(hunt->prefix, said.prefix, sizeof said.prefix);
    snprintf(hunt->name, sizeof hunt->name, "%s", name);
}

// Regular files before those inside folders of their name.
static void look_through(struct hunt *hunt)
{
    for (int inside = 0; inside < 2 && hunt->found == 0; inside++) {
        DIR *stream = opendir(hunt->folder);
        hunt->inside = inside == 1;
        for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
            look_at(hunt, entry->d_name);
        }
        if (stream != NULL) {
            closedir(stream);
        }
    }
}

bool idx_is_there(const char *folder)
{
    for (int part = DATASET_TRAIN; part <= DATASET_TEST; part++) {
        struct hunt hunt = {.folder = folder, .part = (enum dataset_part)part, .images = true};
        look_through(&hunt);
        text_close(&hunt.prefixes);
        if (hunt.found > 0) {
            return true;
        }
    }
    return false;
}

enum status idx_find(const char *folder, const char *set, enum dataset_part part, const char *kind,
                     char out[READER_PATH_BYTES])
{
    char own[80];
    const bool images = strcmp(kind, "images") == 0;
    snprintf(own, sizeof own, "%s-", set);
    const char *const wanted[] = {own, "", "logmel-", NULL};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        struct hunt hunt = {.folder = folder, .part = part, .images = images, .wanted = wanted[i]};
        look_through(&hunt);
        if (hunt.found > 1) {
            (void)status_fail(ERR_INPUT, __FILE__, __LINE__,
                              "%s holds several data sets: %.400s; say which one as data.name",
                              folder, hunt.prefixes.bytes);
        }
        text_close(&hunt.prefixes);
        if (hunt.found == 1) {
            memcpy(out, hunt.path, sizeof hunt.path);
            return OK;
        }
        if (hunt.found > 1) {
            return ERR_INPUT;
        }
    }
    FAIL(ERR_INPUT, "%s: expected a file %s-%s-idx%d-ubyte[.gz], found none", folder,
         part == DATASET_TRAIN ? "train" : "t10k", kind, images ? 3 : 1);
}
