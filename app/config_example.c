// The examples that `dikdik config --example` prints. They run as they are on a machine with
// Debian's dataset-fashion-mnist.
#include "app/config_example.h"

#include <stddef.h>

const char *const config_example_names[] = {[EXAMPLE_NONE] = "none",
                                            [EXAMPLE_PRUNE] = "prune",
                                            [EXAMPLE_NAS] = "nas",
                                            [EXAMPLE_SWEEP] = "sweep",
                                            NULL};

static const char prune[] =
    "// Two networks are trained, then cut to three budgets by one agent: dikdik run prune.json\n"
    "{\n"
    "  \"seed\": 1,\n"
    "  \"networks\": [\n"
    "    {\n"
    "      \"name\": \"convnet\",\n"
    "      \"architecture\": \"convnet\",              // of the zoo; or \"weights\", a file of "
    "yours\n"
    "      \"data\": {\"name\": \"fashion-mnist\"},\n"
    "      \"train\": {\"epochs\": 2, \"batch\": 64, \"learning_rate\": 0.1, \"crop_pad\": 0}\n"
    "    },\n"
    "    {\n"
    "      \"name\": \"resnet20\",\n"
    "      \"architecture\": \"resnet20\",\n"
    "      \"data\": {\"name\": \"fashion-mnist\"},\n"
    "      \"train\": {\"epochs\": 1, \"batch\": 64, \"learning_rate\": 0.1, \"crop_pad\": 0}\n"
    "    }\n"
    "  ],\n"
    "  \"tasks\": [                                   // what to find: a network within a budget\n"
    "    {\"network\": \"convnet\", \"macs\": 0.5},      // half of its multiply-adds\n"
    "    {\"network\": \"resnet20\", \"macs\": 0.5},\n"
    "    {\"network\": \"resnet20\", \"params\": 0.3}    // or of its parameters, or \"bytes\"\n"
    "  ],\n"
    "  \"space\": {\"round_to\": 4},                    // channels are kept by fours\n"
    "  \"scoring\": {\"images\": 1000},                 // that a candidate is scored on\n"
    "  \"search\": {\"evaluations\": 60},               // candidates per task\n"
    "  \"learner\": {\"mode\": \"sync\"},                 // the same result on any number of "
    "cores\n"
    "  \"finetune\": {\"epochs\": 1, \"batch\": 64, \"learning_rate\": 0.02, \"crop_pad\": 0}\n"
    "}\n";

static const char nas[] =
    "// Architectures are searched in a space, with weights shared by all of them: dikdik run "
    "nas.json\n"
    "{\n"
    "  \"seed\": 1,\n"
    "  \"environment\": \"nas\",\n"
    "  \"networks\": [\n"
    "    {\n"
    "      \"name\": \"fashion\",\n"
    "      \"data\": {\"name\": \"fashion-mnist\", \"share\": 0.5},\n"
    "      \"space\": {\n"
    "        \"name\": \"mobile\",\n"
    "        \"mobile\": {\n"
    "          \"stem_width\": 12,\n"
    "          \"stem_stride\": 2,\n"
    "          \"head_width\": 64,\n"
    "          \"stages\": [                        // each with the values to choose from\n"
    "            {\"width\": [12, 16], \"depth\": [1, 2], \"kernel\": [3, 5], \"expansion\": [2, "
    "4], "
    "\"stride\": 1},\n"
    "            {\"width\": [16, 24, 32], \"depth\": [1, 2, 3], \"kernel\": [3, 5], "
    "\"expansion\": [2, "
    "4]},\n"
    "            {\"width\": [32, 48], \"depth\": [1, 2], \"kernel\": [3, 5], \"expansion\": [2, "
    "4]}\n"
    "          ]\n"
    "        }\n"
    "      },\n"
    "      \"supernet\": {\"epochs\": 4, \"batch\": 64, \"learning_rate\": 0.1, \"crop_pad\": 1}\n"
    "    }\n"
    "  ],\n"
    "  \"tasks\": [                                // shares of the largest network of the space\n"
    "    {\"network\": \"fashion\", \"macs\": 0.4},\n"
    "    {\"network\": \"fashion\", \"macs\": 0.2}\n"
    "  ],\n"
    "  \"scoring\": {\"images\": 1000, \"reward\": \"loss\"},\n"
    "  \"search\": {\"evaluations\": 60},\n"
    "  \"learner\": {\"mode\": \"sync\"},\n"
    "  \"finetune\": {\"epochs\": 4, \"batch\": 64, \"learning_rate\": 0.04, \"crop_pad\": 1}\n"
    "}\n";

static const char sweep[] =
    "// One config, run once for every value of the options below: dikdik sweep sweep.json\n"
    "{\n"
    "  \"seed\": 1,\n"
    "  \"networks\": [\n"
    "    {\n"
    "      \"name\": \"convnet\",\n"
    "      \"architecture\": \"convnet\",\n"
    "      \"data\": {\"name\": \"fashion-mnist\"},\n"
    "      \"train\": {\"epochs\": 1, \"batch\": 64, \"learning_rate\": 0.1, \"crop_pad\": 0}\n"
    "    }\n"
    "  ],\n"
    "  \"tasks\": [{\"network\": \"convnet\", \"macs\": 0.5}],\n"
    "  \"space\": {\"round_to\": 4},\n"
    "  \"scoring\": {\"images\": 1000},\n"
    "  \"search\": {\"evaluations\": 40},\n"
    "  \"finetune\": {\"epochs\": 1, \"batch\": 64, \"learning_rate\": 0.02, \"crop_pad\": 0},\n"
    "  \"sweep\": {\n"
    "    \"learner.learning_rate\": [1e-3, 5e-3],     // each of these ...\n"
    "    \"seed\": \"1..3\"                             // ... with each of these seeds\n"
    "  }\n"
    "}\n";

const char *const config_examples[] = {
    [EXAMPLE_NONE] = "", [EXAMPLE_PRUNE] = prune, [EXAMPLE_NAS] = nas, [EXAMPLE_SWEEP] = sweep};
