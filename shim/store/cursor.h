// How far the replay of a series has come, as the session's memory holds it.
#pragma once

#include <cstdint>

namespace recshim::store {

// How far a session's replay of one series has come: a cell of the session's memory. Which
// series it is, as folder and stem, is the cell's value of that number.
struct Cursor {
  static constexpr int kCountBits = 24;
  static constexpr uint64_t kCountMask = (uint64_t{1} << kCountBits) - 1;
  static constexpr uint64_t kMaxSeries = 255;

  uint64_t series = 0;  // from 1; 0: not begun
  uint64_t finals = 0;
  uint64_t errors = 0;
  bool last_error = false;

  static Cursor from_cell(uint64_t cell) {
    Cursor cursor;
    cursor.finals = cell & kCountMask;
    cursor.errors = cell >> kCountBits & kCountMask;
    cursor.last_error = (cell >> (2 * kCountBits) & 1) != 0;
    cursor.series = cell >> (2 * kCountBits + 1);
    return cursor;
  }
  [[nodiscard]] uint64_t cell() const {
    return finals | errors << kCountBits | uint64_t{last_error} << (2 * kCountBits) |
           series << (2 * kCountBits + 1);
  }
  void step(bool error) {
    ++(error ? errors : finals);
    last_error = error;
  }
};

}  // namespace recshim::store
