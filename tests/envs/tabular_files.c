#include "tabular_files.h"

#include "test_folder.h"

#include <math.h>

static const char *const operations[] = {"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3",
                                         "avg_pool_3x3"};
enum { CELLS = 15625, NETWORKS = 6561 };

// A number from 0 to 1 that depends on no order.
static double mixed(int number, int salt)
{
    const unsigned long long a = ((unsigned)number * 2654435761ULL + (unsigned)salt * 40503ULL);
    return (double)(a * 6364136223846793005ULL >> 40) / (double)(1 << 24);
}

// More convolutions are better, up to a little chance.
static double quality(int number, int data)
{
    double sum = 0;
    for (int i = 0, rest = number; i < 6; i++, rest /= 5) {
        static const double worth[] = {0.0, 0.6, 0.8, 1.0, 0.3};
        sum += worth[rest % 5] * (1 + 0.1 * ((i + data) % 3)) / 6.6;
    }
    return fmin(sum, 1.0);
}

static double rounded(double share, double steps)
{
    return round(share * steps) / steps;
}

double tabular_files_proxy(int number, int data)
{
    return rounded(0.1 + 0.6 * quality(number, data) + 0.05 * mixed(number, data), 1e5);
}

double tabular_files_final(int number, int data)
{
    return rounded(0.15 + 0.75 * quality(number, data) + 0.05 * mixed(number, 3 + data), 1e5);
}

int tabular_files_equal(int number)
{
    // The edges into the output are the last three digits.
    return number / 5 % 25 == 0 ? number / 5 * 5 : number;
}

static void write_cell(FILE *file, int number)
{
    const char *op[6];
    for (int i = 5; i >= 0; i--, number /= 5) {
        op[i] = operations[number % 5];
    }
    fprintf(file, "|%s~0|+|%s~0|%s~1|+|%s~0|%s~1|%s~2|", op[0], op[1], op[2], op[3], op[4], op[5]);
}

static FILE *begin(const char *folder, const char *inside, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, inside);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", folder, inside, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        abort();
    }
    return file;
}

static void end(FILE *file)
{
    if (fclose(file) != 0) {
        abort();
    }
}

void tabular_files_nasbench201(const char *folder)
{
    FILE *file = begin(folder, "nasbench201", "nats_bench_tss_200ep.csv");
    fprintf(file, "CIFAR10TestAccuracy200Epochs,CIFAR100TestAccuracy200Epochs,"
                  "ImageNetTestAccuracy200Epochs,ArchitectureString,UniqueString\n");
    for (int i = CELLS - 1; i >= 0; i--) {
        fprintf(file, "%.3f,%.3f,%.3f,", 100 * tabular_files_final(i, 0),
                100 * tabular_files_final(i, 1), 100 * tabular_files_final(i, 2));
        write_cell(file, i);
        fprintf(file, ",(%d)\n", tabular_files_equal(i));
    }
    end(file);
    file = begin(folder, "nasbench201", "nasbench201_12ep.csv");
    fprintf(file, "arch,c10-test12,c10-val12,c100-test12,c100-val12,in16-test12,in16-val12\r\n");
    for (int i = 0; i < CELLS; i++) {
        write_cell(file, i);
        for (int k = 0; k < 3; k++) {
            fprintf(file, ",1,%.3f", 100 * tabular_files_proxy(i, k));
        }
        fprintf(file, "\r\n");
    }
    end(file);
}

int tabular_files_macro_known(int number)
{
    return number % 5 != 3;
}

static double seed_percent(int number, int seed)
{
    return rounded(60 + 30 * mixed(number, 9) + mixed(number, 10 + seed), 1e2);
}

double tabular_files_macro_final(int number)
{
    double sum = 0;
    for (int seed = 0; seed < 3; seed++) {
        sum += seed_percent(number, seed);
    }
    return sum / 300;
}

long tabular_files_macro_macs(int number)
{
    long macs = 1000000;
    for (int i = 0; i < 8; i++, number /= 3) {
        macs += 500000L * (number % 3);
    }
    return macs;
}

void tabular_files_macro(const char *folder)
{
    FILE *file = begin(folder, "nasbenchmacro", "nas_bench_macro_cifar10_half.csv");
    fprintf(file, "arch,params,macs,test_acc_seed1,test_acc_seed2,test_acc_seed3\n");
    for (int i = 0; i < NETWORKS; i++) {
        char digits[9] = "";
        for (int k = 7, rest = i; k >= 0; k--, rest /= 3) {
            digits[k] = (char)('0' + rest % 3);
        }
        if (tabular_files_macro_known(i)) {
            fprintf(file, "%s,%ld,%ld,%.2f,%.2f,%.2f\n", digits, tabular_files_macro_macs(i) / 10,
                    tabular_files_macro_macs(i), seed_percent(i, 0), seed_percent(i, 1),
                    seed_percent(i, 2));
        }
    }
    end(file);
}
