// Made-up tables in the files and formats that the environment `tabular` reads.
#pragma once

// FOLDER/nasbench201 with both files: all cells; isomorphic is said of cells alone that differ only
// in the operation of the last edge where the other edges into the output are all "none".
void tabular_files_nasbench201(const char *folder);
// FOLDER/nasbenchmacro: networks whose number (operations as digits to the base 3) is not 3 more
// than a multiple of 5.
void tabular_files_macro(const char *folder);

// What they say; number as in tabular_table.h, data 0 to 2, shares.
double tabular_files_proxy(int number, int data);
double tabular_files_final(int number, int data);
int tabular_files_equal(int number); // the least number of the same cell
int tabular_files_macro_known(int number);
double tabular_files_macro_final(int number);
long tabular_files_macro_macs(int number);
