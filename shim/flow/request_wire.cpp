// See request_wire.h.
#include "shim/flow/request_wire.h"

#include <fmt/format.h>

#include <algorithm>

namespace recshim::flow {

Status write_request(const http::Exchange& exchange,
                     const std::function<bool(std::string_view)>& sink) {
  http::RequestHead head = exchange.request;
  std::erase_if(head.headers, [](const http::Header& header) {
    return http::equals_ignoring_case(header.name, "Expect") &&
           http::equals_ignoring_case(header.value, "100-continue");
  });
  if (!sink(http::serialize(head))) return {};
  const bool chunked = http::header_has_token(head.headers, "Transfer-Encoding", "chunked");
  bool wanted = true;
  Status read = exchange.request_body.for_each_block([&](std::string_view block) {
    if (block.empty()) return true;
    if (!chunked) return wanted = sink(block);
    wanted = sink(fmt::format("{:x}\r\n", block.size())) && sink(block) && sink("\r\n");
    return wanted;
  });
  if (!read.ok() || !wanted || !chunked) return read;
  sink("0\r\n" + http::serialize_fields(exchange.request_trailers) + "\r\n");
  return {};
}

}  // namespace recshim::flow
