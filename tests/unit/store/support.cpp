// See support.h.
#include "tests/unit/store/support.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <map>

namespace recshim::store::testing {

http::Exchange request_of(const Ask& ask) {
  http::Exchange out;
  out.origin = {"https", ask.host, 443};
  out.request.method = ask.method;
  out.request.target = ask.target;
  out.request.headers = {{"Host", ask.host},
                         {"Authorization", "Bearer sk-secret-secret-secret"},
                         {"Content-Type", "application/json"}};
  out.request_body = Body(ask.body);
  out.test_id = ask.test_id;
  out.test_phase = ask.phase;
  return out;
}

http::Exchange exchange_of(const Ask& ask, const Answer& answer) {
  http::Exchange out = request_of(ask);
  out.response.status = answer.status;
  out.response.reason = answer.status == 200 ? "OK" : "Other";
  out.response.headers = {{"Date", "Thu, 01 Jan 2026 00:00:00 GMT"},
                          {"Content-Type", answer.content_type},
                          {"Content-Length", std::to_string(answer.body.size())}};
  if (!answer.coding.empty()) out.response.headers.push_back({"Content-Encoding", answer.coding});
  out.response_body = Body(answer.body);
  out.framing = http::Framing::kLength;
  out.started_wall_us = 1767225600000000;
  return out;
}

std::string completion(const std::string& text, const std::string& id, int created) {
  return R"({"id":")" + id + R"(","object":"chat.completion","created":)" +
         std::to_string(created) + R"(,"model":"m","choices":[{"index":0,"message":)" +
         R"({"role":"assistant","content":")" + text + R"("},"finish_reason":"stop"}]})";
}

std::string body_text(const http::Exchange& exchange) {
  auto bytes = exchange.response_body.read(0, exchange.response_body.size());
  EXPECT_TRUE(bytes.ok());
  return bytes.ok() ? *bytes : "";
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::shared_ptr<SessionMemory> memory_of(const std::string& session) {
  static std::string test;
  static std::map<std::string, std::shared_ptr<SessionMemory>> memories;
  const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string now = std::string(info->test_suite_name()) + "." + info->name();
  if (now != test) memories.clear();
  test = now;
  auto& memory = memories[session];
  if (memory == nullptr) memory = std::move(*SessionMemory::make_private());
  return memory;
}

StoreOptions options_for(const std::string& session) {
  StoreOptions options;
  options.memory = memory_of(session);
  options.dir = "/recordings";
  options.session_dir = "/sessions/" + session;
  options.cache_dir = "/cache";
  return options;
}

std::string replayed(Store& store, const Ask& ask) {
  auto found = store.find(request_of(ask));
  if (!found.ok()) return "ERROR: " + found.error().message;
  if (std::holds_alternative<Missing>(*found)) return "MISS";
  return body_text(std::get<Found>(*found).exchange);
}

std::string saved_name(Store& store, const Ask& ask, const Answer& answer) {
  auto exchange = exchange_of(ask, answer);
  auto saved = store.save(exchange);
  EXPECT_TRUE(saved.ok()) << (saved.ok() ? "" : saved.error().message);
  if (!saved.ok()) return "";
  std::string name = saved->path.substr(saved->path.rfind('/') + 1);
  const size_t hash = name.find(saved->hash);
  if (hash != std::string::npos) name.replace(hash, saved->hash.size(), "H");
  return name + (saved->kind == Saved::Kind::kUnchanged ? " unchanged" : "");
}

}  // namespace recshim::store::testing
