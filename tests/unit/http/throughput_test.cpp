// Large bodies must stream: one span, one copy, no growth with what has passed.
#include <gtest/gtest.h>

#include "shim/http/codec.h"

namespace recshim::http {
namespace {

constexpr size_t kFeedBytes = size_t{64} << 10;

TEST(ThroughputTest, ABodyPassesInOneSpanAFeed) {
  constexpr uint64_t kBodyBytes = uint64_t{256} << 20;
  ResponseParser parser;
  parser.expect("GET");
  std::vector<Event> events;
  ASSERT_TRUE(
      parser
          .feed("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBodyBytes) + "\r\n\r\n",
                events)
          .ok());
  const std::string block(kFeedBytes, 'x');
  uint64_t passed = 0;
  for (uint64_t sent = 0; sent < kBodyBytes; sent += block.size()) {
    events.clear();
    ASSERT_EQ(*parser.feed(block, events), block.size());
    const auto* data = std::get_if<BodyData>(&events.at(0));
    ASSERT_NE(data, nullptr);
    passed += data->bytes.size();
  }
  EXPECT_EQ(passed, kBodyBytes);
  EXPECT_TRUE(std::holds_alternative<MessageEnded>(events.back()));
}

TEST(ThroughputTest, ManySmallChunksInOneFeed) {
  ResponseParser parser;
  parser.expect("GET");
  constexpr int kChunks = 100'000;
  std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < kChunks; ++i) bytes += "1\r\nx\r\n";
  bytes += "0\r\n\r\n";
  std::vector<Event> events;
  ASSERT_EQ(*parser.feed(bytes, events), bytes.size());
  EXPECT_EQ(events.size(), 2U + 3U * kChunks);
}

}  // namespace
}  // namespace recshim::http
