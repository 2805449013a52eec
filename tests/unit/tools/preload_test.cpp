// Where the library is found and how LD_PRELOAD is put together.
#include "tools/recshim/preload.h"

#include <gmock/gmock.h>

#include "tests/unit/tools/cli.h"

namespace recshim::tools {
namespace {

TEST(Preload, LibraryComesBeforeTheUsersOwn) {
  EXPECT_EQ(compose_preload("/b/librecshim.so", "", ""), "/b/librecshim.so");
  EXPECT_EQ(compose_preload("/b/librecshim.so", "", "x.so y.so:z.so"),
            "/b/librecshim.so:x.so:y.so:z.so");
}

TEST(Preload, SanitizersComeFirst) {
  EXPECT_EQ(compose_preload("/b/librecshim.so", "libasan.so.8", "x.so"),
            "libasan.so.8:/b/librecshim.so:x.so");
  EXPECT_EQ(compose_preload("/b/librecshim.so", "", "x.so:/usr/lib/libtsan.so.2"),
            "/usr/lib/libtsan.so.2:/b/librecshim.so:x.so");
  EXPECT_EQ(compose_preload("/b/librecshim.so", "libasan.so.8", "/usr/lib/libasan.so.8"),
            "/usr/lib/libasan.so.8:/b/librecshim.so")
      << "the user's, and only once";
}

TEST(Preload, NeverTwice) {
  EXPECT_EQ(compose_preload("/b/librecshim.so", "", "/a/librecshim.so"), "/b/librecshim.so");
}

class FindLibrary : public testing::Test {
 protected:
  void put(const std::string& folder) {
    std::filesystem::create_directories(cli_.path(folder));
    std::ofstream(cli_.path(folder + "/librecshim.so")) << "x";
  }
  Cli cli_;
};

TEST_F(FindLibrary, BesideTheExecutableAndInstalled) {
  std::filesystem::create_directories(cli_.path("bin"));
  EXPECT_FALSE(find_library("", cli_.path("bin")).ok());
  put("lib");
  EXPECT_EQ(*find_library("", cli_.path("bin")), cli_.path("lib/librecshim.so"));
  put("lib/recshim");
  EXPECT_EQ(*find_library("", cli_.path("bin")), cli_.path("lib/recshim/librecshim.so"));
  put("bin");
  EXPECT_EQ(*find_library("", cli_.path("bin")), cli_.path("bin/librecshim.so"));
}

TEST_F(FindLibrary, TheVariableDecidesAlone) {
  put("bin");
  EXPECT_EQ(*find_library(EMPTY_LIBRARY, cli_.path("bin")), EMPTY_LIBRARY);
  const auto missing = find_library(cli_.path("none.so"), cli_.path("bin"));
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, testing::HasSubstr(cli_.path("none.so")));
}

TEST_F(FindLibrary, APathThatTheLoaderWouldSplitIsAnError) {
  put("my folder");
  const auto found = find_library("", cli_.path("my folder"));
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message, testing::HasSubstr("space"));
}

}  // namespace
}  // namespace recshim::tools
