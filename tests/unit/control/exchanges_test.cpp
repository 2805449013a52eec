// Exchanges: what is saved, found and missed, and what the journal and the user hear of it.
#include "shim/control/exchanges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/base/fake_env.h"

namespace recshim::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kGet = "GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n";
constexpr auto kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

class ExchangesTest : public ::testing::Test {
 protected:
  static store::StoreOptions options() {
    store::StoreOptions options;
    options.dir = "/recordings";
    options.session_dir = "/session";
    return options;
  }
  static flow::Settings settings() {
    flow::Settings settings;
    settings.is_configured = [](const http::Origin&, const std::string&) { return true; };
    return settings;
  }
  // The exchange of kGet and kAnswer as a connection hands it over to be saved.
  std::unique_ptr<http::Exchange> recorded() {
    flow::RecordConnection connection({"http", "api.test", 80}, false, settings_);
    flow::Commands commands;
    connection.on_client_bytes(kGet, 1, commands);
    connection.on_server_bytes(kAnswer, 2, commands);
    return std::move(std::get<flow::Save>(commands.at(0)).exchange);
  }
  // The request that a replay connection asks for.
  std::unique_ptr<http::Exchange> asked() {
    flow::Commands commands;
    replay_.on_client_bytes(kGet, 1, commands);
    return std::move(std::get<flow::Find>(commands.at(0)).request);
  }
  std::string output() {
    std::string bytes;
    while (auto segment = replay_.next_segment()) bytes += segment->bytes;
    return bytes;
  }
  std::vector<std::string> outcomes() const {
    std::vector<std::string> names;
    for (const auto& line : journal_) names.emplace_back(outcome_name(line.outcome));
    return names;
  }

  testing::MemoryEnv memory_;
  testing::FailingEnv env_{memory_};
  store::Store store_{env_, options()};
  std::vector<JournalLine> journal_;
  std::vector<std::string> told_;
  Exchanges exchanges_{env_,
                       store_,
                       {[this](JournalLine line) { journal_.push_back(std::move(line)); },
                        [this](const std::string& text) { told_.push_back(text); }}};
  flow::Settings settings_ = settings();
  flow::ReplayConnection replay_{{"http", "api.test", 80}, false, settings_};
  flow::Commands more_;
};

TEST_F(ExchangesTest, WhatWasSavedIsFound) {
  exchanges_.save(*recorded());
  const auto request = asked();
  EXPECT_FALSE(exchanges_.answer(replay_, *request, more_));
  EXPECT_EQ(output(), kAnswer);
  EXPECT_THAT(outcomes(), ElementsAre("recorded", "hit"));
  EXPECT_EQ(journal_[0].file, journal_[1].file);
  EXPECT_EQ(journal_[1].url, "http://api.test/a");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(ExchangesTest, AMissIsTheCallersToDecide) {
  const auto request = asked();
  const auto missing = exchanges_.answer(replay_, *request, more_);
  ASSERT_TRUE(missing);
  EXPECT_EQ(output(), "");
  EXPECT_THAT(outcomes(), IsEmpty());
  exchanges_.miss(replay_, *request, *missing, more_);
  EXPECT_THAT(output(), HasSubstr("HTTP/1.1 424 "));
  EXPECT_THAT(outcomes(), ElementsAre("miss"));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("http://api.test/a")));
}

TEST_F(ExchangesTest, ABrokenRecordingIsNoMiss) {
  exchanges_.save(*recorded());
  ASSERT_TRUE(memory_.write_atomic(journal_[0].file, "{").ok());
  const auto request = asked();
  EXPECT_FALSE(exchanges_.answer(replay_, *request, more_));
  EXPECT_THAT(output(), HasSubstr(journal_[0].file));
  EXPECT_THAT(outcomes(), ElementsAre("recorded", "refused"));
  EXPECT_THAT(told_, ElementsAre(HasSubstr(journal_[0].file)));
}

TEST_F(ExchangesTest, ALostRecordingIsTold) {
  env_.fail(testing::EnvOp::kWriteAtomic);
  exchanges_.save(*recorded());
  EXPECT_THAT(outcomes(), ElementsAre("lost"));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("no space left on device")));
}

TEST_F(ExchangesTest, WhatCanNotBeRecordedIsJournalledWithItsReason) {
  auto exchange = recorded();
  exchange->request.target = "/a?api_key=secret";
  exchanges_.unrecorded(*exchange, "cancelled");
  EXPECT_THAT(outcomes(), ElementsAre("unrecorded"));
  EXPECT_EQ(journal_[0].method, "GET");
  EXPECT_EQ(journal_[0].url, "http://api.test/a?api_key=REDACTED");
  EXPECT_EQ(journal_[0].detail, "cancelled");
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(ExchangesTest, AConnectionThatCanNotBeReadIsJournalledWithoutARequest) {
  exchanges_.unrecorded(http::Origin{"https", "api.test", 443}, {"t", "call", 7}, "HTTP/2");
  EXPECT_THAT(outcomes(), ElementsAre("unrecorded"));
  EXPECT_EQ(journal_[0].method, "");
  EXPECT_EQ(journal_[0].url, "https://api.test");
  EXPECT_EQ(journal_[0].test_id, "t");
  EXPECT_EQ(journal_[0].wall_us, 7u);
}

// The test id of a request with this header that was made in the test "env".
std::string test_id_with(http::Header header) {
  http::Exchange exchange;
  exchange.test_id.emplace("env");
  exchange.request.headers.push_back(std::move(header));
  apply_header_test_id(exchange);
  return exchange.test_id.value();
}

TEST(HeaderTestId, GoesBeforeTheEnvironments) {
  const std::string data = R"({"__test_id": "header", "other": 1})";
  EXPECT_EQ(test_id_with({"x-ogx-provider-data", data}), "header");
  EXPECT_EQ(test_id_with({"X-LlamaStack-Provider-Data", data}), "header");
}

TEST(HeaderTestId, WhatNamesNoneChangesNothing) {
  EXPECT_EQ(test_id_with({"X-Other", R"({"__test_id": "header"})"}), "env");
  EXPECT_EQ(test_id_with({"X-OGX-Provider-Data", "not json"}), "env");
  EXPECT_EQ(test_id_with({"X-OGX-Provider-Data", R"({"__test_id": 3})"}), "env");
}

}  // namespace
}  // namespace recshim::control
