// The data sets that are known by name, and the readers of all formats.
#pragma once

// Every reader, once: X(name) stands for the table `reader_name` at the end of a file read_*.c. A
// path that nothing is said of belongs to the first reader that claims it. Formats can be named in
// the place of a data set.
#define FORMAT_LIST(X) X(idx) X(folder) X(npy) X(hdf5)
#define READER_LIST(X) X(cifar10) X(cifar100) FORMAT_LIST(X) X(shapes)

// Every data set known by name, once: X(name, reader, classes or 0 for as many as the labels show,
// two names of its folder, how to get it).
#define DATASET_LIST(X)                                                                            \
    X("cifar10", cifar10, 10, "cifar10", "cifar-10-batches-bin",                                   \
      "get cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and unpack it " \
      "there")                                                                                     \
    X("cifar100", cifar100, 100, "cifar100", "cifar-100-binary",                                   \
      "get cifar-100-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and unpack "   \
      "it there")                                                                                  \
    X("mnist", idx, 10, "mnist", NULL,                                                             \
      "put the four files of MNIST (train-images-idx3-ubyte.gz ...) there")                        \
    X("fashion-mnist", idx, 10, "fashion-mnist", NULL,                                             \
      "run `apt-get install dataset-fashion-mnist`")                                               \
    X("fsdd", idx, 10, "fsdd", NULL,                                                               \
      "put the log-mel images of the Free Spoken Digit Dataset "                                   \
      "(logmel-train-images-idx3-ubyte.gz ...) there")                                             \
    X("har", npy, 6, "har", NULL,                                                                  \
      "put the arrays of the smartphone activity set (train_x_i16.npy, train_y_u8.npy ...) there") \
    X("shapes", shapes, SHAPE_CLASSES, NULL, NULL, "")
