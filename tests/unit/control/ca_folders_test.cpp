// Folders of certificates that SSL_CERT_DIR names.
#include "shim/control/ca_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recshim::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CaFolders, AreThoseBetweenColons) {
  EXPECT_THAT(ca_folders(""), IsEmpty());
  EXPECT_THAT(ca_folders("::"), IsEmpty());
  EXPECT_THAT(ca_folders("/a"), ElementsAre("/a"));
  EXPECT_THAT(ca_folders("/a/:b//:/"), ElementsAre("/a", "b", "/"));
  EXPECT_THAT(ca_folders(":/a::/b:"), ElementsAre("/a", "/b"));
}

}  // namespace
}  // namespace recshim::control
