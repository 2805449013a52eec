// Keys of real llama-stack recordings: what their own request object gives, and what the
// request gives that the SDK would have put on the wire. Needs the shared test data.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "shim/match/normalize.h"
#include "shim/match/request_key.h"
#include "shim/match/url.h"

namespace recshim::match {
namespace {

namespace fs = std::filesystem;

const MatchOptions kNone;

struct File {
  std::string name;  // without .json
  std::string hash;  // in the name
  std::optional<std::string> test_id;
  Json json;
};

fs::path shared_dir() {
  const char* set = std::getenv("RECSHIM_TEST_SHARED");
  return set != nullptr ? fs::path(set) : fs::path(RECSHIM_TEST_SHARED_DEFAULT);
}

std::vector<File> read_recordings(const fs::path& dir) {
  std::vector<File> files;
  if (!fs::is_directory(dir)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.path().extension() != ".json") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    Result<Json> json = parse_json(text.str());
    EXPECT_TRUE(json.ok()) << entry.path();
    if (!json.ok()) continue;
    // The recorder's own writer: json.dump(indent=2) and a newline.
    const auto style = style_of(text.str(), *json);
    EXPECT_TRUE(style.has_value()) << entry.path();
    File file;
    file.name = entry.path().stem();
    file.hash =
        file.name.starts_with("models-") ? file.name.substr(7, 64) : file.name.substr(0, 64);
    if (json->contains("test_id") && (*json)["test_id"].is_string()) {
      file.test_id = (*json)["test_id"].get<std::string>();
    }
    file.json = std::move(json).value();
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.name < b.name; });
  return files;
}

// The request that the SDK sends for a recording; nullopt for what is not HTTP.
std::optional<http::Exchange> wire_request(const Json& request) {
  if (!request.contains("url") || !request.contains("method")) return std::nullopt;
  const std::string url = request["url"];
  const UrlParts parts = split_url(url);
  if (parts.scheme != "http" && parts.scheme != "https") return std::nullopt;
  http::Exchange out;
  out.origin.scheme = parts.scheme;
  const size_t colon = parts.authority.find(':');
  out.origin.host = parts.authority.substr(0, colon);
  out.origin.port = parts.scheme == "https" ? 443 : 80;
  if (colon != std::string_view::npos) {
    out.origin.port =
        static_cast<uint16_t>(std::stoi(std::string(parts.authority.substr(colon + 1))));
  }
  out.request.method = "POST";
  out.request.headers = {{"Content-Type", "application/json"}};
  std::string target(parts.path);
  Json body = request.contains("payload") ? request["payload"] : request["body"];
  if (request.contains("endpoint") && !target.starts_with("/api/")) {
    const std::string endpoint = request["endpoint"];
    target.replace(target.size() - endpoint.size(), endpoint.size(), endpoint.substr(3));
    if (body.contains("extra_body")) {
      const Json extra = body["extra_body"];
      body.erase("extra_body");
      for (const auto& [name, value] : extra.items()) body[name] = value;
    }
    if (body.contains("extra_query")) {
      for (const auto& [name, value] : body["extra_query"].items()) {
        target += "?" + name + "=" + percent_encoded(value.get<std::string>());
      }
      body.erase("extra_query");
    }
  }
  out.request.target = target;
  if (body.empty()) {
    out.request.method = "GET";
  } else {
    out.request_body = Body(dump(body, compact_style()));
  }
  return out;
}

TEST(Seeds, GiveTheirFileNames) {
  const std::vector<File> files = read_recordings(shared_dir() / "seeds");
  if (files.empty())
    GTEST_SKIP() << "optional data: no recordings under " << shared_dir() / "seeds";
  for (const File& file : files) {
    EXPECT_EQ(hash_of_recorded(file.json["request"], file.test_id, kNone), file.hash);
    const auto request = wire_request(file.json["request"]);
    ASSERT_TRUE(request.has_value());
    const Result<RequestKey> key = compute_key(*request, file.test_id, kNone);
    ASSERT_TRUE(key.ok());
    EXPECT_EQ(key->hash, file.hash);
    // The file's request object is what we would write ourselves.
    Json expected = file.json["request"];
    expected.erase("provider_metadata");
    EXPECT_EQ(dump(key->request, compact_style()), dump(expected, compact_style()));
  }
}

TEST(Corpus, KeysMatchTheNamesThatFollowTheRules) {
  const std::vector<File> files = read_recordings(shared_dir() / "corpus");
  if (files.empty())
    GTEST_SKIP() << "optional data: no recordings under " << shared_dir() / "corpus";
  // Renamed, or keyed before the recorder's rules changed: no rule gives these names.
  const std::set<std::string> kOtherRules = {
      "095b37e65a5a78904f225bdefc904d3e20145a4dab1be0cf07d17a416d85e58d",
      "1163ba5617d2c09f55120a3d036236e01d5b033b27ec352dc2a9942fccbfdbae",
      "34e831b4f3adfd1712553e3760144099c66b1b98474f257795a057dbba472929",
      "632ce0140a65d71196900f356f4790795b4504dd4bf4a31c9e3d2733f0faf2db",
      "7d9abf61ba43c1ef97dbf7c9614606b720149ae7e83fe671ed1105acbe9048ad",
      "8d11bfc599a27cd757c317ac34da63236de28765bba0514d3b509e9638c380f9",
      "908bd8e7aae01a2abc44dfc865eb436c3e133a8376e34dd1d4a9dd7a4091c1d4",
      "940da1eecd5c7654832a4feede68b719b6e02c834ac47a2c99c9a83d408e54fc",
      "a82e913e058618dcb30b269a54d4e6a9cb1e0017a42efe04480874fe957194d4",
      "b30d52b95925e7b2d34f6366acee2e5691e38176016eac347ec47c727a6fd418",
      "c5aaabcc5c1ae3979dd127e0743ba3ad5f4f5caebf56158bba65848a293adde8",
      "e48282619c19a54faf731b643141a09140ece4dae9c8f2baab74ce4439a6976d",
  };
  size_t by_file = 0;
  size_t by_wire = 0;
  size_t by_content = 0;
  size_t http_requests = 0;
  for (const File& file : files) {
    const Json& recorded = file.json["request"];
    const auto hash = hash_of_recorded(recorded, file.test_id, kNone);
    if (hash.has_value()) {
      EXPECT_EQ(hash == file.hash, !kOtherRules.contains(file.hash)) << file.name;
      by_file += hash == file.hash ? 1 : 0;
    }
    const auto request = wire_request(recorded);
    if (!request) continue;
    ++http_requests;
    const Result<RequestKey> key = compute_key(*request, file.test_id, kNone);
    ASSERT_TRUE(key.ok()) << file.name;
    const bool found_by_content = content_hash(key->request, file.test_id, kNone) ==
                                  content_hash(recorded, file.test_id, kNone);
    EXPECT_TRUE(found_by_content) << file.name;
    const bool merged = recorded.contains("body") && recorded["body"].contains("extra_body");
    if (!merged) {
      EXPECT_EQ(key->hash == file.hash, !kOtherRules.contains(file.hash)) << file.name;
    }
    by_wire += key->hash == file.hash ? 1 : 0;
    by_content += found_by_content ? 1 : 0;
  }
  std::cout << files.size() << " recordings: " << by_file
            << " carry the name their request gives; of " << http_requests << " HTTP requests "
            << by_wire << " are found by name from the wire, " << by_content << " by content\n";
  RecordProperty("by_file", static_cast<int>(by_file));
  RecordProperty("by_wire", static_cast<int>(by_wire));
  RecordProperty("by_content", static_cast<int>(by_content));
}

TEST(Corpus, ModelListNamesCarryTheDigestOfTheirIds) {
  size_t lists = 0;
  for (const File& file : read_recordings(shared_dir() / "corpus")) {
    if (!file.name.starts_with("models-")) continue;
    ++lists;
    EXPECT_EQ(model_digest(model_ids(file.json["response"]["body"])), file.name.substr(7 + 64 + 1));
  }
  if (lists == 0) GTEST_SKIP() << "optional data: no model lists under " << shared_dir() / "corpus";
}

TEST(Corpus, ResponsesAreNormalisedAlready) {
  size_t objects = 0;
  for (const File& file : read_recordings(shared_dir() / "corpus")) {
    const Json& body = file.json["response"]["body"];
    if (!file.json["request"].contains("body") || !file.name.starts_with(file.hash)) continue;
    const Json list = body.is_array() ? body : Json::array({body});
    for (const Json& entry : list) {
      if (!entry.is_object() || !entry.contains("__data__")) continue;
      ++objects;
      // The recorder names an id after its own hash, also where the file was renamed.
      const Json& data = entry["__data__"];
      Normalized out = normalize_response(data, Dialect::kOpenAi, file.hash);
      out.originals.erase("/id");
      EXPECT_EQ(dump(out.originals, compact_style()), "{}") << file.name;
    }
  }
  if (objects == 0)
    GTEST_SKIP() << "optional data: no recordings under " << shared_dir() / "corpus";
}

}  // namespace
}  // namespace recshim::match
