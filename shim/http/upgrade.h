// Requests that ask for another protocol on their connection.
#pragma once

#include <string>

#include "shim/http/message.h"

namespace recshim::http {

// The protocol that the request asks its connection to be switched to (RFC 9110 §7.8); empty for
// none. Not h2c: clients offer it with every request, and servers ignore that as a rule (RFC 9113
// §3.1 has withdrawn it).
std::string asked_switch(const RequestHead& head);

}  // namespace recshim::http
