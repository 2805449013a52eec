// See utc.h.
#include "shim/base/utc.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

namespace recshim {

std::string utc_text(uint64_t wall_us) {
  using namespace std::chrono;
  const sys_time<microseconds> when{microseconds(wall_us)};
  const sys_days day = floor<days>(when);
  const year_month_day date{day};
  const hh_mm_ss<microseconds> clock{when - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::optional<uint64_t> utc_from_text(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00.000000Z";
  if (text.size() != kShape.size()) return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !digit : text[i] != kShape[i]) return std::nullopt;
  }
  const auto number = [&](size_t at, size_t length) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + length, value);
    return value;
  };
  using namespace std::chrono;
  const year_month_day date{year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                            day(static_cast<unsigned>(number(8, 2)))};
  if (!date.ok() || number(0, 4) < 1970) return std::nullopt;
  const auto when = sys_days(date) + hours(number(11, 2)) + minutes(number(14, 2)) +
                    seconds(number(17, 2)) + microseconds(number(20, 6));
  return static_cast<uint64_t>(duration_cast<microseconds>(when.time_since_epoch()).count());
}

}  // namespace recshim
