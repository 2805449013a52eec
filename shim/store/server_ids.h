// Ids that a server draws anew at every call (call_…, resp_…, msg_…). A recording that is
// left as it was keeps the ids it has, and the program goes on with those it was just given:
// the pairs of the two are what a session needs to file the requests that follow under the
// ids that replay will give. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "shim/http/message.h"

namespace recshim::store {

// One to one: no two ids of today stand for the same recorded one, and none for two.
class ServerIds {
 public:
  // text: what lines() gave.
  static ServerIds parse(std::string_view text);
  // "<today's> <recorded>\n" for each pair of different ids.
  [[nodiscard]] std::string lines() const;

  // False, and nothing noted, when the pair would not be one to one with the others.
  bool pair(const std::string& today, const std::string& recorded);
  [[nodiscard]] bool empty() const { return recorded_.empty(); }
  [[nodiscard]] bool is_recorded(const std::string& id) const { return today_.contains(id); }

  // text with every whole id of today replaced by its recorded one.
  [[nodiscard]] std::string replaced_in(std::string_view text) const;
  // The request's target and body, and the response's body where its framing stays right:
  // not compressed, and as long as before.
  void replace_in(http::Exchange& exchange) const;

 private:
  std::map<std::string, std::string, std::less<>> recorded_;  // by today's
  std::map<std::string, std::string, std::less<>> today_;     // by recorded
};

// True when a and b may be two draws of one id: both a UUID, or letters, digits, "-" and "_"
// after the same word and "_" or "-", or of the same length without one.
bool could_be_one_server_id(std::string_view a, std::string_view b);

}  // namespace recshim::store
