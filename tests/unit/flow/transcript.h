// Transcripts: a connection's bytes and what must come of them, one line each.
//
//   >> GET / HTTP/1.1\r\n\r\n     bytes from the client (\r \n \t \\ \xHH)
//   << HTTP/1.1 204 \r\n\r\n      bytes from the server
//   >! close                      the client closes
//   <! eof | <! reset             the server ends
//   == save GET http://h/ 204     a command that must have come by now, and no other
//
// White space before a line is ignored, so are empty lines.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shim/flow/connection.h"

namespace recshim::flow::test {

struct Line {
  enum class Kind { kClient, kServer, kClientEnd, kServerEof, kServerReset, kExpect };
  Kind kind;
  std::string text;
};
using Transcript = std::vector<Line>;

Transcript parse_transcript(std::string_view text);

// All bytes of one direction.
std::string client_bytes(const Transcript& transcript);
std::string server_bytes(const Transcript& transcript);
std::vector<std::string> expected(const Transcript& transcript);

// A command as a transcript writes it, for example
//   save POST http://api.test/x 200 request=3 body=12 chunks=2 closes truncated=eof early=0 partial
//   unrecorded GET http://h/: <reason>
//   pass <reason>         pass-live <reason>
//   tls 3                 http2 24              tunnel api.test:443        find GET http://h/
std::string describe(const Command& command);
std::vector<std::string> describe(const Commands& commands);

// Cuts bytes into pieces; "" gives none.
using Splitter = std::function<std::vector<std::string>(const std::string&)>;
std::vector<std::string> whole(const std::string& bytes);
std::vector<std::string> byte_by_byte(const std::string& bytes);
// Pieces of 1 to max_bytes.
Splitter random_splits(unsigned seed, size_t max_bytes = 24);

struct Scene {
  http::Origin origin = {"http", "api.test", 80};
  bool is_proxy = false;
  Settings settings;
  Scene();
};

// Plays transcript to a RecordConnection, each line a millisecond after the one before.
// check_order: commands are compared at each line that expects them, else only in the end.
struct Played {
  std::vector<std::string> commands;
  std::vector<std::unique_ptr<http::Exchange>> saved;
};
Played play(const Transcript& transcript, const Scene& scene, const Splitter& split,
            bool check_order);

// The one exchange of a connection on which client and then server sent these bytes.
http::Exchange record_one(const std::string& client, const std::string& server,
                          const Scene& scene = {});

// All that is on its way to the program, as segments and in one piece.
std::vector<Segment> take_segments(ReplayConnection& connection);
std::string take_output(ReplayConnection& connection);

}  // namespace recshim::flow::test
