// The authorities of real servers: read once, and again when a file has changed.
#include "tools/gateway/upstream_trust.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/control/temp_folder.h"
#include "tools/gateway/authority.h"

namespace recshim::gateway::testing {
namespace {

class UpstreamTrustTest : public ::testing::Test {
 protected:
  // A new authority's certificate.
  std::string authority(const std::string& name) {
    std::filesystem::create_directories(folder_.path(name));
    EXPECT_TRUE(prepare_authority(folder_.path(name)).ok());
    return ca_path(folder_.path(name));
  }
  static size_t size(UpstreamTrust& trust) {
    auto store = trust.store();
    EXPECT_TRUE(store.ok());
    return static_cast<size_t>(sk_X509_OBJECT_num(X509_STORE_get0_objects(store->get())));
  }

  control::TempFolder folder_;
};

TEST_F(UpstreamTrustTest, AllConnectionsShareOneStore) {
  UpstreamTrust trust(authority("one"), {authority("other"), folder_.path("absent")}, {});
  auto first = trust.store();
  auto second = trust.store();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->get(), second->get());
  EXPECT_EQ(size(trust), 2U);
}

TEST_F(UpstreamTrustTest, AChangedFileIsReadAgain) {
  const std::string bundle = authority("one"), other = authority("other");
  UpstreamTrust trust(bundle, {folder_.path("later.pem")}, {});
  auto before = trust.store();
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(size(trust), 1U);
  std::filesystem::copy_file(other, folder_.path("later.pem"));
  EXPECT_EQ(size(trust), 2U);
  // Who had the old one has it yet.
  EXPECT_EQ(sk_X509_OBJECT_num(X509_STORE_get0_objects(before->get())), 1);
}

TEST_F(UpstreamTrustTest, ABundleThatIsNotThereIsAnErrorEachTime) {
  UpstreamTrust trust(folder_.path("absent"), {}, {});
  for (int again = 0; again < 2; ++again) {
    const auto store = trust.store();
    ASSERT_FALSE(store.ok());
    EXPECT_NE(store.error().message.find("absent"), std::string::npos);
  }
}

}  // namespace
}  // namespace recshim::gateway::testing
