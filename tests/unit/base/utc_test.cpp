// Times in text, and back.
#include "shim/base/utc.h"

#include <gtest/gtest.h>

namespace recshim {
namespace {

TEST(Utc, IsRfc3339WithMicroseconds) {
  EXPECT_EQ(utc_text(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(utc_text(951782399'999999), "2000-02-28T23:59:59.999999Z");
  EXPECT_EQ(utc_text(951782400'000000), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(utc_text(4107542400'000001), "2100-03-01T00:00:00.000001Z");
}

TEST(Utc, ReadsWhatItWrites) {
  for (uint64_t wall_us = 0; wall_us < 5'000'000'000'000'000; wall_us += 86'399'999'983'011) {
    EXPECT_EQ(utc_from_text(utc_text(wall_us)), wall_us);
  }
}

TEST(Utc, ReadsNothingElse) {
  for (const char* text : {"", "2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000006",
                           "2026-01-02T03:04:05.000006+", "2026-13-02T03:04:05.000006Z",
                           "2026-02-29T03:04:05.000006Z", "1969-12-31T23:59:59.999999Z",
                           "2026-01-02 03:04:05.000006Z", "2026-01-02T03:04:05.00000xZ"}) {
    EXPECT_FALSE(utc_from_text(text)) << text;
  }
}

}  // namespace
}  // namespace recshim
