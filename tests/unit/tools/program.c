/* A program that ends well; built statically and with ASan for elf_test.cpp. */
int main(void) {
  return 0;
}
