// What a lookup of a name is answered with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace recshim::ops {

// The synthetic address that stands for host in this mode; nullopt: its real addresses count.
std::optional<uint32_t> synthetic_answer(const std::string& host);

}  // namespace recshim::ops
