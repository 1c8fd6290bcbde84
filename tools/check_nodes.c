// Run by every build: refuses a table of node kinds in which one lacks something. nn/node_type.h
// says what each needs.
#include "nn/node_type.h"

#include <stdio.h>
#include <string.h>

struct demand {
    const char *what;
    bool met;
};

static bool has_attributes(const struct node_type *type)
{
    const struct node_attribute *attribute = type->attributes;
    for (; attribute != NULL && attribute->key != NULL; attribute++) {
        const bool choices = attribute->kind != ATTRIBUTE_CHOICE || attribute->choices != NULL;
        if (attribute->offset >= sizeof(struct node) || !choices) {
            return false;
        }
        for (const struct node_attribute *other = type->attributes; other < attribute; other++) {
            if (strcmp(other->key, attribute->key) == 0) {
                return false;
            }
        }
    }
    return true;
}

static int check(enum node_kind kind)
{
    const struct node_type *type = node_type_of(kind);
    const bool copies = type->int8_output == INT8_COPIES;
    const struct demand demands[] = {
        {"name", type->name != NULL && node_kind_find(type->name) == (int)kind},
        {"numbers of inputs", type->least_inputs <= type->most_inputs},
        {"attributes: each once, inside struct node, choices named", has_attributes(type)},
        {"shape", type->shape != NULL},
        {"op", (int)type->op >= 0 && type->op < OP_COUNT},
        {"forward", type->forward != NULL},
        {"backward", type->backward != NULL},
        {"infer", type->infer != NULL},
        {"int8: what copies integers reads them", !copies || type->int8_reads},
        {"pieces", type->pieces != NULL},
        {"resize, of one that makes channels",
         type->pieces != node_pieces_new || type->freezes || type->resize != NULL},
        {"cost, of one with parameters", type->params == NULL || type->cost != NULL},
    };
    int missing = 0;
    for (size_t i = 0; i < sizeof demands / sizeof demands[0]; i++) {
        if (!demands[i].met) {
            fprintf(stderr, "check_nodes: kind %d (%s) lacks: %s\n", (int)kind,
                    type->name != NULL ? type->name : "no name", demands[i].what);
            missing++;
        }
    }
    return missing;
}

int main(void)
{
    int missing = 0;
    for (int kind = 0; kind < NODE_KIND_COUNT; kind++) {
        missing += check((enum node_kind)kind);
    }
    return missing > 0;
}
