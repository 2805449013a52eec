#include "shim/control/dns_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using testing::HasSubstr;

namespace recshim::control {
namespace {

using namespace std::string_literals;

const std::string kQuery =
    "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    "\x03"
    "API\x06openai\x03"
    "com\x00\x00\x01\x00\x01"s;

TEST(DnsMessage, ReadsAQuery) {
  const auto question = parse_dns_query(kQuery);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->name, "api.openai.com");
  EXPECT_EQ(question->type, kDnsA);
  EXPECT_TRUE(question->internet);
}

TEST(DnsMessage, WhatFollowsTheQuestionDoesNotMatter) {
  // An OPT record, as resolvers that know EDNS add it.
  const auto question = parse_dns_query(kQuery + "\0\0\x29\x04\xd0\0\0\0\0\0\0"s);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->name, "api.openai.com");
}

TEST(DnsMessage, EveryCutOffQueryIsRefused) {
  for (size_t size = 0; size < kQuery.size(); ++size) {
    EXPECT_FALSE(parse_dns_query(kQuery.substr(0, size))) << size;
  }
}

TEST(DnsMessage, TakesNoResponsesOtherOperationsOrPointers) {
  std::string response = kQuery;
  response[2] = '\x81';
  EXPECT_FALSE(parse_dns_query(response));
  std::string update = kQuery;
  update[2] = '\x29';
  EXPECT_FALSE(parse_dns_query(update));
  std::string pointer = kQuery;
  pointer[12] = '\xc0';
  EXPECT_FALSE(parse_dns_query(pointer));
  std::string two = kQuery;
  two[5] = 2;
  EXPECT_FALSE(parse_dns_query(two));
}

TEST(DnsMessage, AnswersWithAnAddress) {
  const std::string answer = dns_answer(kQuery, (198u << 24) | (18u << 16) | 513);
  EXPECT_EQ(answer.substr(0, 12), "\x12\x34\x85\x80\x00\x01\x00\x01\x00\x00\x00\x00"s);
  EXPECT_EQ(answer.substr(12, kQuery.size() - 12), kQuery.substr(12)) << "the question, as asked";
  EXPECT_EQ(answer.substr(kQuery.size()),
            "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\xc6\x12\x02\x01"s);
}

TEST(DnsMessage, AnswersWithoutData) {
  const std::string answer = dns_answer(kQuery + "trailing"s, std::nullopt);
  EXPECT_EQ(answer, "\x12\x34\x85\x80\x00\x01\x00\x00\x00\x00\x00\x00"s + kQuery.substr(12));
}

TEST(DnsMessage, SaysThatItCannotTell) {
  EXPECT_EQ(dns_failure(kQuery).substr(0, 4), "\x12\x34\x85\x82"s);
}

}  // namespace
}  // namespace recshim::control
