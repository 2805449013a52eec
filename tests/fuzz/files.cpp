// Files and settings that people and other programs write.
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "shim/control/config_file.h"
#include "shim/control/journal.h"
#include "shim/control/values.h"
#include "shim/match/graphql.h"
#include "shim/match/python_json.h"
#include "shim/match/xml.h"
#include "shim/store/comparison.h"
#include "shim/store/recording.h"
#include "tests/fuzz/targets.h"
#include "tools/recshim/elf_image.h"

namespace recshim::fuzz {

void fuzz_python_json(std::string_view bytes) {
  const auto parsed = match::parse_json(bytes);
  if (!parsed.ok()) return;
  for (const char* name : {"python+ascii", "compact", "indent2+slash+html", "tab"}) {
    const std::string text = match::dump(*parsed, *match::style_from_name(name));
    const auto again = match::parse_json(text);
    require(again.ok(), "what is written can be read");
    require_same(match::dump(*again, match::python_style()),
                 match::dump(*parsed, match::python_style()),
                 "it is the same document in every style");
  }
  const auto style = match::style_of(bytes, *parsed);
  if (!style) return;
  require(match::dump(*parsed, *style) == bytes, "the style found gives the text");
  const std::string name = match::style_name(*style);
  require(name.empty() || match::style_from_name(name) == style, "a style's name is its own");
}
std::vector<std::string> seeds_python_json() {
  return {
      R"({"a": 1, "b": [true, null, -0, 1.5, 1e-07, 123456789012345678901], "c": "\ud83d\ude00\ud800"})",
      R"({"a":1,"b":[],"c":{},"d":"<\/é>"})", "[\n  NaN,\n  -Infinity,\n  \"x\"\n]\n"};
}

void fuzz_xml(std::string_view bytes) {
  const auto value = match::parse_xml(bytes);
  if (!value) return;
  require(value->is_array() && (*value)[0].is_string(), "an element begins with its name");
  const std::string text = match::dump(*value, match::compact_style());
  require(match::parse_json(text).ok(), "what was read can be filed");
  require(match::parse_xml(std::string(bytes) + "<!-- c -->\n") == value,
          "a comment behind it changes nothing");
}
std::vector<std::string> seeds_xml() {
  return {
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<s:a xmlns:s='svn:' b='&lt;1'><s:c/> t</s:a>",
      "<a xmlns='urn:x' xml:space='preserve'> <![CDATA[x]]><!-- c --><?p d?>&#x41;</a>",
      "<a xmlns:i='http://www.w3.org/2001/XMLSchema-instance' xmlns:x='u' i:type='x:t'/>"};
}

void fuzz_graphql(std::string_view bytes) {
  const auto tokens = match::graphql_tokens(bytes);
  if (!tokens) return;
  require(match::graphql_tokens(*tokens) == tokens, "tokens are their own");
}
std::vector<std::string> seeds_graphql() {
  return {"query Q($a: [Int!] = 1.5e3) @d { b: hero(id: $a, s: \"x\\\"y\") { ...F # c\n } }",
          "{ a(b: \"\"\"x \\\"\"\" y\"\"\") } fragment F on T { c }"};
}

void fuzz_recording(std::string_view bytes) {
  const auto recording = store::Recording::parse(bytes);
  if (!recording.ok()) return;
  const std::string text = recording->text();
  const auto again = store::Recording::parse(text);
  require(again.ok() && again->text() == text, "a recording's text is its own");
  (void)store::same_but_for_volatile(*recording, *again, {});
  (void)recording->host();
  (void)recording->test_id();
  (void)recording->not_http();
  (void)recording->repeat();
  if (recording->json.contains("request")) {
    (void)match::hash_of_recorded(recording->json.at("request"), "t", {});
    (void)match::content_hash(recording->json.at("request"), std::nullopt, {});
  }
  const auto exchange = store::to_exchange(
      *recording, [](const std::string&, uint64_t) -> Result<Body> { return Body("body"); });
  if (exchange.ok()) (void)http::serialize(exchange->response);
}
std::vector<std::string> seeds_recording() {
  return {
      R"({"test_id": null, "request": {"method": "POST", "url": "http://h/v1/v1/chat/completions", "headers": {}, "body": {"model": "m", "stream": true}, "endpoint": "/v1/chat/completions", "model": "m"}, "response": {"body": [{"__type__": "openai.types.chat.chat_completion_chunk.ChatCompletionChunk", "__data__": {"id": "rec-1", "created": 0}}], "is_streaming": true}, "id_normalization_mapping": {}})",
      R"({"test_id": "t", "request": {"test_id": "t", "url": "http://h/a", "method": "GET", "payload": {}}, "response": {"body": "text", "is_streaming": false}, "recshim": {"version": 1, "scheme": "http", "repeat": 1, "request": {"headers": [["A", "b"]]}, "response": {"status": 200, "reason": "OK", "headers": [["Transfer-Encoding", "chunked"]], "framing": "chunked", "boundaries": [[4, 10, "004"]]}, "body": {"form": "text"}}})",
      R"({"request": {"method": "POST", "url": "http://h/api/chat", "body": {}, "endpoint": "/api/chat"}, "response": {"is_exception": true, "exception_data": {"status_code": 404, "body": {"a": 1}}}})",
      R"({"request": {"method": "POST", "url": "vertexai:///generate_content", "body": {"model": "m", "contents": "hi"}}, "response": {"body": [{"__type__": "x", "__data__": {"sdk_http_response": {"headers": {"A": "b"}}}}], "is_streaming": true}})"};
}

void fuzz_config(std::string_view bytes) {
  control::Config config;
  control::apply_config_file(bytes, "/project/recshim.json", config);
  for (const auto& error : config.errors) {
    require(error.find("recshim.json") != std::string::npos, "an error names the file");
  }
  (void)match::check_options(config.store.match);
}
std::vector<std::string> seeds_config() {
  return {
      R"({"mode": "replay", "dir": "d", "layout": "by-test", "hosts": ["a", "!b:1", "*.c", "10.0.0.0/8"],
 "connect_to": ["h:443=127.0.0.1:8443"], "match": {"ignore_query": ["q"], "ignore_body": ["/a/*/b"],
 "normalizers": [{"pattern": "run-[0-9]+", "replacement": "run-$&"}]}, "redact": {"headers": ["X"],
 "query": ["s"], "values": ["v"]}, "record_errors": true, "upstream": {"ca_file": "c", "proxy": "http://p:1"},
 "volatile_headers": ["X-*"], "pace": "x2.5", "on_miss": "refuse", "dialects": {"openai_paths": ["/p"]}})",
      R"({"hosts": "a", "match": [], "unknown": 1})"};
}

// RECSHIM_HOSTS, RECSHIM_CONNECT_TO and the other settings of one line.
void fuzz_rules(std::string_view bytes) {
  control::Config config;
  for (const auto& item : control::split_list(bytes)) {
    if (const auto rule = control::parse_host_rule(item); rule.ok()) config.hosts.push_back(*rule);
    if (const auto to = control::parse_connect_to(item); to.ok()) config.connect_to.push_back(*to);
    (void)control::parse_pace(item);
    (void)control::parse_session(item);
    (void)control::nearest_word(item, {"record", "replay", "live"});
    const std::string path = control::absolute_path("/a/b", item);
    require(path.starts_with("/") && (path + "/").find("/../") == std::string::npos,
            "a path is absolute");
  }
  const control::HostMatcher matcher(config,
                                     [](const std::string& host) { return host == "localhost"; });
  for (const char* host : {"localhost", "api.example.com", "10.1.2.3", "::1", "fe80::1", ""}) {
    for (const uint16_t port : {0, 80, 65535}) {
      (void)matcher.configured(host, port);
      (void)matcher.connect_to(host, port);
    }
  }
}
std::vector<std::string> seeds_rules() {
  return {
      "api.openai.com, *.example.com:443,!auth.example.com,10.0.0.0/8,[fe80::]/10:80,[::1]:8080,*",
      "api.openai.com:443=127.0.0.1:8443,h:1=[::1]:2", "x10,recorded,../../a/./b,my-session_1.x"};
}

void fuzz_journal(std::string_view bytes) {
  const auto line = control::parse_journal_line(std::string(bytes));
  if (!line.ok()) return;
  const std::string text = control::to_json_line(*line);
  require(text.find('\n') == text.size() - 1, "a line is one line");
  const auto again = control::parse_journal_line(text);
  require(again.ok() && control::to_json_line(*again) == text, "a line says the same again");
}
std::vector<std::string> seeds_journal() {
  control::JournalLine line;
  line.wall_us = 1'700'000'000'000'000;
  line.pid = 1;
  line.program = "p";
  line.test_id = "t::x";
  line.method = "GET";
  line.url = "http://h/";
  line.outcome = control::Outcome::kLost;
  line.detail = "why";
  return {control::to_json_line(line), R"({"v":1,"outcome":"hit"})"};
}

void fuzz_elf(std::string_view bytes) {
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  require(fd >= 0 && write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
          "the machine has memory");
  const auto image = tools::read_elf_image(fd);
  require(image.is_elf || image.needed.empty(), "what is no ELF file needs nothing");
  close(fd);
}
std::vector<std::string> seeds_elf() {
  struct {
    Elf64_Ehdr head{};
    Elf64_Phdr load{}, interp{}, dynamic{};
    Elf64_Shdr null{}, names{};
    Elf64_Dyn entries[5]{};
    char strings[48] = "\0libc.so.6\0/lib/here\0.shstrtab";
    char loader[32] = "/lib64/ld-linux-x86-64.so.2";
  } file;
  const auto offset = [&file](const void* part) {
    return static_cast<uint64_t>(static_cast<const char*>(part) -
                                 reinterpret_cast<const char*>(&file));
  };
  memcpy(file.head.e_ident, ELFMAG, SELFMAG);
  file.head.e_ident[EI_CLASS] = ELFCLASS64;
  file.head.e_ident[EI_DATA] = ELFDATA2LSB;
  file.head.e_ident[EI_VERSION] = EV_CURRENT;
  file.head.e_type = ET_DYN;
  file.head.e_machine = EM_X86_64;
  file.head.e_version = EV_CURRENT;
  file.head.e_ehsize = sizeof file.head;
  file.head.e_phoff = offset(&file.load);
  file.head.e_phentsize = sizeof file.load;
  file.head.e_phnum = 3;
  file.head.e_shoff = offset(&file.null);
  file.head.e_shentsize = sizeof file.null;
  file.head.e_shnum = 2;
  file.head.e_shstrndx = 1;
  file.load = {
      .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = sizeof file, .p_memsz = sizeof file};
  file.interp = {.p_type = PT_INTERP, .p_offset = offset(file.loader), .p_filesz = 28};
  file.dynamic = {
      .p_type = PT_DYNAMIC, .p_offset = offset(file.entries), .p_filesz = sizeof file.entries};
  file.names = {.sh_name = 21,
                .sh_type = SHT_STRTAB,
                .sh_offset = offset(file.strings),
                .sh_size = sizeof file.strings};
  file.entries[0] = {DT_STRTAB, {offset(file.strings)}};
  file.entries[1] = {DT_STRSZ, {sizeof file.strings}};
  file.entries[2] = {DT_NEEDED, {1}};
  file.entries[3] = {DT_RUNPATH, {11}};
  return {std::string(reinterpret_cast<const char*>(&file), sizeof file)};
}

}  // namespace recshim::fuzz
