// Times in text: RFC 3339 in UTC, with microseconds ("2026-01-02T03:04:05.000006Z").
//
// By calendar arithmetic: gmtime_r, timegm and strftime take libc's lock for time zones, which a
// thread that fork(2) left behind may hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recshim {

// wall_us: since 1970-01-01 UTC.
std::string utc_text(uint64_t wall_us);
// nullopt for what utc_text() can't have given.
std::optional<uint64_t> utc_from_text(std::string_view text);

}  // namespace recshim
