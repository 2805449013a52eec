// Codec cases as transcripts. Each runs whole, byte by byte, cut in two at every place,
// and with more data behind it; all must tell the same story.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/http/codec.h"

namespace recshim::http::testing {

// One line an event; adjacent BodyData are one. For example:
//   request POST /a HTTP/1.1, length 2, expects continue, upgrade
//   response 200 "OK" HTTP/1.1, until close, close, exact "..."
//     Name: value
//   data "ab"
//   chunk 3 "3;a=b"
//   chunk end
//   end "0;last-line" trailers exact "..."
//     Name: value
//   switched
// and at the end of the input, where they apply:
//   left "bytes the parser did not take"
//   error kInvalid
//   eof complete | eof cut short        (responses whose case says eof)
std::string render(const std::vector<Event>& events);

struct Case {
  std::string name;
  std::vector<std::string> methods;  // for responses: what was asked, in order
  std::string input;
  std::string transcript;
  bool eof = false;  // the peer closes after the input
  Limits limits = {};
};

// Runs a case all four ways and compares; failures name the way.
void run_request_case(const Case& c);
void run_response_case(const Case& c);

}  // namespace recshim::http::testing
