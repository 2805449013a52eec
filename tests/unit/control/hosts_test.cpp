// Which host and port are configured.
#include <gmock/gmock.h>

#include "shim/control/config.h"
#include "shim/control/values.h"

namespace recshim::control {
namespace {

// The rules and stand-ins as written; `local` is what counts as this machine.
class Hosts {
 public:
  explicit Hosts(const std::string& rules, const std::string& connect_to = "") {
    for (const std::string& item : split_list(rules)) {
      auto rule = parse_host_rule(item);
      EXPECT_TRUE(rule.ok()) << item << ": " << (rule.ok() ? "" : rule.error().message);
      if (rule) config_.hosts.push_back(*rule);
    }
    for (const std::string& item : split_list(connect_to)) {
      auto entry = parse_connect_to(item);
      EXPECT_TRUE(entry.ok()) << item;
      if (entry) config_.connect_to.push_back(*entry);
    }
  }
  [[nodiscard]] bool has(const std::string& host, uint16_t port) const {
    return matcher().configured(host, port);
  }
  [[nodiscard]] HostMatcher matcher() const {
    return {config_, [](const std::string& host) {
              return host == "localhost" || host == "127.0.0.1" || host == "::1";
            }};
  }

 private:
  Config config_;
};

TEST(Hosts, DefaultIsWebPortsOfEveryHostButThisMachine) {
  const Hosts hosts("");
  EXPECT_TRUE(hosts.has("api.example.com", 443));
  EXPECT_TRUE(hosts.has("93.184.216.34", 80));
  EXPECT_TRUE(hosts.has("api.example.com", 0));
  EXPECT_FALSE(hosts.has("api.example.com", 8443));
  EXPECT_FALSE(hosts.has("localhost", 443));
  EXPECT_FALSE(hosts.has("127.0.0.1", 80));
  EXPECT_FALSE(hosts.has("::1", 0));
}

TEST(Hosts, ANameWithoutPortMeansEveryPort) {
  const Hosts hosts("api.example.com");
  EXPECT_TRUE(hosts.has("api.example.com", 5000));
  EXPECT_TRUE(hosts.has("API.Example.com", 443));
  EXPECT_TRUE(hosts.has("api.example.com.", 443)) << "the root's dot changes nothing";
  EXPECT_FALSE(hosts.has("example.com", 443));
  EXPECT_FALSE(hosts.has("xapi.example.com", 443));
  EXPECT_FALSE(hosts.has("other.example", 443)) << "a list replaces the default";
}

TEST(Hosts, ANameWithPortMeansThatPort) {
  const Hosts hosts("api.example.com:8080,localhost:9000");
  EXPECT_TRUE(hosts.has("api.example.com", 8080));
  EXPECT_TRUE(hosts.has("api.example.com", 0));
  EXPECT_FALSE(hosts.has("api.example.com", 443));
  EXPECT_TRUE(hosts.has("localhost", 9000)) << "named, loopback counts";
  EXPECT_FALSE(hosts.has("localhost", 9001));
}

TEST(Hosts, ASuffixMeansTheNamesBelowIt) {
  const Hosts hosts("*.example.com:443");
  EXPECT_TRUE(hosts.has("a.example.com", 443));
  EXPECT_TRUE(hosts.has("a.b.example.com", 443));
  EXPECT_FALSE(hosts.has("a.example.com", 80));
  EXPECT_FALSE(hosts.has("example.com", 443));
  EXPECT_FALSE(hosts.has("badexample.com", 443));
}

TEST(Hosts, AStarMeansEverything) {
  const Hosts hosts("*");
  EXPECT_TRUE(hosts.has("a.example", 1));
  EXPECT_TRUE(hosts.has("127.0.0.1", 1));
  EXPECT_FALSE(Hosts("*:443").has("a.example", 80));
}

TEST(Hosts, NetworksOfBothFamilies) {
  const Hosts hosts("10.1.0.0/20,192.0.2.7,2001:db8::/33,[2001:db9::1]:8080,172.16.0.0/12:443");
  EXPECT_TRUE(hosts.has("10.1.0.1", 1));
  EXPECT_TRUE(hosts.has("10.1.15.255", 1));
  EXPECT_FALSE(hosts.has("10.1.16.0", 1));
  EXPECT_TRUE(hosts.has("::ffff:10.1.2.3", 1)) << "v4-mapped is the same address";
  EXPECT_TRUE(hosts.has("192.0.2.7", 1));
  EXPECT_FALSE(hosts.has("192.0.2.8", 1));
  EXPECT_TRUE(hosts.has("2001:db8:7fff::1", 1));
  EXPECT_FALSE(hosts.has("2001:db8:8000::1", 1));
  EXPECT_TRUE(hosts.has("2001:0db9::0001", 8080)) << "however it is written";
  EXPECT_FALSE(hosts.has("2001:db9::1", 443));
  EXPECT_TRUE(hosts.has("172.31.0.1", 443));
  EXPECT_FALSE(hosts.has("172.31.0.1", 80));
  EXPECT_FALSE(hosts.has("ten.example", 1)) << "a name is not looked up";
  EXPECT_TRUE(Hosts("0.0.0.0/0").has("8.8.8.8", 53));
  EXPECT_FALSE(Hosts("0.0.0.0/0").has("2001:db8::1", 53));
  EXPECT_TRUE(Hosts("::/0").has("2001:db8::1", 53));
}

TEST(Hosts, ExclusionsWinWhereverTheyStand) {
  for (const char* rules : {"*.example.com,!auth.example.com", "!auth.example.com,*.example.com"}) {
    const Hosts hosts(rules);
    EXPECT_TRUE(hosts.has("api.example.com", 443)) << rules;
    EXPECT_FALSE(hosts.has("auth.example.com", 443)) << rules;
  }
  const Hosts one_port("api.example.com,!api.example.com:9090");
  EXPECT_TRUE(one_port.has("api.example.com", 443));
  EXPECT_FALSE(one_port.has("api.example.com", 9090));
  EXPECT_TRUE(one_port.has("api.example.com", 0)) << "another port is left";
}

TEST(Hosts, ANameAndItsAddressAreJudgedTogether) {
  const auto has = [](const char* rules, const char* name, const char* address) {
    return Hosts(rules).matcher().configured(name, 443, address);
  };
  // Either may be meant.
  EXPECT_TRUE(has("api.test", "api.test", "203.0.113.5"));
  EXPECT_TRUE(has("203.0.113.0/24", "api.test", "203.0.113.5"));
  EXPECT_FALSE(has("203.0.113.0/24", "api.test", "192.0.2.1"));
  // An exclusion of either wins, whatever includes the other.
  for (const char* rules :
       {"*,!login.test", "*:443,!login.test", "!login.test,*", "*,!*.test",
        "203.0.113.0/24,!login.test", "203.0.113.5,!login.test:443", "login.test,!203.0.113.5",
        "*,!203.0.113.0/24", "!login.test", "!203.0.113.5", "*.test,203.0.113.5,!login.test"}) {
    EXPECT_FALSE(has(rules, "login.test", "203.0.113.5")) << rules;
  }
  for (const char* rules : {"*,!login.test:80", "*,!login.test,!203.0.113.6", "!other.test"}) {
    EXPECT_TRUE(has(rules, "api.test", "203.0.113.5")) << rules;
  }
  // By the default rule, what is this machine by its name may yet be another by its address.
  EXPECT_TRUE(has("", "api.test", "127.0.0.1"));
  EXPECT_TRUE(has("", "localhost", "203.0.113.5"));
  EXPECT_FALSE(has("", "localhost", "127.0.0.1"));
  EXPECT_FALSE(has("api.test", "localhost", "203.0.113.5"));
}

TEST(Hosts, WhatIsExcludedIsTold) {
  const Hosts hosts("*,!login.test,!10.0.0.0/8:80");
  const HostMatcher matcher = hosts.matcher();
  EXPECT_TRUE(matcher.excluded("LOGIN.test.", 443));
  EXPECT_TRUE(matcher.excluded("10.1.2.3", 80));
  EXPECT_FALSE(matcher.excluded("10.1.2.3", 443));
  EXPECT_FALSE(matcher.excluded("api.test", 443));
  EXPECT_FALSE(Hosts("api.test").matcher().excluded("other.test", 443)) << "merely not included";
  EXPECT_FALSE(matcher.excluded("", 443));
}

TEST(Hosts, ExclusionsAloneAreTakenFromTheDefault) {
  const Hosts hosts("!telemetry.example.com");
  EXPECT_TRUE(hosts.has("api.example.com", 443));
  EXPECT_FALSE(hosts.has("api.example.com", 8443));
  EXPECT_FALSE(hosts.has("telemetry.example.com", 443));
  EXPECT_FALSE(hosts.has("localhost", 443));
}

TEST(Hosts, ConnectToIsAlwaysConfigured) {
  const Hosts hosts("!*", "localhost:443=127.0.0.1:8443,[2001:db8::1]:80=[::1]:8080");
  EXPECT_TRUE(hosts.has("localhost", 443));
  EXPECT_FALSE(hosts.has("localhost", 80));
  const HostMatcher matcher = hosts.matcher();
  const ConnectTo* entry = matcher.connect_to("LOCALHOST", 443);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->target_address, "127.0.0.1");
  EXPECT_EQ(entry->target_port, 8443);
  entry = matcher.connect_to("2001:0db8::1", 80);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->target_address, "::1");
  EXPECT_EQ(matcher.connect_to("localhost", 444), nullptr);
  EXPECT_NE(matcher.connect_to("localhost", 0), nullptr);
}

TEST(Hosts, BadRulesSayWhatIsWrong) {
  for (const char* bad : {"",
                          "!",
                          "a b",
                          "http://a.example",
                          "a.example:",
                          "a.example:0",
                          "a.example:65536",
                          "a.example:x",
                          "10.0.0.0/33",
                          "10.0.0.0/",
                          "10.0.0.0/8x",
                          "::/129",
                          "[::1",
                          "[::1]x",
                          "a.example/8",
                          "*.",
                          "*..x",
                          "a..b",
                          ".a",
                          "*a.example",
                          "a.example:1:2"}) {
    const auto rule = parse_host_rule(bad);
    ASSERT_FALSE(rule.ok()) << bad;
    EXPECT_THAT(rule.error().message, testing::HasSubstr("\"" + std::string(bad) + "\""));
  }
}

TEST(Hosts, BadStandInsAreRefused) {
  for (const char* bad : {"", "a:1", "a=b", "a:1=b", "a=b:1", "a:0=b:1", "a:1=b:70000",
                          "=:", "a:1=::1:8080", "http://a:1=b:2", "a:1=b:2=c:3"}) {
    EXPECT_FALSE(parse_connect_to(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace recshim::control
