// What the store's tests share: exchanges at hand, and stores over a memory Env.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "shim/store/store.h"
#include "tests/unit/base/fake_env.h"

namespace recshim::store::testing {

// A chat completion request (OpenAI dialect) of a test, with a JSON answer.
struct Ask {
  std::string host = "api.openai.com";
  std::string target = "/v1/chat/completions";
  std::string method = "POST";
  std::string body = R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";
  std::optional<std::string> test_id = "tests/a/test_x.py::test_y";
  std::string phase = "call";
};
http::Exchange request_of(const Ask& ask);

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string coding;
};
http::Exchange exchange_of(const Ask& ask, const Answer& answer);
// A whole chat completion document saying text.
std::string completion(const std::string& text, const std::string& id = "chatcmpl-1",
                       int created = 1700000000);

std::string body_text(const http::Exchange& exchange);
std::string gzip(const std::string& text);

// The memory of a session: the same for the same name within a test.
std::shared_ptr<SessionMemory> memory_of(const std::string& session);
// A store and its folders in memory. session: each is a session of its own.
StoreOptions options_for(const std::string& session);
// The body that store answers with; "MISS" or "ERROR: …" otherwise.
std::string replayed(Store& store, const Ask& ask);
// Saves and returns the file's name; fails the test on an error.
std::string saved_name(Store& store, const Ask& ask, const Answer& answer);

}  // namespace recshim::store::testing
