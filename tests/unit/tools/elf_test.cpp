// What is told of a program before it starts.
#include "tools/recshim/elf.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tools/cli.h"

namespace recshim::tools {
namespace {

const std::string kPath = "/usr/local/bin:/usr/bin:/bin";

Program inspected(const std::string& command, const std::string& path = kPath) {
  auto program = inspect_program(command, path);
  EXPECT_TRUE(program.ok()) << command;
  return program ? *program : Program{};
}

class Elf : public testing::Test {
 protected:
  std::string write_program(const std::string& name, const std::string& content) {
    std::ofstream(cli_.path(name), std::ios::binary) << content;
    chmod(cli_.path(name).c_str(), 0755);
    return cli_.path(name);
  }
  Cli cli_;
};

TEST_F(Elf, ADynamicProgram) {
  const Program program = inspected("sh");
  EXPECT_TRUE(program.is_elf);
  EXPECT_TRUE(program.is_dynamic);
  EXPECT_THAT(program.loader, testing::HasSubstr("ld-linux"));
  EXPECT_THAT(program.needed, testing::Contains("libc.so.6"));
  EXPECT_EQ(why_unreachable(program), "");
  EXPECT_EQ(sanitizer_runtime(program), "");
}

TEST_F(Elf, AStaticProgram) {
  const Program program = inspected(STATIC_PROGRAM);
  EXPECT_FALSE(program.is_dynamic);
  EXPECT_THAT(why_unreachable(program), testing::HasSubstr("statically linked"));
}

TEST_F(Elf, AProgramWithASanitizer) {
  const Program program = inspected(ASAN_PROGRAM);
  EXPECT_THAT(sanitizer_runtime(program), testing::StartsWith("libasan.so"));
  EXPECT_EQ(why_unreachable(program), "");
}

TEST_F(Elf, ScriptsAreTheirInterpreter) {
  EXPECT_THAT(inspected(write_program("a.sh", "#!/bin/sh\nexit 0\n")).path,
              testing::EndsWith("/bin/sh"));
  EXPECT_THAT(inspected(write_program("b.sh", "#! /usr/bin/env -S A=b sh -e\n")).path,
              testing::EndsWith("/sh"));
  const std::string by_script = write_program("c", "#!" + cli_.path("a.sh") + "\n");
  EXPECT_THAT(inspected(by_script).path, testing::EndsWith("/bin/sh"));
  EXPECT_EQ(why_unreachable(inspected(write_program("d", "#!" STATIC_PROGRAM "\n"))),
            "it is statically linked");
}

TEST_F(Elf, AScriptThatNamesItselfEnds) {
  const std::string path = cli_.path("loop");
  EXPECT_EQ(why_unreachable(inspected(write_program("loop", "#!" + path + "\n"))), "");
}

TEST_F(Elf, SearchesPathAsAShell) {
  write_program("tool", "#!/bin/sh\n");
  EXPECT_TRUE(inspect_program("tool", "/nowhere:" + cli_.path("")).ok());
  EXPECT_FALSE(inspect_program("tool", kPath).ok());
  EXPECT_FALSE(inspect_program("./no-such-tool", kPath).ok());
}

TEST_F(Elf, AnotherMachinesProgramIsUnreachable) {
  std::string elf = read_text(STATIC_PROGRAM).substr(0, 64);
  elf[4] = elf[4] == 1 ? 2 : 1;  // EI_CLASS
  EXPECT_THAT(why_unreachable(inspected(write_program("other", elf))),
              testing::HasSubstr("another machine"));
}

TEST_F(Elf, MuslIsUnreachable) {
  Program program;
  program.is_elf = program.is_dynamic = true;
  program.loader = "/lib/ld-musl-x86_64.so.1";
  EXPECT_THAT(why_unreachable(program), testing::HasSubstr("musl"));
  EXPECT_TRUE(is_loaded_by_musl(program));
  // The loader itself, told to load a program.
  Program loader;
  loader.is_elf = true;
  loader.path = "/lib/ld-musl-x86_64.so.1";
  EXPECT_THAT(why_unreachable(loader), testing::HasSubstr("musl"));
  Program at_home;
  at_home.is_elf = at_home.is_dynamic = true;
  at_home.path = "/opt/ld-musl/bin/curl";
  at_home.loader = "/lib64/ld-linux-x86-64.so.2";
  EXPECT_FALSE(is_loaded_by_musl(at_home));
}

TEST_F(Elf, ASetUidProgramOfAnotherUserIsUnreachable) {
  Program program;
  program.is_elf = program.is_dynamic = program.is_privileged = true;
  EXPECT_THAT(why_unreachable(program), testing::HasSubstr("set-uid"));
}

// Any prefix and any damaged byte of a real program: an answer, no crash.
TEST_F(Elf, DamagedFilesAreSurvived) {
  const std::string good = read_text("/proc/self/exe").substr(0, 4096);
  for (size_t length : {0u, 3u, 4u, 15u, 16u, 52u, 63u, 64u, 100u, 120u, 500u, 4000u}) {
    (void)inspected(write_program("cut", good.substr(0, length)));
  }
  for (size_t at = 0; at < 1024; ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    (void)inspected(write_program("damaged", damaged));
  }
}

}  // namespace
}  // namespace recshim::tools
