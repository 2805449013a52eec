// `recshim show`: one recording for people, or its bytes.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "tools/recshim/command.h"
#include "tools/recshim/json_text.h"
#include "tools/recshim/recordings.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

using match::Json;

struct Options {
  std::string dir, recording;
  bool raw = false, body = false, json = false;
};

const Json* member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(key);
  return found == json.end() ? nullptr : &*found;
}

// A body as JSON, or as the text it is.
void print_value(const Json* value) {
  if (value == nullptr || value->is_null()) return;
  fmt::print("{}\n\n", value->is_string() ? value->get_ref<const std::string&>() : pretty(*value));
}

void print_headers(const http::Headers& headers) {
  for (const http::Header& header : headers) fmt::print("{}: {}\n", header.name, header.value);
  fmt::print("\n");
}

void print_request(const store::Recording& recording) {
  const Described described = describe(recording);
  fmt::print("{} {}\n", described.method, described.url);
  const Json& request = recording.json["request"];
  const Json* const own = member(recording.json, "recshim");
  const Json* const own_request = own == nullptr ? nullptr : member(*own, "request");
  const Json* const headers = own_request == nullptr ? nullptr : member(*own_request, "headers");
  if (headers != nullptr && headers->is_array()) {
    for (const Json& header : *headers) {
      if (header.is_array() && header.size() == 2 && header[0].is_string() &&
          header[1].is_string()) {
        fmt::print("{}: {}\n", header[0].get<std::string>(), header[1].get<std::string>());
      }
    }
  }
  fmt::print("\n");
  const Json* const body = member(request, "body");
  print_value(body != nullptr ? body : member(request, "payload"));
}

void print_response(const store::Recording& recording, const http::Exchange& exchange) {
  fmt::print("HTTP/{} {} {}\n", exchange.response.version, exchange.response.status,
             exchange.response.reason);
  print_headers(exchange.response.headers);
  const Json* const body = member(recording.json["response"], "body");
  if (body != nullptr && body->is_array() && describe(recording).streaming) {
    for (const Json& chunk : *body) {
      fmt::print("{}\n", chunk.is_string() ? chunk.get<std::string>() : line_of(chunk));
    }
  } else if (body != nullptr && !body->is_null()) {
    print_value(body);
  } else if (exchange.response_body.size() != 0) {
    fmt::print("({} bytes; --body writes them)\n", exchange.response_body.size());
  }
}

int print_bytes(const http::Exchange& exchange, const Options& options) {
  if (options.raw) {
    for (const http::ResponseHead& head : exchange.informational) {
      const std::string text = head.exact.empty() ? http::serialize(head) : head.exact;
      std::fwrite(text.data(), 1, text.size(), stdout);
    }
    const http::ResponseHead& head = exchange.response;
    const std::string text = head.exact.empty() ? http::serialize(head) : head.exact;
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  const Status written = exchange.response_body.for_each_block([](std::string_view block) {
    return std::fwrite(block.data(), 1, block.size(), stdout) == block.size();
  });
  if (written) return kOk;
  complain(written.error().message);
  return kProblem;
}

int show(const Options& options) {
  const control::Config config = load_settings({{"RECSHIM_DIR", options.dir}});
  if (report_errors(config)) return kUsage;
  const auto path = find_recording(config.dir, options.recording);
  if (!path) {
    complain(path.error().message);
    return kProblem;
  }
  const auto recording = load_recording(*path);
  if (!recording) {
    complain(fmt::format("{}: {}", *path, recording.error().message));
    return kProblem;
  }
  if (options.json) {
    fmt::print("{}", recording->text());
    return kOk;
  }
  if (const auto reason = recording->not_http()) {
    fmt::print("{}: {}\n{}\n", *path, *reason, pretty(recording->json));
    return options.raw || options.body ? kProblem : kOk;
  }
  const auto exchange = load_exchange(*recording, *path);
  if (!exchange) {
    complain(fmt::format("{}: {}", *path, exchange.error().message));
    return kProblem;
  }
  if (options.raw || options.body) return print_bytes(*exchange, options);
  fmt::print("{}\n", *path);
  if (const auto test = recording->test_id()) fmt::print("test {}\n", *test);
  fmt::print("\n");
  print_request(*recording);
  print_response(*recording, *exchange);
  return kOk;
}

}  // namespace

Action declare_show(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("recording", &options->recording, "file, or the start of a name")
      .required()
      .takes(1, "FILE|HASH");
  arguments.add("--dir", &options->dir, "folder of recordings (RECSHIM_DIR)");
  arguments.add("--raw", &options->raw,
                "the response's head and body, de-chunked, as they are replayed");
  arguments.add("--body", &options->body, "the response's body alone, as bytes").not_with("--raw");
  arguments.add("--json", &options->json, "the whole file").not_with("--raw").not_with("--body");
  return [options](const auto&) { return show(*options); };
}

}  // namespace recshim::tools
