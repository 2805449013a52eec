// In what two requests differ, place by place.
#pragma once

#include <string>
#include <vector>

#include "shim/match/request_key.h"

namespace recshim::store {

struct Difference {
  std::string place;  // a JSON pointer of the body ("" the whole body), or the name of a parameter
  std::string recorded;
  std::string asked;
};

// The places where two bodies differ, the deepest pointers that say it.
std::vector<Difference> body_differences(const match::Json& recorded, const match::Json& asked);

// The parameters in which the queries of two urls differ. A name that stands there several times is
// compared with all its values in their order.
std::vector<Difference> query_differences(const std::string& recorded_url,
                                          const std::string& asked_url);

}  // namespace recshim::store
