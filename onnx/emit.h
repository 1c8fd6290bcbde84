// Parts of the step from drafts to a network. Inside onnx/ only.
#pragma once
#include "onnx/import.h"

// Fills mean and std of the network's input (of pixels / 255), and returns the draft that
// normalised it in the file and that they replace; -1: there is none. outputs [n_outputs]: drafts.
int onnx_take_normalization(const struct importer *importer, const int *outputs, int n_outputs,
                            struct network_info *info);
