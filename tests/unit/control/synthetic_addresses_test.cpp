// SyntheticAddresses: one address a host, the same for every process of a session.
#include "shim/control/synthetic_addresses.h"

#include <gtest/gtest.h>

#include "shim/control/endpoint.h"
#include "tests/unit/base/fake_env.h"

namespace recshim::control {
namespace {

TEST(SyntheticAddresses, AgreeWithinASession) {
  testing::MemoryEnv env;
  SyntheticAddresses first(env, "/session");
  SyntheticAddresses second(env, "/session");
  const uint32_t a = first.address_of("a.test");
  const uint32_t b = second.address_of("b.test");
  EXPECT_NE(a, b);
  EXPECT_EQ(second.address_of("a.test"), a);
  EXPECT_EQ(first.host_of(b), "b.test");
  EXPECT_EQ(second.host_of(a), "a.test");
  EXPECT_FALSE(first.host_of(kSyntheticBase + 5));
}

TEST(SyntheticAddresses, LieInTheBenchmarkNetworkAndAreNoBroadcast) {
  testing::MemoryEnv env;
  SyntheticAddresses addresses(env, "");
  for (int i = 0; i < 1000; ++i) {
    const uint32_t address = addresses.address_of("host" + std::to_string(i));
    EXPECT_TRUE(endpoint_from_text(v4_text(address), 0)->is_synthetic());
    EXPECT_NE(address & 255, 0u);
    EXPECT_NE(address & 255, 255u);
  }
  EXPECT_TRUE(env.files().empty());
}

TEST(SyntheticAddresses, ABrokenListOrFullDiskCostsOnlySharing) {
  testing::MemoryEnv memory;
  ASSERT_TRUE(memory.make_dirs("/session", 0700).ok());
  ASSERT_TRUE(memory.write_atomic("/session/addresses", "nonsense x\n198.18.0.7 a.test\n").ok());
  testing::FailingEnv env(memory);
  env.fail(testing::EnvOp::kAppend);
  SyntheticAddresses addresses(env, "/session");
  EXPECT_EQ(v4_text(addresses.address_of("a.test")), "198.18.0.7");
  const uint32_t b = addresses.address_of("b.test");
  EXPECT_EQ(addresses.host_of(b), "b.test");
}

}  // namespace
}  // namespace recshim::control
