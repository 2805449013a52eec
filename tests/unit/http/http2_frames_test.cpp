// Frames and header blocks of HTTP/2, as another implementation (nghttp2) writes them.
#include "shim/http/http2_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include "shim/http/hpack.h"

namespace recshim::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kListBytes = size_t{1} << 20;

// Writes header blocks, one after another.
class Deflater {
 public:
  explicit Deflater(size_t table_bytes = 4096) { nghttp2_hd_deflate_new(&deflater_, table_bytes); }
  ~Deflater() { nghttp2_hd_deflate_del(deflater_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  void change_table(size_t bytes) { nghttp2_hd_deflate_change_table_size(deflater_, bytes); }

  std::string block(const Headers& headers) {
    std::vector<nghttp2_nv> fields;
    for (const auto& header : headers) {
      fields.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(header.name.data())),
                        reinterpret_cast<uint8_t*>(const_cast<char*>(header.value.data())),
                        header.name.size(), header.value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    std::string out(nghttp2_hd_deflate_bound(deflater_, fields.data(), fields.size()), '\0');
    const ssize_t n = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<uint8_t*>(out.data()),
                                            out.size(), fields.data(), fields.size());
    out.resize(static_cast<size_t>(n));
    return out;
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

std::string frame(int type, int flags, uint32_t stream, const std::string& payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(payload.size() >> shift));
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(stream >> shift));
  return out + payload;
}

// What the reader makes of bytes, one line an event; fed in pieces of this size.
std::string read(const std::string& bytes, size_t piece, Http2FrameReader::Side side) {
  Http2FrameReader reader(side, {});
  std::string out;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    std::vector<Http2Event> events;
    const Status status = reader.feed(std::string_view(bytes).substr(at, piece), events);
    for (const auto& event : events) {
      if (const auto* head = std::get_if<Http2Head>(&event)) {
        out += "head " + std::to_string(head->stream);
        for (const auto& field : head->fields) out += " " + field.name + "=" + field.value;
        out += head->ends ? " end\n" : "\n";
      } else if (const auto* data = std::get_if<Http2Data>(&event)) {
        out += "data " + std::to_string(data->stream) + " " + data->bytes;
        out += data->ends ? " end\n" : "\n";
      } else if (const auto* reset = std::get_if<Http2Reset>(&event)) {
        out += "reset " + std::to_string(reset->stream) + " " + std::to_string(reset->code) + "\n";
      }
    }
    if (!status.ok()) return out + "error " + status.error().message;
  }
  return out;
}

void expect_read(const std::string& bytes, const std::string& events,
                 Http2FrameReader::Side side = Http2FrameReader::Side::kServer) {
  EXPECT_EQ(read(bytes, bytes.size(), side), events);
  EXPECT_EQ(read(bytes, 1, side), events);
}

TEST(Hpack, ReadsEveryByteHowItIsWritten) {
  Deflater deflater;
  HpackDecoder decoder(kListBytes);
  std::string every;
  for (int c = 0; c < 256; ++c) every.push_back(static_cast<char>(c));
  const Headers text = {{"x-text", std::string(300, 'e')}, {"x-every", every}};
  const auto read = decoder.decode(deflater.block(text));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, text);
  // Each byte by itself, coded with so many short ones that it is sent so.
  for (int c = 0; c < 256; ++c) {
    const Headers one = {{"a", std::string(40, '0') + static_cast<char>(c)}};
    const auto again = decoder.decode(deflater.block(one));
    ASSERT_TRUE(again.ok()) << c;
    EXPECT_EQ(*again, one) << c;
  }
}

TEST(Hpack, KeepsTheTableOfItsConnection) {
  for (const size_t table : {size_t{0}, size_t{100}, size_t{4096}, size_t{65536}}) {
    Deflater deflater(table);
    HpackDecoder decoder(kListBytes);
    for (int i = 0; i < 200; ++i) {
      if (i == 100) deflater.change_table(64);
      if (i == 150) deflater.change_table(table);
      const Headers headers = {{":status", i % 3 == 0 ? "200" : "418"},
                               {"x-same", "always the same"},
                               {"x-" + std::to_string(i % 40), std::to_string(i)}};
      const auto read = decoder.decode(deflater.block(headers));
      ASSERT_TRUE(read.ok()) << table << " " << i;
      EXPECT_EQ(*read, headers);
    }
  }
}

TEST(Hpack, ReadsTheExamplesOfItsStandard) {
  HpackDecoder decoder(kListBytes);  // RFC 7541 C.4.1
  const auto read =
      decoder.decode("\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff");
  ASSERT_TRUE(read.ok());
  EXPECT_THAT(*read, ElementsAre(Header{":method", "GET"}, Header{":scheme", "http"},
                                 Header{":path", "/"}, Header{":authority", "www.example.com"}));
}

TEST(Hpack, BrokenBlocksAreErrorsThatStay) {
  using namespace std::string_literals;
  for (const std::string& block : {
           "\x80"s,                           // index 0
           "\xff\x80\x80\x80\x80\x80\x01"s,   // a number without end
           "\xc0"s,                           // an index that is not in the table
           "\x40\x05x"s,                      // a name that is cut off
           "\x40\x01x\x82\xff"s,              // a value that is cut off
           "\x40\x01x\x81\x00"s,              // padding that is not ones
           "\x40\x01x\x84\xff\xff\xff\xff"s,  // EOS inside
           "\x82\x20"s,                       // a size that is not at the front
       }) {
    HpackDecoder decoder(kListBytes);
    EXPECT_FALSE(decoder.decode(block).ok()) << ::testing::PrintToString(block);
    EXPECT_FALSE(decoder.decode("\x82").ok());
  }
  HpackDecoder huge(kListBytes);
  EXPECT_EQ(huge.decode("\x3f\xe1\xff\xff\x7f").error().code, ErrorCode::kTooLarge);
}

TEST(Hpack, AFewBytesDontBecomeMany) {
  Deflater deflater;
  HpackDecoder decoder(100'000);
  const Headers big = {{"x-big", std::string(2000, '\xff')}};
  ASSERT_TRUE(decoder.decode(deflater.block(big)).ok());
  const auto bomb = decoder.decode(std::string(1000, '\xbe'));  // the newest entry, again and again
  ASSERT_FALSE(bomb.ok());
  EXPECT_EQ(bomb.error().code, ErrorCode::kTooLarge);
}

TEST(Http2Frames, ARequestAndWhatIsNotOfIt) {
  Deflater deflater;
  expect_read(std::string(kHttp2Preface) + frame(4, 0, 0, "") + frame(8, 0, 0, "\1\1\1\1") +
                  frame(1, 4, 1, deflater.block({{":method", "POST"}, {":path", "/a"}})) +
                  frame(0, 0, 1, "abc") + frame(6, 0, 0, "12345678") + frame(0, 1, 1, "") +
                  frame(3, 0, 3, std::string("\0\0\0\x8", 4)),
              "head 1 :method=POST :path=/a\ndata 1 abc\ndata 1  end\nreset 3 8\n",
              Http2FrameReader::Side::kClient);
}

TEST(Http2Frames, PaddingPriorityAndContinuations) {
  Deflater deflater;
  const std::string block = deflater.block({{":status", "200"}, {"a", "b"}});
  const std::string padded = std::string("\2") + std::string(5, '\0') + block.substr(0, 1) + "..";
  expect_read(frame(1, 0x28, 1, padded) + frame(9, 0, 1, "") + frame(9, 4, 1, block.substr(1)) +
                  frame(0, 9, 1, std::string("\3") + "body" + "..."),
              "head 1 :status=200 a=b\ndata 1 body end\n");
}

TEST(Http2Frames, APromiseIsReadForItsTableAlone) {
  Deflater deflater;
  const std::string promise =
      std::string("\0\0\0\2", 4) + deflater.block({{":method", "GET"}, {"x-known", "from here"}});
  expect_read(frame(5, 4, 1, promise) + frame(1, 5, 1, deflater.block({{"x-known", "from here"}})),
              "head 1 x-known=from here end\n");
}

TEST(Http2Frames, BadFramesAreErrors) {
  using ::testing::HasSubstr;
  const auto kServer = Http2FrameReader::Side::kServer;
  EXPECT_THAT(read("GET / HTTP/1.1\r\n", 1, Http2FrameReader::Side::kClient), HasSubstr("preface"));
  EXPECT_THAT(read(frame(0, 8, 1, "\x9zz"), 1, kServer), HasSubstr("DATA"));
  EXPECT_THAT(read(frame(0, 0, 0, "x"), 1, kServer), HasSubstr("DATA"));
  EXPECT_THAT(read(frame(1, 0x20, 1, "abc"), 1, kServer), HasSubstr("HEADERS"));
  EXPECT_THAT(read(frame(3, 0, 1, "abc"), 1, kServer), HasSubstr("RST_STREAM"));
  EXPECT_THAT(read(frame(9, 4, 1, ""), 1, kServer), HasSubstr("interrupted"));
  EXPECT_THAT(read(frame(1, 0, 1, "") + frame(0, 0, 1, "x"), 1, kServer), HasSubstr("interrupted"));
  EXPECT_THAT(read(frame(1, 0, 1, "") + frame(9, 4, 3, ""), 1, kServer), HasSubstr("interrupted"));
  std::string flood = frame(1, 0, 1, "");
  for (int i = 0; i < 100; ++i) flood += frame(9, 0, 1, std::string(16384, 'x'));
  EXPECT_THAT(read(flood, flood.size(), kServer), HasSubstr("too large"));
}

TEST(Http2Frames, AnErrorStays) {
  Http2FrameReader reader(Http2FrameReader::Side::kServer, {});
  std::vector<Http2Event> events;
  EXPECT_FALSE(
      reader.feed(frame(0, 1, 1, "ok") + frame(3, 0, 1, "") + frame(0, 1, 1, "x"), events).ok());
  EXPECT_THAT(events, SizeIs(1));
  events.clear();
  EXPECT_FALSE(reader.feed(frame(0, 1, 1, "x"), events).ok());
  EXPECT_THAT(events, IsEmpty());
}

}  // namespace
}  // namespace recshim::http
