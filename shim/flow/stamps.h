// Takes each request's stamp (test id, wall clock) when its first byte arrives, which may
// be long before its head is whole.
#pragma once

#include <optional>
#include <utility>

#include "shim/flow/connection.h"

namespace recshim::flow {

class Stamps {
 public:
  // The first bytes of a request have come. May be called again until take().
  void first_byte(const std::function<RecordConnection::Stamp()>& source) {
    if (!stamp_) stamp_ = source ? source() : RecordConnection::Stamp();
  }
  // A request's head is whole: its stamp goes to the exchange.
  void take(const std::function<RecordConnection::Stamp()>& source, http::Exchange& exchange) {
    first_byte(source);
    exchange.test_id = std::move(stamp_->test_id);
    exchange.test_phase = std::move(stamp_->phase);
    exchange.started_wall_us = stamp_->wall_us;
    stamp_.reset();
  }
  // The request that had begun is none.
  void reset() { stamp_.reset(); }
  // True while a request's head is on its way.
  [[nodiscard]] bool pending() const { return stamp_.has_value(); }

 private:
  std::optional<RecordConnection::Stamp> stamp_;
};

}  // namespace recshim::flow
