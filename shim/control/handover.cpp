// See handover.h.
#include "shim/control/handover.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "shim/base/sys.h"
#include "shim/control/unix_socket.h"
#include "shim/store/json_bytes.h"

namespace recshim::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr size_t kLengthBytes = 4;
constexpr size_t kMaxAnswerBytes = 4096;
// A gateway that lives answers at once, however busy it is.
constexpr int kAnswerTimeoutMs = 20'000;

std::string framed(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string message;
  for (int shift = 24; shift >= 0; shift -= 8) {
    message += static_cast<char>((text.size() >> shift) & 0xff);
  }
  return message + text;
}

// "" for "ok".
Result<std::string> receive_answer(int fd) {
  std::string line;
  while (line.find('\n') == std::string::npos && line.size() < kMaxAnswerBytes) {
    char piece[256];
    const auto n = receive_some(fd, piece, sizeof piece);
    if (!n) return n.error();
    if (*n == 0) return Error{ErrorCode::kNotFound, "the gateway ended before it answered"};
    line.append(piece, *n);
  }
  line.resize(std::min(line.find('\n'), line.size()));
  return line == "ok" ? std::string() : line;
}

Result<int> say(const std::string& session_dir, const Json& json, const std::vector<int>& fds) {
  const std::string message = framed(json);
  if (message.size() > kMaxHandoverBytes) {
    return Error{ErrorCode::kTooLarge, "more has been left unread than can be handed over"};
  }
  auto connected = connect_unix(gateway_socket_path(session_dir), kAnswerTimeoutMs);
  if (!connected) return connected;
  Status said = send_with_descriptors(*connected, message, fds);
  if (said) {
    auto answer = receive_answer(*connected);
    if (answer && answer->empty()) return connected;
    said = answer ? Error{ErrorCode::kIo, "the gateway refused: " + *answer} : answer.error();
  }
  sys::close(*connected);
  return said.error();
}

// Throws for a float, too: converting one that the type can't hold is undefined.
int64_t whole_number(const Json& value) {
  return value.get_ref<const Json::number_integer_t&>();
}

// Throws nlohmann's exceptions for what is missing or of a wrong type.
Received read_message(const Json& json) {
  Received received;
  received.presence = json.value("presence", false);
  Handover& h = received.handover;
  h.pid = static_cast<pid_t>(whole_number(json.at("pid")));
  if (received.presence) return received;
  h.host = json.at("host").get<std::string>();
  h.port = static_cast<uint16_t>(whole_number(json.at("port")));
  h.plaintext = json.at("plaintext").get<bool>();
  h.proxy = json.value("proxy", false);
  h.watched = json.value("watched", false);
  if (json.contains("test_id") && !json["test_id"].is_null()) {
    h.test_id = json["test_id"].get<std::string>();
  }
  h.phase = json.value("phase", "");
  h.program = json.value("program", "");
  h.to_client = store::from_base64(json.value("to_client", "")).value_or("");
  return received;
}

Result<Received> parse_message(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    if (whole_number(json.at("v")) != kVersion) {
      return Error{ErrorCode::kInvalid, "a message of a version that is not known"};
    }
    return read_message(json);
  } catch (const nlohmann::json::exception& problem) {
    return Error{ErrorCode::kInvalid, fmt::format("not a handover: {}", problem.what())};
  }
}

Result<Received> receive_into(int control_fd, std::vector<int>& descriptors) {
  const auto head = receive_exactly(control_fd, kLengthBytes, descriptors);
  if (!head) return head.error();
  size_t length = 0;
  for (const char byte : *head) length = (length << 8) | static_cast<unsigned char>(byte);
  if (length > kMaxHandoverBytes) {
    return Error{ErrorCode::kTooLarge, "a message of more than 256 MiB"};
  }
  const auto text = receive_exactly(control_fd, length, descriptors);
  if (!text) return text.error();
  auto received = parse_message(*text);
  if (!received || received->presence) return received;
  const size_t needed = received->handover.watched ? 2 : 1;
  if (descriptors.size() < needed) {
    return Error{ErrorCode::kInvalid, "a descriptor is missing with it"};
  }
  received->descriptors.connection = descriptors[0];
  if (needed == 2) received->descriptors.upstream = descriptors[1];
  if (descriptors.size() > needed) received->descriptors.standard_error = descriptors[needed];
  return received;
}

}  // namespace

std::string gateway_socket_path(const std::string& session_dir) {
  return session_dir + "/gateway";
}

Result<int> hand_over(const std::string& session_dir, const Handover& handover,
                      const HandedDescriptors& descriptors) {
  const Json json = {{"v", kVersion},
                     {"host", handover.host},
                     {"port", handover.port},
                     {"plaintext", handover.plaintext},
                     {"proxy", handover.proxy},
                     {"watched", handover.watched},
                     {"test_id", handover.test_id ? Json(*handover.test_id) : Json(nullptr)},
                     {"phase", handover.phase},
                     {"pid", handover.pid},
                     {"program", handover.program},
                     {"to_client", store::base64(handover.to_client)}};
  std::vector<int> given;
  for (const int fd : {descriptors.connection, descriptors.upstream, descriptors.standard_error}) {
    if (fd >= 0) given.push_back(fd);
  }
  return say(session_dir, json, given);
}

Status send_raw(int control_fd, std::string_view bytes) {
  return send_all(control_fd, bytes);
}

void end_raw(int control_fd) {
  sys::call(SYS_shutdown, control_fd, SHUT_WR);
}

Result<int> open_presence(const std::string& session_dir) {
  return say(session_dir, {{"v", kVersion}, {"presence", true}, {"pid", sys::getpid()}}, {});
}

Result<Received> receive_handover(int control_fd) {
  std::vector<int> descriptors;
  auto received = receive_into(control_fd, descriptors);
  for (const int fd : descriptors) {
    const bool kept = received && (fd == received->descriptors.connection ||
                                   fd == received->descriptors.upstream ||
                                   fd == received->descriptors.standard_error);
    if (!kept) sys::close(fd);
  }
  return received;
}

Status answer_handover(int control_fd, std::string_view problem) {
  std::string line(problem.empty() ? "ok" : problem);
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return send_all(control_fd, line + "\n");
}

}  // namespace recshim::control
