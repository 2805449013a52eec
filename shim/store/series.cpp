// Names of recording files. See series.h.
#include "shim/store/series.h"

#include <algorithm>

#include "shim/base/sha256.h"

namespace recshim::store {

std::string series_name(const Series& series, bool error, int number) {
  std::string name = series.stem;
  if (error) name += "-error";
  if (number > 1) name += "-" + std::to_string(number);
  return name;
}

std::string series_path(const Series& series, bool error, int number) {
  return series.dir + "/" + series_name(series, error, number) + ".json";
}

std::string host_tag(const std::string& host) {
  return sha256_hex(host).substr(0, 8);
}

std::optional<std::string> test_folder(const std::optional<std::string>& test_id) {
  if (!test_id) return std::nullopt;
  const std::string file = test_id->substr(0, test_id->find("::"));
  if (file.empty() || file.front() == '/' || file.find('\0') != std::string::npos) {
    return std::nullopt;
  }
  const size_t slash = file.rfind('/');
  if (slash == std::string::npos) return "recordings";
  const std::string folder = file.substr(0, slash);
  for (size_t at = 0; at <= folder.size();) {
    const size_t end = std::min(folder.find('/', at), folder.size());
    if (folder.substr(at, end - at) == "..") return std::nullopt;
    at = end + 1;
  }
  return folder + "/recordings";
}

bool is_error(const http::Exchange& exchange) {
  const int status = exchange.response.status;
  return status == 408 || status == 409 || status == 429 || status >= 500 ||
         exchange.truncation != http::Truncation::kNone;
}

}  // namespace recshim::store
