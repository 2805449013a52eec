#include "shim/ops/tls_alpn.h"

#include <gmock/gmock.h>

namespace recshim::ops {
namespace {

using runtime::AlpnOffer;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using std::literals::operator""sv;

TEST(Alpn, ReadsTheWireFormat) {
  EXPECT_THAT(parse_alpn("\x02h2\x08http/1.1"sv), ElementsAre("h2", "http/1.1"));
  EXPECT_THAT(parse_alpn(kHttp11List), ElementsAre("http/1.1"));
  EXPECT_THAT(parse_alpn(""), IsEmpty());
}

TEST(Alpn, ABrokenListOffersNothing) {
  EXPECT_THAT(parse_alpn("\x02h2\x09http/1.1"sv), IsEmpty());
  EXPECT_THAT(parse_alpn("\x00"sv), IsEmpty());
  EXPECT_THAT(parse_alpn("\x05"sv), IsEmpty());
  EXPECT_THAT(parse_alpn("\xffh2"sv), IsEmpty());
}

TEST(Alpn, TellsWhatTheClientCanSpeak) {
  EXPECT_EQ(classify_alpn({}), AlpnOffer::kNone);
  EXPECT_EQ(classify_alpn({"h2"}), AlpnOffer::kHasHttp2);
  EXPECT_EQ(classify_alpn({"h3", "h2"}), AlpnOffer::kHasHttp2);
  EXPECT_EQ(classify_alpn({"h3"}), AlpnOffer::kOnlyOther);
  EXPECT_EQ(classify_alpn({"http/1.0"}), AlpnOffer::kNone);
  EXPECT_EQ(classify_alpn({"h2", "http/1.1"}), AlpnOffer::kHasHttp11);
}

TEST(Alpn, Http11IsChosenBeforeHttp2) {
  EXPECT_EQ(choose_alpn({"h2", "http/1.1"}), "http/1.1");
  EXPECT_EQ(choose_alpn({"grpc-exp", "h2"}), "h2");
  EXPECT_EQ(choose_alpn({"h3"}), "");
  EXPECT_EQ(choose_alpn({}), "");
}

TEST(Alpn, OnlyAChoiceIsNarrowed) {
  EXPECT_TRUE(must_narrow_alpn({"h2", "http/1.1"}));
  EXPECT_FALSE(must_narrow_alpn({"http/1.1"}));
  EXPECT_FALSE(must_narrow_alpn({"h2", "h3"}));
  EXPECT_FALSE(must_narrow_alpn({}));
}

TEST(Alpn, HostNamesAreLowerCaseWithoutTheRoot) {
  EXPECT_EQ(plain_host("API.Example.COM."), "api.example.com");
  EXPECT_EQ(plain_host(""), "");
}

}  // namespace
}  // namespace recshim::ops
