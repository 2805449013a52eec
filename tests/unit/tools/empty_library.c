/* Stands for librecshim.so where a test is about `recshim run` alone. */
int recshim_empty_library;
