// What of a payload matters to the server that it is for, beside its being JSON: the part of a
// request's canonical form that knows protocols inside bodies. Pure.
#pragma once

#include <string_view>

#include "shim/match/python_json.h"

namespace recshim::match {

// One JSON-RPC call or a batch of them ("jsonrpc" and "method" in each).
[[nodiscard]] bool is_json_rpc(const Json& payload);

// A GraphQL request in JSON, or a list of them.
[[nodiscard]] bool is_graphql(const Json& payload, std::string_view path);

// The payload with what does not matter made equal: a JSON-RPC call's id, which only pairs it
// with its answer; the white space of a GraphQL query; the order of git-lfs's transfers, which is
// a set. Other payloads stay as they are.
// path: of the url.
[[nodiscard]] Json meaning_of(Json payload, std::string_view path);

}  // namespace recshim::match
