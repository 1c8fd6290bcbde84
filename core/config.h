// Configs: a JSON file read through option tables. Unknown key, wrong type, out of range and
// duplicate key are errors that name file, line, path, expected and got (and the nearest known
// key).
// "$schema" is skipped.
#pragma once
#include "core/json.h"
#include "core/option.h"

// Fills `values` from the document's object; options not mentioned get their defaults. Strings and
// lists are copied to `arena`.
enum status config_read(const struct json *document, const char *source, const struct option *table,
                        void *values, struct arena *arena);

// The same, but goes on after what is wrong, and puts all of it into `faults`, which the caller
// closes. ERR_CONFIG when there is any.
enum status config_read_all(const struct json *document, const char *source,
                            const struct option *table, void *values, struct arena *arena,
                            struct option_faults *faults);

// Every option with its value, as one JSON object that config_read reads back to the same values.
void config_write(const struct option *table, const void *values, struct json_writer *writer,
                  const char *key);

// Only those that shape this stage (option_shapes_of), in the same objects and lists; `around`:
// what the whole object shapes where its rows do not say.
void config_write_shaping(const struct option *table, const void *values, enum option_shapes shapes,
                          enum option_shapes around, struct json_writer *writer, const char *key);

// All of them as a text of its own, pretty, with a line break at its end. Closed by the caller.
enum status config_text(const struct option *table, const void *values, struct text *out);

// The command line of a subcommand: positional words, then --key VALUE or --key=VALUE from the
// table (nested keys dotted, '_' and '-' alike, a BOOL may stand alone), --set PATH=VALUE (as often
// as wanted; applied to the config file if there is one), --help.
struct cli {
    const char *command; // "dikdik train", for messages
    const char *usage;   // "CONFIG [options]"
    const char *about;   // one paragraph
    const char *const
        *positional; // names, NULL-ended: "CONFIG" is read as a config file into the same table;
    int required;    // how many positionals must be there
    const struct option *table;
};
enum { CLI_MOST_POSITIONAL = 256 };
struct cli_result {
    const char *positional[CLI_MOST_POSITIONAL];
    int n_positional;
    bool help; // --help was given and has been printed to standard output
};
// argv[0] is the subcommand. ERR_CONFIG names the word. Fills `values` (defaults, then file, then
// command line).
enum status cli_read(const struct cli *cli, int argc, char **argv, void *values,
                     struct arena *arena, struct cli_result *out);
