// See stamp_file.h. A JSON object: "test_id" (string or null) and "phase".
#include "shim/control/stamp_file.h"

#include <nlohmann/json.hpp>

namespace recshim::control {
namespace {

using Json = nlohmann::ordered_json;

std::string stamp_path(const std::string& session_dir, pid_t pid) {
  return session_dir + "/tests/" + std::to_string(pid);
}

}  // namespace

Status write_stamp(Env& env, const std::string& session_dir, pid_t pid, const TestStamp& stamp) {
  const Json json = {{"test_id", stamp.test_id ? Json(*stamp.test_id) : Json(nullptr)},
                     {"phase", stamp.phase}};
  return env.write_atomic(stamp_path(session_dir, pid),
                          json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::optional<TestStamp> read_stamp(Env& env, const std::string& session_dir, pid_t pid) {
  const auto text = env.read_file(stamp_path(session_dir, pid));
  if (!text.ok()) return std::nullopt;
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("test_id") || !json.contains("phase")) {
    return std::nullopt;
  }
  TestStamp stamp;
  if (json["test_id"].is_string()) stamp.test_id = json["test_id"].get<std::string>();
  if (json["phase"].is_string()) stamp.phase = json["phase"].get<std::string>();
  return stamp;
}

}  // namespace recshim::control
