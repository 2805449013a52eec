// The bundle of authorities that a system has.
#include "shim/control/ca_bundles.h"

#include <gtest/gtest.h>

#include "tests/unit/base/fake_env.h"

namespace recshim::control {
namespace {

TEST(CaBundles, TheFirstThatIsThereIsTheSystems) {
  recshim::testing::MemoryEnv env;
  EXPECT_EQ(system_bundle(env), "");
  const std::string fedoras = "/etc/pki/tls/certs/ca-bundle.crt";
  ASSERT_TRUE(env.write_atomic(fedoras, "x"));
  EXPECT_EQ(system_bundle(env), fedoras);
  const std::string debians = "/etc/ssl/certs/ca-certificates.crt";
  ASSERT_TRUE(env.write_atomic(debians, "x"));
  EXPECT_EQ(system_bundle(env), debians);
}

}  // namespace
}  // namespace recshim::control
