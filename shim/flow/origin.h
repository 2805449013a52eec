// Which origin a request is for, told from its connection, target and Host header.
// Knows no configuration: whether an origin is ours is asked elsewhere.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "shim/http/message.h"

namespace recshim::flow {

// "host:port", "host", "[v6]:port" (RFC 3986 §3.2.2). scheme is left empty.
// default_port 0: a port is required. nullopt when malformed.
std::optional<http::Origin> parse_authority(std::string_view authority, uint16_t default_port);

// The origin of an absolute-form target (RFC 9112 §3.2.2); nullopt for any other form.
std::optional<http::Origin> absolute_target_origin(std::string_view target);

// True for an IPv4 or IPv6 literal.
bool is_numeric_host(std::string_view host);

// The origin of a request on a connection to `connection`: the target's in absolute-form,
// else the connection's, whose numeric host gives way to the Host header's name.
http::Origin request_origin(const http::Origin& connection, const http::RequestHead& head);

// Where the connection was made to address, for which the host in target is a guess: the Host
// header decides, if may_be (null: always) says that its name can be a host there. Empty: it is no
// guess.
void name_by_host_header(http::Origin& target, const http::RequestHead& head,
                         const std::string& address,
                         const std::function<bool(const std::string& host)>& may_be);

// What the Host header names; nullopt without one that is well-formed. scheme "", default_port
// where it has none.
std::optional<http::Origin> host_header(const http::RequestHead& head, uint16_t default_port);

// True when the client wants the connection closed after the response (RFC 9112 §9.3).
bool asks_to_close(const http::RequestHead& head);

}  // namespace recshim::flow
