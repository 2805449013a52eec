#include "tools/supervisor/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "shim/control/values.h"

using testing::HasSubstr;
using testing::IsEmpty;

namespace recshim::supervisor {
namespace {

using control::Endpoint;
using control::Mode;

constexpr const char* kNamed = "198.18.0.5";     // api.example.com
constexpr const char* kUnnamed = "198.18.0.6";   // nobody's
constexpr const char* kLookedUp = "192.0.2.77";  // a lookup of api.example.com gave it
constexpr const char* kShared = "192.0.2.78";    // and of other.test

struct Setting {
  Mode mode = Mode::kReplay;
  std::vector<std::string> hosts;
  std::vector<std::string> connect_to;
  Guard guard = Guard::kOpen;
  std::vector<control::Proxy> proxies;
};

class Judge {
 public:
  explicit Judge(const Setting& setting) {
    config_.mode = setting.mode;
    for (const auto& host : setting.hosts) {
      config_.hosts.push_back(*control::parse_host_rule(host));
    }
    for (const auto& entry : setting.connect_to) {
      config_.connect_to.push_back(*control::parse_connect_to(entry));
    }
    policy_ =
        std::make_unique<Policy>(config_, setting.guard, setting.proxies,
                                 Names{[](uint32_t address) {
                                         return control::v4_text(address) == kNamed
                                                    ? std::optional<std::string>("api.example.com")
                                                    : std::nullopt;
                                       },
                                       [](const Endpoint& asked) {
                                         std::vector<std::string> names;
                                         if (asked.text() == kLookedUp || asked.text() == kShared) {
                                           names.emplace_back("api.example.com");
                                         }
                                         if (asked.text() == kShared)
                                           names.emplace_back("other.test");
                                         return names;
                                       }});
  }
  Decision stream(const char* address, uint16_t port, Reach reach = Reach::kStatic,
                  bool trusts = true) const {
    return policy_->stream(reach, *control::endpoint_from_text(address, port), {}, trusts);
  }
  Decision datagram(const char* address, uint16_t port, bool sends = true,
                    Reach reach = Reach::kStatic) const {
    return policy_->datagram(reach, *control::endpoint_from_text(address, port), sends);
  }
  const Policy* operator->() const { return policy_.get(); }

 private:
  control::Config config_;
  std::unique_ptr<Policy> policy_;
};

TEST(Policy, ServesConfiguredHostsUnderTheNameThatWasLookedUp) {
  for (const Mode mode : {Mode::kReplay, Mode::kRecord, Mode::kRecordIfMissing}) {
    const Decision decision = Judge({mode}).stream(kNamed, 443);
    EXPECT_EQ(decision.verdict, Verdict::kServe);
    EXPECT_EQ(decision.host, "api.example.com");
  }
  EXPECT_EQ(Judge({}).stream("192.0.2.1", 80).host, "192.0.2.1");
  EXPECT_EQ(Judge({}).stream("::ffff:198.18.0.5", 443).host, "api.example.com");
}

TEST(Policy, LetsEverythingElsePass) {
  const Judge judge({Mode::kReplay, {"api.example.com:443"}});
  EXPECT_EQ(judge.stream("192.0.2.1", 443).verdict, Verdict::kPass);
  EXPECT_EQ(judge.stream("127.0.0.1", 443).verdict, Verdict::kPass);
  EXPECT_EQ(judge.stream("::1", 443).verdict, Verdict::kPass);
  // The host has a synthetic address, which leads nowhere, and this port is not configured.
  EXPECT_EQ(judge.stream(kNamed, 22).verdict, Verdict::kElsewhere);
}

TEST(Policy, LoopbackMayBeConfiguredByItsName) {
  const Judge judge({Mode::kReplay, {"localhost:11434"}});
  EXPECT_EQ(judge.stream("127.0.0.1", 11434).verdict, Verdict::kServe);
  EXPECT_EQ(judge.stream("127.0.0.1", 11434).host, "localhost");
  EXPECT_EQ(judge.stream("127.0.0.1", 80).verdict, Verdict::kPass);
}

TEST(Policy, WhatIsExcludedPasses) {
  const Judge judge(
      {Mode::kReplay, {"*", "!203.0.113.0/24", "!login.test", "localhost", "!127.0.0.1"}});
  EXPECT_EQ(judge.stream("203.0.113.5", 80).verdict, Verdict::kPass);
  EXPECT_EQ(judge.stream("127.0.0.1", 80).verdict, Verdict::kPass);
  EXPECT_FALSE(judge->answers_lookup("login.test"));
  EXPECT_TRUE(judge->answers_lookup("other.test"));
}

TEST(Policy, ASyntheticAddressThatNobodyGaveIsRefused) {
  const Decision decision = Judge({}).stream(kUnnamed, 443);
  EXPECT_EQ(decision.verdict, Verdict::kRefuse);
  EXPECT_EQ(decision.error, ENETUNREACH);
}

TEST(Policy, ServesWhatGoesPastTheLibrary) {
  for (const Mode mode : {Mode::kReplay, Mode::kRecord, Mode::kRecordIfMissing}) {
    for (const char* address : {"192.0.2.1", kNamed}) {
      // It has the session's CA from the library.
      EXPECT_EQ(Judge({mode}).stream(address, 443, Reach::kLibrary, false).verdict,
                Verdict::kServe);
    }
    EXPECT_EQ(Judge({mode}).stream("127.0.0.1", 443, Reach::kLibrary).verdict, Verdict::kPass);
  }
}

TEST(Policy, AnAddressThatALookupGaveIsItsHosts) {
  for (const Mode mode : {Mode::kReplay, Mode::kRecord}) {
    const Decision decision = Judge({mode, {"api.example.com:443"}}).stream(kLookedUp, 443);
    EXPECT_EQ(decision.verdict, Verdict::kServe);
    EXPECT_EQ(decision.host, "api.example.com");
  }
  EXPECT_EQ(Judge({Mode::kReplay, {"api.example.com"}}).stream(kShared, 443).verdict,
            Verdict::kWatch);
  EXPECT_EQ(Judge({Mode::kReplay, {"api.example.com", "*.test"}}).stream(kShared, 443).verdict,
            Verdict::kServe);
  EXPECT_EQ(Judge({Mode::kReplay, {"api.example.com:443"}}).stream(kLookedUp, 22).verdict,
            Verdict::kPass);
  EXPECT_EQ(
      Judge({Mode::kReplay, {"api.example.com", "!192.0.2.0/24"}}).stream(kLookedUp, 443).verdict,
      Verdict::kPass);
}

TEST(Policy, RecordBreaksNoProgramThatDoesNotTrustTheGateway) {
  for (const Reach reach : {Reach::kLost, Reach::kStatic, Reach::kGo, Reach::kUnknown}) {
    const Judge record({Mode::kRecord});
    const Decision unrecorded = record.stream("192.0.2.1", 443, reach, false);
    EXPECT_EQ(unrecorded.verdict, Verdict::kUnrecorded);
    EXPECT_THAT(unrecorded.reason, HasSubstr("LD_PRELOAD"));
    // Its own address leads nowhere.
    EXPECT_EQ(record.stream(kNamed, 443, reach, false).verdict, Verdict::kElsewhere);
    EXPECT_THAT(record.stream(kNamed, 443, reach, false).reason, HasSubstr("LD_PRELOAD"));
    EXPECT_EQ(record.stream("192.0.2.1", 80, reach, false).verdict, Verdict::kServe);
    EXPECT_EQ(record.stream("192.0.2.1", 443, reach, true).verdict, Verdict::kServe);
    for (const Mode mode : {Mode::kReplay, Mode::kRecordIfMissing}) {
      EXPECT_EQ(Judge({mode}).stream("192.0.2.1", 443, reach, false).verdict, Verdict::kServe);
    }
  }
}

TEST(Policy, SealedStopsWhatLostTheLibrary) {
  Setting setting;
  EXPECT_EQ(Judge(setting).stream(kNamed, 443, Reach::kLost).verdict, Verdict::kServe);
  setting.guard = Guard::kSealed;
  for (const Mode mode : {Mode::kReplay, Mode::kRecord, Mode::kRecordIfMissing}) {
    setting.mode = mode;
    const Decision stopped = Judge(setting).stream(kNamed, 443, Reach::kLost);
    EXPECT_EQ(stopped.verdict, Verdict::kRefuse);
    EXPECT_EQ(stopped.host, "api.example.com");
    EXPECT_THAT(stopped.reason, HasSubstr("LD_PRELOAD"));
    EXPECT_EQ(Judge(setting).stream("192.0.2.1", 22, Reach::kLost).verdict, Verdict::kWatch);
    EXPECT_EQ(Judge(setting)->unseen("why").verdict, Verdict::kRefuse);
  }
}

TEST(Policy, SealedWatchesWhatNobodyLookedUp) {
  Setting setting{Mode::kReplay, {"api.example.com:443"}};
  EXPECT_EQ(Judge(setting).stream("192.0.2.1", 443).verdict, Verdict::kPass);
  setting.guard = Guard::kSealed;
  for (const Mode mode : {Mode::kReplay, Mode::kRecord, Mode::kRecordIfMissing}) {
    setting.mode = mode;
    for (const Reach reach :
         {Reach::kStatic, Reach::kGo, Reach::kLost, Reach::kLibrary, Reach::kUnknown}) {
      EXPECT_EQ(Judge(setting).stream("192.0.2.1", 443, reach).verdict, Verdict::kWatch);
      EXPECT_EQ(Judge(setting).stream("127.0.0.1", 3128, reach).verdict, Verdict::kWatch);
    }
    EXPECT_EQ(Judge(setting).stream(kNamed, 22).verdict, Verdict::kElsewhere);
  }
  // A proxy on this machine may lead anywhere.
  setting.hosts.clear();
  EXPECT_EQ(Judge(setting).stream("127.0.0.1", 3128).verdict, Verdict::kWatch);
  EXPECT_EQ(Judge(setting).stream("192.0.2.1", 3128).verdict, Verdict::kWatch);
  setting.mode = Mode::kLive;
  EXPECT_EQ(Judge(setting).stream("192.0.2.1", 3128).verdict, Verdict::kPass);
}

TEST(Policy, AfterTheRunNobodyLooks) {
  const auto afterwards = [](const Setting& setting, const char* address, Reach reach) {
    return Judge(setting)->afterwards(reach, *control::endpoint_from_text(address, 443));
  };
  Setting setting{Mode::kReplay, {"api.example.com"}};
  for (const Guard guard : {Guard::kOpen, Guard::kSealed}) {
    setting.guard = guard;
    const Verdict unknown = guard == Guard::kSealed ? Verdict::kRefuse : Verdict::kPass;
    for (const Reach reach : {Reach::kStatic, Reach::kGo, Reach::kLost}) {
      EXPECT_EQ(afterwards(setting, kNamed, reach), Verdict::kRefuse);
      EXPECT_EQ(afterwards(setting, "192.0.2.1", reach), unknown);
      EXPECT_EQ(afterwards(setting, "127.0.0.1", reach), Verdict::kPass);
    }
    // The library is with it still.
    EXPECT_EQ(afterwards(setting, "192.0.2.1", Reach::kLibrary), Verdict::kPass);
  }
  setting.mode = Mode::kRecord;
  EXPECT_EQ(afterwards(setting, "192.0.2.1", Reach::kStatic), Verdict::kPass);
}

TEST(Policy, ACallThatCannotBeLookedIntoGoesOnInRecordAndIsTold) {
  EXPECT_EQ(Judge({Mode::kRecord})->unseen("why").verdict, Verdict::kUnrecorded);
  EXPECT_EQ(Judge({Mode::kRecord})->unseen("why").reason, "why");
  EXPECT_EQ(Judge({Mode::kLive})->unseen("why").verdict, Verdict::kPass);
  EXPECT_EQ(Judge({Mode::kReplay})->unseen("why").verdict, Verdict::kRefuse);
  EXPECT_EQ(Judge({Mode::kReplay})->unseen("why").reason, "why");
}

TEST(Policy, LiveOnlyGoesWhereConnectToSays) {
  const Judge judge({Mode::kLive, {}, {"api.example.com:443=127.0.0.1:8443"}});
  EXPECT_EQ(judge.stream(kNamed, 443).verdict, Verdict::kElsewhere);
  EXPECT_EQ(judge.stream("192.0.2.1", 443).verdict, Verdict::kPass);
  EXPECT_TRUE(judge->answers_lookup("api.example.com"));
  EXPECT_FALSE(judge->answers_lookup("other.example.com"));
}

TEST(Policy, AProxyIsServedAsOne) {
  const Judge judge({Mode::kReplay, {"api.example.com"}, {}, Guard::kOpen, {{"192.0.2.8", 3128}}});
  const Decision decision = judge.stream("192.0.2.8", 3128);
  EXPECT_EQ(decision.verdict, Verdict::kServe);
  EXPECT_TRUE(decision.proxy);
  EXPECT_EQ(judge.stream("192.0.2.8", 3129).verdict, Verdict::kPass);
}

TEST(Policy, Datagrams) {
  const Judge replay({});
  EXPECT_EQ(replay.datagram("192.0.2.53", 53).verdict, Verdict::kLookup);
  EXPECT_EQ(replay.datagram("192.0.2.53", 53, true, Reach::kLibrary).verdict, Verdict::kPass);
  // HTTP/3, quietly: its clients go on over TCP.
  EXPECT_EQ(replay.datagram(kNamed, 443).verdict, Verdict::kRefuse);
  EXPECT_THAT(replay.datagram(kNamed, 443).reason, IsEmpty());
  EXPECT_EQ(replay.datagram("192.0.2.1", 443).verdict, Verdict::kRefuse);
  EXPECT_EQ(replay.datagram("192.0.2.1", 123).verdict, Verdict::kPass);
  // How resolvers and programs learn their own address.
  EXPECT_EQ(replay.datagram(kNamed, 9, false).verdict, Verdict::kPass);
  EXPECT_EQ(replay.datagram("192.0.2.1", 80, false).verdict, Verdict::kPass);
  EXPECT_EQ(Judge({Mode::kRecord}).datagram("192.0.2.1", 443).verdict, Verdict::kPass);
}

TEST(Policy, AnswersLookupsOfConfiguredHosts) {
  const Judge judge({Mode::kRecord, {"api.example.com:443", "*.test"}});
  EXPECT_TRUE(judge->answers_lookup("api.example.com"));
  EXPECT_TRUE(judge->answers_lookup("a.test"));
  EXPECT_FALSE(judge->answers_lookup("example.com"));
  EXPECT_FALSE(judge->answers_lookup("192.0.2.1"));
  EXPECT_FALSE(judge->answers_lookup(""));
  EXPECT_FALSE(Judge({Mode::kRecord})->answers_lookup("localhost"));
}

}  // namespace
}  // namespace recshim::supervisor
