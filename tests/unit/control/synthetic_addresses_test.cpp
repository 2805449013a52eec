// SyntheticAddresses: one address a host, the same for every process of a session.
#include "shim/control/synthetic_addresses.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "shim/control/endpoint.h"

namespace recshim::control {
namespace {

TEST(SyntheticAddresses, AgreeWithinASession) {
  const auto memory = std::move(*SessionMemory::make_private());
  SyntheticAddresses first(*memory);
  SyntheticAddresses second(*memory);
  const uint32_t a = first.address_of("a.test");
  const uint32_t b = second.address_of("b.test");
  EXPECT_NE(a, b);
  EXPECT_EQ(second.address_of("a.test"), a);
  EXPECT_EQ(first.host_of(b), "b.test");
  EXPECT_EQ(second.host_of(a), "a.test");
  EXPECT_FALSE(first.host_of(kSyntheticBase + 5));
}

TEST(SyntheticAddresses, LieInTheBenchmarkNetworkAndAreNoBroadcast) {
  const auto memory = std::move(*SessionMemory::make_private());
  SyntheticAddresses addresses(*memory);
  for (int i = 0; i < 1000; ++i) {
    const uint32_t address = addresses.address_of("host" + std::to_string(i));
    EXPECT_TRUE(endpoint_from_text(v4_text(address), 0)->is_synthetic());
    EXPECT_NE(address & 255, 0u);
    EXPECT_NE(address & 255, 255u);
  }
}

TEST(SyntheticAddresses, AreOnesOwnWhereTheMemoryIsOutOfReach) {
  const auto memory = SessionMemory::unreachable({ErrorCode::kIo, "gone"});
  SyntheticAddresses addresses(*memory);
  const uint32_t a = addresses.address_of("a.test");
  const uint32_t b = addresses.address_of("b.test");
  EXPECT_NE(a, b);
  EXPECT_EQ(addresses.host_of(a), "a.test");
  EXPECT_EQ(addresses.host_of(b), "b.test");
}

TEST(SyntheticAddresses, AreNeverGivenTwiceHoweverManyAskAtOnce) {
  const auto memory = std::move(*SessionMemory::make_private());
  constexpr int kProcesses = 4;
  constexpr int kHosts = 500;
  std::vector<std::vector<uint32_t>> given(kProcesses);
  std::vector<std::thread> threads;
  for (int process = 0; process < kProcesses; ++process) {
    threads.emplace_back([&, process] {
      SyntheticAddresses addresses(*memory);
      for (int i = 0; i < kHosts; ++i) {
        given[process].push_back(addresses.address_of("host" + std::to_string(i)));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& others : given) EXPECT_EQ(others, given[0]);
  EXPECT_EQ(std::set<uint32_t>(given[0].begin(), given[0].end()).size(), size_t{kHosts});
}

}  // namespace
}  // namespace recshim::control
