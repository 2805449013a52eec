// list, show, diff, verify, prune and rekey on recordings that the store wrote.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "shim/control/journal.h"
#include "shim/store/store.h"
#include "tests/unit/tools/cli.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RecordingsCli : public testing::Test {
 protected:
  store::StoreOptions options() const {
    store::StoreOptions options;
    options.dir = cli_.path("recordings");
    options.session_dir = cli_.path("runtime/recshim/made");
    options.cache_dir = cli_.path("cache");
    return options;
  }

  // Writes one exchange with api.example.com; returns its file.
  std::string record(const std::string& method, const std::string& target,
                     const std::string& request, const std::string& response,
                     const std::string& type = "application/json", int status = 200,
                     const std::string& test = "") {
    store::StoreOptions store_options = options();
    // Every call a session of its own: what is asked again is recorded anew.
    store_options.session_dir += std::to_string(++sessions_);
    store::Store store(posix_env(), store_options);
    http::Exchange exchange;
    exchange.origin = {"https", "api.example.com", 443};
    exchange.request.method = method;
    exchange.request.target = target;
    exchange.request.headers = {{"Host", "api.example.com"},
                                {"Authorization", "Bearer sk-secret"},
                                {"Content-Type", "application/json"}};
    exchange.request_body = Body(request);
    exchange.response.status = status;
    exchange.response.reason = "Fine";
    exchange.response.headers = {{"Content-Type", type},
                                 {"Content-Length", std::to_string(response.size())}};
    exchange.response_body = Body(response);
    exchange.framing = http::Framing::kLength;
    if (!test.empty()) exchange.test_id = test;
    const auto saved = store.save(exchange);
    EXPECT_TRUE(saved.ok()) << (saved.ok() ? "" : saved.error().message);
    return saved ? saved->path : "";
  }
  static std::string name_of(const std::string& path) { return fs::path(path).filename().string(); }
  static std::string hash_of(const std::string& path) { return name_of(path).substr(0, 64); }

  Cli cli_;
  int sessions_ = 0;
};

TEST_F(RecordingsCli, ListShowsAndFilters) {
  const std::string weather =
      record("POST", "/weather?city=Lisbon", R"({"a": 1})", R"({"degrees": 21})",
             "application/json", 200, "tests/a.py::test_weather");
  const std::string gone = record("GET", "/gone", "", "no", "text/plain", 404);

  const Cli::Output all = cli_.run("list");
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_THAT(all.out, AllOf(HasSubstr("https://api.example.com/weather?city=Lisbon"),
                             HasSubstr("[tests/a.py::test_weather]"), HasSubstr(name_of(weather)),
                             HasSubstr("404"), HasSubstr(name_of(gone))));

  for (const char* filter : {"--method post", "--url weather", "--test test_w", "--status 200"}) {
    const Cli::Output some = cli_.run(std::string("list ") + filter);
    EXPECT_THAT(some.out, AllOf(HasSubstr(name_of(weather)), Not(HasSubstr(name_of(gone)))))
        << filter;
  }
  const Cli::Output json = cli_.run("list --json --status 404");
  EXPECT_THAT(json.out, AllOf(HasSubstr("\"file\":\"" + name_of(gone) + "\""),
                              HasSubstr("\"method\":\"GET\""), HasSubstr("\"test_id\":null")));
}

TEST_F(RecordingsCli, TheFolderIsTheVariablesUnlessTheOptionSaysOtherwise) {
  const std::string name = name_of(record("GET", "/", "", "x"));
  fs::rename(cli_.path("recordings"), cli_.path("elsewhere"));
  EXPECT_THAT(cli_.run("list", "RECSHIM_DIR=elsewhere").out, HasSubstr(name));
  EXPECT_THAT(cli_.run("list --dir elsewhere", "RECSHIM_DIR=nowhere").out, HasSubstr(name));
  fs::create_directory(cli_.path("recordings"));
  EXPECT_THAT(cli_.run("list").err, HasSubstr("no recordings under " + cli_.path("recordings")));
}

TEST_F(RecordingsCli, ListSaysWhatIsWrong) {
  const Cli::Output missing = cli_.run("list --dir nowhere");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr(cli_.path("nowhere")));

  record("GET", "/", "", "x");
  std::ofstream(cli_.path("recordings/broken.json")) << "{";
  const Cli::Output broken = cli_.run("list");
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.err, HasSubstr("broken.json"));
  EXPECT_THAT(broken.out, HasSubstr("https://api.example.com/"));
}

TEST_F(RecordingsCli, ShowForPeopleAndAsBytes) {
  const std::string path = record("POST", "/v", R"({"question": "é"})", "{\"answer\":\n 42}\n");
  const std::string hash = hash_of(path);
  const Cli::Output shown = cli_.run("show " + hash.substr(0, 8));
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("POST https://api.example.com/v"), HasSubstr("\"é\""),
                               HasSubstr("HTTP/1.1 200 Fine"), HasSubstr("\"answer\": 42"),
                               Not(HasSubstr("sk-secret"))));
  EXPECT_EQ(cli_.run("show --body " + hash).out, "{\"answer\":\n 42}\n");
  EXPECT_EQ(cli_.run("show --raw '" + path + "'").out,
            "HTTP/1.1 200 Fine\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"
            "{\"answer\":\n 42}\n");
  EXPECT_EQ(cli_.run("show --json " + name_of(path)).out, read_text(path));
}

TEST_F(RecordingsCli, ShowNeedsOneRecording) {
  record("GET", "/a", "", "x");
  EXPECT_EQ(cli_.run("show 00000000").exit_code, 1);
  const Cli::Output no_hash = cli_.run("show elephant");
  EXPECT_EQ(no_hash.exit_code, 1);
  EXPECT_THAT(no_hash.err, HasSubstr("8 hex digits"));
}

TEST_F(RecordingsCli, DiffNamesThePlaces) {
  const std::string a = record("POST", "/v", R"({"q": 1, "same": true})", R"({"r": [1, 2]})");
  const std::string b = record("POST", "/v", R"({"q": 2, "same": true})", R"({"r": [1]})");
  const Cli::Output different = cli_.run("diff '" + a + "' " + hash_of(b));
  EXPECT_EQ(different.exit_code, 1);
  EXPECT_THAT(different.out, AllOf(HasSubstr("~ /request/payload/q\n    - 1\n    + 2\n"),
                                   HasSubstr("- /response/body/r/1: 2\n"), Not(HasSubstr("same"))));
  const Cli::Output same = cli_.run("diff '" + a + "' '" + a + "'");
  EXPECT_EQ(same.exit_code, 0);
  EXPECT_EQ(same.out, "");
  EXPECT_EQ(cli_.run("diff '" + a + "' none.json").exit_code, 2);
  const Cli::Output json = cli_.run("diff --json '" + a + "' '" + b + "'");
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_THAT(json.out, AllOf(HasSubstr(R"({"path":"/request/payload/q","a":1,"b":2})"
                                        "\n"),
                              HasSubstr(R"({"path":"/response/body/r/1","a":2})"
                                        "\n")));
}

TEST_F(RecordingsCli, VerifyNamesWhatIsPassedOver) {
  const std::string name = name_of(record("GET", "/", "", "x"));
  ASSERT_EQ(mkfifo(cli_.path("recordings/fifo.json").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", cli_.path("recordings/endless.json"));
  fs::create_symlink("loop.json", cli_.path("recordings/loop.json"));
  fs::create_symlink("/", cli_.path("recordings/disk"));
  fs::create_symlink(".", cli_.path("recordings/again"));
  const Cli::Output verified = cli_.run("verify");
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.out,
              AllOf(HasSubstr("fifo.json: problem: passed over: no regular file"),
                    HasSubstr("endless.json: problem: passed over: a link that leads out of"),
                    HasSubstr("loop.json: problem: passed over: a link that leads nowhere"),
                    HasSubstr("disk: problem: passed over: a link that leads out of"),
                    HasSubstr("1 recordings, 4 problems")));
  const Cli::Output listed = cli_.run("list");
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_THAT(listed.out, AllOf(HasSubstr(name), Not(HasSubstr("fifo"))));
}

TEST_F(RecordingsCli, SaysWhatToDoWhereThereIsNothingToRead) {
  for (const char* arguments : {"list", "verify", "rekey", "show 0123456789"}) {
    const Cli::Output missing = cli_.run(arguments);
    EXPECT_EQ(missing.exit_code, 1) << arguments;
    EXPECT_THAT(missing.err, AllOf(HasSubstr(cli_.path("recordings")), HasSubstr("record first"),
                                   HasSubstr("--dir")));
  }
  fs::create_directory(cli_.path("recordings"));
  EXPECT_THAT(cli_.run("list").err, HasSubstr("no recordings under"));
  EXPECT_THAT(cli_.run("show recordings").err, HasSubstr("is a folder"));
  std::ofstream(cli_.path("recordings/call.json")) << R"({"request": {}, "response": {}})";
  EXPECT_THAT(cli_.run("list").out, HasSubstr("not an HTTP exchange"));
}

TEST_F(RecordingsCli, SettingsThatCannotBeAreNotGuessed) {
  record("GET", "/v", "", "text", "text/plain");
  std::ofstream(cli_.path("broken.json")) << R"({"dri": "elsewhere"})";
  std::ofstream(cli_.path("journal")) << "";
  for (const char* arguments : {"list", "verify", "rekey", "show 0123456789", "diff a b",
                                "prune --journal journal --force"}) {
    const Cli::Output output = cli_.run(arguments, "RECSHIM_CONFIG=broken.json");
    EXPECT_EQ(output.exit_code, 2) << arguments;
    EXPECT_THAT(output.err, HasSubstr("did you mean \"dir\"?")) << arguments;
  }
}

TEST_F(RecordingsCli, VerifyAcceptsWhatTheStoreWrites) {
  record("POST", "/v", R"({"q": 1})", R"({"r": 1})");
  record("GET", "/plain", "", "text", "text/plain");
  record("GET", "/big", "", std::string((1 << 20) + 1, '\x01'), "application/octet-stream");
  const Cli::Output output = cli_.run("verify");
  EXPECT_EQ(output.exit_code, 0) << output.out;
  EXPECT_EQ(output.out, "3 recordings, 0 problems, 0 notes\n");
}

TEST_F(RecordingsCli, VerifyFindsEveryKindOfProblem) {
  const std::string big =
      record("GET", "/big", "", std::string((1 << 20) + 1, 'b'), "application/octet-stream");
  const std::string renamed = record("GET", "/a", "", "x");
  const std::string folder = cli_.path("recordings/");
  fs::rename(renamed, folder + std::string(64, 'a') + ".json");
  std::ofstream(folder + "broken.json") << "{";
  std::ofstream(folder + "empty.json") << "{}";
  std::ofstream(folder + "stray.body") << "b";
  std::ofstream(folder + "tool.json")
      << R"({"test_id": null, "request": {"provider": "p", "tool_name": "t", "kwargs": {}},)"
      << R"( "response": {"body": {}, "is_streaming": false}})";

  Cli::Output output = cli_.run("verify");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(
      output.out,
      AllOf(HasSubstr("broken.json: problem: not JSON"), HasSubstr("empty.json: problem: /request"),
            HasSubstr("stray.body: problem: no recording names this body"),
            HasSubstr("tool.json: note: a tool invocation"),
            HasSubstr(std::string(64, 'a') + ".json: note: its name is not its key"),
            HasSubstr("3 recordings, 3 problems, 2 notes")));

  std::ofstream(fs::path(big).replace_extension(".body"), std::ios::app) << "more";
  output = cli_.run("verify");
  EXPECT_THAT(output.out, HasSubstr(name_of(big) + ": note: edited by hand"));
  fs::remove(fs::path(big).replace_extension(".body"));
  output = cli_.run("verify --json");
  EXPECT_THAT(output.out, AllOf(HasSubstr("\"file\":\"" + name_of(big) + "\",\"kind\":\"problem\""),
                                HasSubstr("\"problems\":4")));
}

TEST_F(RecordingsCli, VerifyRealRecordings) {
  const char* const variable = std::getenv("RECSHIM_TEST_SHARED");
  const fs::path shared = variable != nullptr ? fs::path(variable) : fs::path(SHARED_DATA);
  if (!fs::exists(shared / "seeds")) {
    GTEST_SKIP() << "optional data: RECSHIM_TEST_SHARED names no folder of shared test data";
  }
  for (const char* folder : {"seeds", "corpus"}) {
    const Cli::Output output = cli_.run("verify '" + (shared / folder).string() + "'");
    EXPECT_EQ(output.exit_code, 0) << output.out;
  }
  const Cli::Output seeds = cli_.run("verify '" + (shared / "seeds").string() + "'");
  EXPECT_EQ(seeds.out, "2 recordings, 0 problems, 0 notes\n");
}

class Prune : public RecordingsCli {
 protected:
  void write_journal(const std::vector<std::string>& files) {
    std::ofstream journal(cli_.path("j"));
    for (const std::string& file : files) {
      control::JournalLine line;
      line.outcome = control::Outcome::kHit;
      line.file = file;
      line.key = hash_of(file);
      journal << control::to_json_line(line);
    }
  }
};

TEST_F(Prune, ShowsAndThenRemovesWhatWasNotUsed) {
  const std::string used = record("GET", "/used", "", "x");
  const std::string unused =
      record("GET", "/unused", "", std::string((1 << 20) + 1, 'b'), "application/octet-stream");
  const std::string body = fs::path(unused).replace_extension(".body").string();
  ASSERT_TRUE(fs::exists(body));
  write_journal({used});

  Cli::Output output = cli_.run("prune --journal j");
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_THAT(output.out, AllOf(HasSubstr("unused " + name_of(unused)), HasSubstr("1 of 2"),
                                Not(HasSubstr(name_of(used)))));
  EXPECT_TRUE(fs::exists(unused));
  EXPECT_EQ(cli_.run("prune --json --journal j").out,
            "{\"unused\":\"" + name_of(unused) + "\"}\n{\"recordings\":2,\"unused\":1}\n");

  output = cli_.run("prune --journal j --force");
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_TRUE(fs::exists(used));
  EXPECT_FALSE(fs::exists(unused));
  EXPECT_FALSE(fs::exists(body));
}

TEST_F(Prune, AJournalOfSomethingElseRemovesNothing) {
  const std::string kept = record("GET", "/kept", "", "x");
  write_journal({});
  EXPECT_EQ(cli_.run("prune --journal j --force").exit_code, 1);
  std::ofstream(cli_.path("j")) << "no journal\n";
  const Cli::Output output = cli_.run("prune --journal j --force");
  EXPECT_EQ(output.exit_code, 2);
  EXPECT_THAT(output.err, HasSubstr("j:1: not a line"));
  EXPECT_EQ(cli_.run("prune --journal none --force").exit_code, 2);
  EXPECT_TRUE(fs::exists(kept));
}

TEST_F(RecordingsCli, RekeyFollowsTheRules) {
  const std::string path = record("POST", "/v", R"({"q": 1, "run": "77"})", R"({"r": 1})");
  const std::string big = record("POST", "/big", R"({"run": "78"})",
                                 std::string((1 << 20) + 1, 'b'), "application/octet-stream");
  EXPECT_THAT(cli_.run("rekey").out, HasSubstr("0 of 2 recordings to rename"));

  std::ofstream(cli_.path("rules.json")) << R"({"match": {"ignore_body": ["/run"]}})";
  const std::string rules = "RECSHIM_CONFIG=rules.json";
  Cli::Output output = cli_.run("rekey", rules);
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(output.out, AllOf(HasSubstr(name_of(path)), HasSubstr("2 of 2")));
  EXPECT_TRUE(fs::exists(path)) << "only shown";
  output = cli_.run("rekey --json", rules);
  EXPECT_THAT(output.out, AllOf(HasSubstr("{\"from\":\"" + name_of(path) + "\",\"to\":\""),
                                HasSubstr(R"({"recordings":2,"to_rename":2,"conflicts":0})")));

  output = cli_.run("rekey --force", rules);
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(fs::exists(fs::path(big).replace_extension(".body")));
  EXPECT_EQ(cli_.run("verify", rules).out, "2 recordings, 0 problems, 0 notes\n");
  EXPECT_THAT(cli_.run("rekey", rules).out, HasSubstr("0 of 2"));
}

TEST_F(RecordingsCli, RekeyGivesRecordingsToARenamedTest) {
  const std::string path =
      record("POST", "/v", R"({"q": 1})", R"({"r": 1})", "application/json", 200, "a.py::one[x=1]");
  EXPECT_EQ(cli_.run("rekey --test nothing").exit_code, 2);
  EXPECT_THAT(cli_.run("rekey --test 'no such test=b'").out, HasSubstr("0 of 1"));
  const std::string rename = "rekey --test 'a.py::*[x=1]=b.py::*[x=2]'";
  EXPECT_THAT(cli_.run(rename).out, HasSubstr("1 of 1 recordings to rename"));
  EXPECT_TRUE(fs::exists(path)) << "only shown";
  const Cli::Output output = cli_.run(rename + " --force");
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_FALSE(fs::exists(path));
  const auto left = fs::directory_iterator(fs::path(path).parent_path());
  std::string now;
  for (const auto& entry : left) now = entry.path().string();
  std::stringstream text;
  text << std::ifstream(now).rdbuf();
  EXPECT_EQ(text.str().find("a.py"), std::string::npos) << text.str();
  EXPECT_THAT(text.str(), HasSubstr("\"test_id\": \"b.py::one[x=2]\""));
  EXPECT_EQ(cli_.run("verify").out, "1 recordings, 0 problems, 0 notes\n");
}

TEST_F(RecordingsCli, RekeyLeavesAloneWhatWouldCollide) {
  const std::string a = record("POST", "/v", R"({"run": "1"})", R"({"r": 1})");
  const std::string b = record("POST", "/v", R"({"run": "2"})", R"({"r": 2})");
  std::ofstream(cli_.path("rules.json")) << R"({"match": {"ignore_body": ["/run"]}})";
  const Cli::Output output = cli_.run("rekey --force", "RECSHIM_CONFIG=rules.json");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.err, HasSubstr("would all be named"));
  EXPECT_TRUE(fs::exists(a));
  EXPECT_TRUE(fs::exists(b));
}

}  // namespace
}  // namespace recshim::tools
