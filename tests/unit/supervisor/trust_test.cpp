#include "tools/supervisor/trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/base/temp_dir.h"

using ::testing::EndsWith;

namespace recshim::supervisor {
namespace {

std::map<std::string, std::string> variables(const std::string& session,
                                             const std::map<std::string, std::string>& own) {
  const auto made = trust_variables(session, [&](const char* name) -> std::optional<std::string> {
    const auto found = own.find(name);
    if (found == own.end()) return std::nullopt;
    return found->second;
  });
  EXPECT_TRUE(made.ok());
  if (!made) return {};
  return {made->begin(), made->end()};
}

TEST(Trust, AddsTheSessionsCaToWhatTheUserTrusts) {
  const testing::TempDir folder;
  Env& env = posix_env();
  ASSERT_TRUE(env.write_atomic(folder.path() + "/ca.pem", "OUR CA\n"));
  ASSERT_TRUE(env.write_atomic(folder.path() + "/own.pem", "THEIR CA"));
  const auto made = variables(folder.path(), {{"SSL_CERT_FILE", folder.path() + "/own.pem"},
                                              {"CURL_CA_BUNDLE", folder.path() + "/none.pem"}});
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(*env.read_file(made.at("SSL_CERT_FILE")), "THEIR CA\nOUR CA\n");
  EXPECT_EQ(*env.read_file(made.at("CURL_CA_BUNDLE")), "OUR CA\n");
  // A child that is supervised too has them already.
  EXPECT_TRUE(variables(folder.path(), made).empty());
}

TEST(Trust, WithoutAVariableItIsTheSystemsBundle) {
  const testing::TempDir folder;
  ASSERT_TRUE(posix_env().write_atomic(folder.path() + "/ca.pem", "OUR CA\n"));
  const auto made = variables(folder.path(), {});
  ASSERT_EQ(made.size(), 1u);
  EXPECT_THAT(*posix_env().read_file(made.at("SSL_CERT_FILE")), EndsWith("OUR CA\n"));
}

}  // namespace
}  // namespace recshim::supervisor
