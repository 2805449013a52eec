// The 'legacy test binary': GoogleTest cases that call an HTTP API through libcurl, one at a
// time and from four threads. Built plain, with AddressSanitizer and with ThreadSanitizer.
#include <curl/curl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "account.h"

namespace {

const std::string kApi = "https://" E2E_HOST;

size_t append(char* bytes, size_t size, size_t count, void* text) {
  static_cast<std::string*>(text)->append(bytes, size * count);
  return size * count;
}

class Client {
 public:
  Client() : easy_(curl_easy_init()) {
    headers_ = curl_slist_append(headers_, "Content-Type: application/json");
    headers_ = curl_slist_append(
        headers_, ("Authorization: Bearer " + std::string(getenv("E2E_SECRET"))).c_str());
    headers_ = curl_slist_append(headers_, "Expect:");
  }
  ~Client() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(easy_);
  }
  Client(const Client&) = delete;

  // body empty: GET. Returns head and body as received.
  std::string ask(const std::string& url, const std::string& body = "") {
    curl_easy_reset(easy_);
    std::string reply;
    curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy_, CURLOPT_CAINFO, getenv("E2E_CA"));
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT, 40L);
    curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy_, CURLOPT_HEADER, 1L);
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
    curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(easy_, CURLOPT_WRITEDATA, &reply);
    if (!body.empty()) curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, body.c_str());
    const CURLcode code = curl_easy_perform(easy_);
    EXPECT_EQ(code, CURLE_OK) << curl_easy_strerror(code) << " at " << url;
    long verified = -1;
    curl_easy_getinfo(easy_, CURLINFO_SSL_VERIFYRESULT, &verified);
    EXPECT_EQ(verified, 0);
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status_);
    return reply;
  }
  [[nodiscard]] long status() const { return status_; }

 private:
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  long status_ = 0;
};

std::string chat(const std::string& about, bool stream = false) {
  return R"({"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me about )" + about +
         R"("}], "stream": )" + (stream ? "true" : "false") + "}";
}

void show(const std::string& label, const std::string& reply) {
  show_reply(label.c_str(), reply.data(), reply.size());
}

TEST(Legacy, ChatCompletion) {
  Client client;
  const std::string reply = client.ask(kApi + "/v1/chat/completions", chat("legacy code"));
  show("chat", reply);
  EXPECT_EQ(client.status(), 200);
  EXPECT_NE(reply.find("chat.completion"), std::string::npos);
}

TEST(Legacy, Streaming) {
  Client client;
  const std::string reply = client.ask(kApi + "/v1/chat/completions", chat("streams", true));
  show("stream", reply);
  EXPECT_NE(reply.find("data: [DONE]"), std::string::npos);
}

TEST(Legacy, ConnectionIsReused) {
  Client client;
  for (int i = 0; i < 3; ++i) {
    show("echo", client.ask(kApi + "/echo?round=" + std::to_string(i)));
    EXPECT_EQ(client.status(), 200);
  }
}

TEST(Legacy, PlainHttp) {
  Client client;
  show("plain", client.ask("http://" E2E_HOST "/echo?plain"));
  EXPECT_EQ(client.status(), 200);
}

TEST(Legacy, LargeReplyAndUpload) {
  Client client;
  show("big", client.ask(kApi + "/big?bytes=5000000"));
  show("upload", client.ask(kApi + "/upload", std::string(700000, 'u')));
  EXPECT_EQ(client.status(), 200);
}

TEST(Legacy, ErrorStatus) {
  Client client;
  show("error", client.ask(kApi + "/status/503"));
  EXPECT_EQ(client.status(), 503);
}

TEST(Legacy, FourThreads) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 5;
  std::vector<std::vector<std::string>> replies(kThreads);
  std::vector<std::thread> threads;
  for (int id = 0; id < kThreads; ++id) {
    threads.emplace_back([id, &mine = replies[static_cast<size_t>(id)]] {
      Client client;
      for (int round = 0; round < kRounds; ++round) {
        const std::string name = std::to_string(id) + "-" + std::to_string(round);
        mine.push_back(client.ask(kApi + "/v1/chat/completions", chat(name, round % 2 == 1)));
        mine.push_back(client.ask("http://" E2E_HOST "/big?bytes=" + std::to_string(50000 + id)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& mine : replies) {
    EXPECT_EQ(mine.size(), size_t{2 * kRounds});
    for (const std::string& reply : mine) show("threaded", reply);
  }
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const int result = RUN_ALL_TESTS();
  curl_global_cleanup();
  return result;
}
