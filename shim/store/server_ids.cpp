// See server_ids.h.
#include "shim/store/server_ids.h"

#include <algorithm>
#include <sstream>

namespace recshim::store {
namespace {

constexpr size_t kMinIdBytes = 8;
constexpr size_t kMaxIdBytes = 256;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_id_char(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool has_shape_of_id(std::string_view text) {
  return text.size() >= kMinIdBytes && text.size() <= kMaxIdBytes &&
         std::all_of(text.begin(), text.end(), is_id_char);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

// "call_" of "call_abc", "chatcmpl-" of "chatcmpl-abc"; empty where no word stands in front.
std::string_view word_of(std::string_view id) {
  size_t at = 0;
  while (at < id.size() && is_letter(id[at])) ++at;
  return at > 0 && at < id.size() && (id[at] == '_' || id[at] == '-') ? id.substr(0, at + 1)
                                                                      : std::string_view();
}

}  // namespace

ServerIds ServerIds::parse(std::string_view text) {
  ServerIds out;
  std::istringstream in{std::string(text)};
  std::string today;
  std::string recorded;
  while (in >> today >> recorded) out.pair(today, recorded);
  return out;
}

std::string ServerIds::lines() const {
  std::string out;
  for (const auto& [today, recorded] : recorded_) {
    if (today != recorded) out.append(today).append(" ").append(recorded).append("\n");
  }
  return out;
}

bool ServerIds::pair(const std::string& today, const std::string& recorded) {
  const auto known = recorded_.find(today);
  if (known != recorded_.end()) return known->second == recorded;
  if (today_.contains(recorded)) return false;
  recorded_[today] = recorded;
  today_[recorded] = today;
  return true;
}

std::string ServerIds::replaced_in(std::string_view text) const {
  if (recorded_.empty()) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && is_id_char(text[end])) ++end;
    const std::string_view word = text.substr(at, end - at);
    const auto found = recorded_.find(word);
    out.append(found != recorded_.end() ? std::string_view(found->second) : word);
    if (end < text.size()) out.push_back(text[end++]);
    at = end;
  }
  return out;
}

void ServerIds::replace_in(http::Exchange& exchange) const {
  if (recorded_.empty()) return;
  exchange.request.target = replaced_in(exchange.request.target);
  if (exchange.request_body.in_memory()) {
    const std::string_view body = exchange.request_body.view();
    std::string replaced = replaced_in(body);
    if (replaced != body) exchange.request_body = Body(std::move(replaced));
  }
  if (!exchange.response_body.in_memory() ||
      http::find_header(exchange.response.headers, "content-encoding")) {
    return;
  }
  const std::string_view body = exchange.response_body.view();
  std::string replaced = replaced_in(body);
  if (replaced != body && replaced.size() == body.size()) {
    exchange.response_body = Body(std::move(replaced));
  }
}

bool could_be_one_server_id(std::string_view a, std::string_view b) {
  if (!has_shape_of_id(a) || !has_shape_of_id(b)) return false;
  if (is_uuid(a) && is_uuid(b)) return true;
  const std::string_view word = word_of(a);
  return word == word_of(b) && (!word.empty() || a.size() == b.size());
}

}  // namespace recshim::store
