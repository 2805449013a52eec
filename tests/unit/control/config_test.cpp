// load_config: defaults, every variable, every key of recshim.json, precedence, and what is
// said about a bad value.
#include "shim/control/config.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/control/names.h"
#include "shim/control/settings_file.h"
#include "tests/unit/control/temp_folder.h"

namespace recshim::control {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class ConfigTest : public testing::Test {
 protected:
  // Without RECSHIM_CONFIG the search would go on above the test's folder.
  Config load(Variables variables, const std::string& cwd = "") {
    variables.try_emplace("HOME", folder_.path("home"));
    variables.try_emplace("XDG_RUNTIME_DIR", folder_.path());
    if (!file_written_) variables.try_emplace(kConfigVariable, kNoConfigFile);
    return load_config(posix_env(), environment_of(variables), folder_.path(cwd));
  }
  // What is told of a file that does not count.
  std::string not_obeyed(Variables variables = {}, const std::string& cwd = "") {
    variables.try_emplace("HOME", folder_.path("home"));
    return settings_not_obeyed(environment_of(variables), folder_.path(cwd));
  }
  Config load_file(const std::string& json, Variables variables = {}) {
    folder_.write(kConfigFileName, json);
    file_written_ = true;
    return load(std::move(variables));
  }

  TempFolder folder_;
  bool file_written_ = false;
};

TEST_F(ConfigTest, DefaultsReplayFromRecordingsBelowTheWorkingDirectory) {
  const Config config = load({});
  EXPECT_THAT(config.errors, IsEmpty());
  EXPECT_EQ(config.mode, Mode::kReplay);
  EXPECT_EQ(config.dir, folder_.path("recordings"));
  EXPECT_EQ(config.store.dir, config.dir);
  EXPECT_EQ(config.store.session_dir, config.session_dir);
  EXPECT_EQ(config.store.cache_dir, folder_.path("home/.cache/recshim"));
  EXPECT_EQ(config.store.layout, store::Layout::kFlat);
  EXPECT_TRUE(config.store.record_errors);
  EXPECT_TRUE(config.respond_on_miss);
  EXPECT_EQ(config.pace, 0);
  EXPECT_TRUE(config.hosts.empty());
  EXPECT_EQ(config.log_path, "");
  EXPECT_EQ(config.journal_path, "");
  EXPECT_TRUE(config.session_is_fresh);
  EXPECT_EQ(config.session_dir, folder_.path("recshim/") + config.session);
  EXPECT_FALSE(std::filesystem::exists(config.session_dir)) << "loading makes nothing";
}

TEST_F(ConfigTest, EveryVariableIsRead) {
  const Config config = load({{kModeVariable, "record"},
                              {kDirVariable, "../tapes"},
                              {kHostsVariable, " api.example.com , !x.example.com:8080,, "},
                              {kConnectToVariable, "api.example.com:443=127.0.0.1:8443"},
                              {kSessionVariable, "ci-17"},
                              {kOnMissVariable, "refuse"},
                              {kPaceVariable, "x2.5"},
                              {kLogVariable, "log.txt"},
                              {kLogLevelVariable, "debug"},
                              {kJournalVariable, "/var/tmp/j"},
                              {"XDG_CACHE_HOME", "/cache"}},
                             "work");
  EXPECT_THAT(config.errors, IsEmpty());
  EXPECT_EQ(config.mode, Mode::kRecord);
  EXPECT_EQ(config.dir, folder_.path("tapes"));
  ASSERT_EQ(config.hosts.size(), 2u);
  EXPECT_EQ(config.hosts[1].pattern, "!x.example.com:8080");
  ASSERT_EQ(config.connect_to.size(), 1u);
  EXPECT_EQ(config.connect_to[0].target_port, 8443);
  EXPECT_EQ(config.session, "ci-17");
  EXPECT_FALSE(config.session_is_fresh);
  EXPECT_FALSE(config.respond_on_miss);
  EXPECT_EQ(config.pace, 2.5);
  EXPECT_EQ(config.log_path, folder_.path("work/log.txt"));
  EXPECT_EQ(config.log_level, log::Level::kDebug);
  EXPECT_EQ(config.journal_path, "/var/tmp/j");
  EXPECT_EQ(config.store.cache_dir, "/cache/recshim");
}

TEST_F(ConfigTest, EmptyVariablesCountAsUnset) {
  const Config config = load({{kModeVariable, ""}, {kDirVariable, ""}, {kHostsVariable, ""}});
  EXPECT_THAT(config.errors, IsEmpty());
  EXPECT_EQ(config.dir, folder_.path("recordings"));
}

TEST_F(ConfigTest, EveryBadVariableIsNamedWithWhatIsAllowed) {
  const Config config = load({{kModeVariable, "reply"},
                              {kHostsVariable, "https://api.example.com"},
                              {kConnectToVariable, "api.example.com=127.0.0.1"},
                              {kSessionVariable, "../etc"},
                              {kOnMissVariable, "ignore"},
                              {kPaceVariable, "x0"},
                              {kLogLevelVariable, "loud"}});
  EXPECT_EQ(config.errors.size(), 7u);
  EXPECT_THAT(config.errors, Contains(AllOf(HasSubstr("RECSHIM_MODE: \"reply\""),
                                            HasSubstr("replay or record-if-missing"))));
  EXPECT_THAT(config.errors, Contains(AllOf(HasSubstr("RECSHIM_HOSTS: "), HasSubstr("URL"))));
  EXPECT_THAT(config.errors,
              Contains(AllOf(HasSubstr("RECSHIM_CONNECT_TO: "), HasSubstr("host:port=addr:port"))));
  EXPECT_THAT(config.errors, Contains(HasSubstr("RECSHIM_SESSION: ")));
  EXPECT_THAT(config.errors,
              Contains(AllOf(HasSubstr("RECSHIM_ON_MISS: "), HasSubstr("respond or refuse"))));
  EXPECT_THAT(config.errors, Contains(AllOf(HasSubstr("RECSHIM_PACE: "), HasSubstr("x10"))));
  EXPECT_THAT(config.errors, Contains(AllOf(HasSubstr("RECSHIM_LOG_LEVEL: "), HasSubstr("debug"))));
  EXPECT_EQ(config.mode, Mode::kReplay) << "an unknown mode must not go live";
  EXPECT_TRUE(config.session_is_fresh) << "there is a session even so";
}

TEST_F(ConfigTest, RecordIfMissingKeepsWhatIsThereAndNoErrors) {
  const Config config = load({{kModeVariable, "record-if-missing"}});
  EXPECT_THAT(config.errors, IsEmpty());
  EXPECT_EQ(config.mode, Mode::kRecordIfMissing);
  EXPECT_TRUE(config.store.keep_existing);
  EXPECT_FALSE(config.store.record_errors);
  EXPECT_FALSE(load({{kModeVariable, "record"}}).store.keep_existing);

  const Config asked =
      load_file(R"({"mode": "record-if-missing", "record_errors": true})", Variables{});
  EXPECT_TRUE(asked.store.record_errors);
}

TEST_F(ConfigTest, UpstreamPathsAreRelativeToTheFile) {
  const Config config = load_file(R"({"upstream": {"ca_file": "ca.pem", "client_cert": "/c.pem",
                                      "client_key": "keys/k.pem", "proxy": "http://p:3128"}})");
  EXPECT_THAT(config.errors, IsEmpty());
  EXPECT_EQ(config.upstream.ca_file, folder_.path("ca.pem"));
  EXPECT_EQ(config.upstream.client_cert, "/c.pem");
  EXPECT_EQ(config.upstream.client_key, folder_.path("keys/k.pem"));
  EXPECT_EQ(config.upstream.proxy, "http://p:3128");
  EXPECT_THAT(load_file(R"({"upstream": {"ca": "x"}})").errors,
              ElementsAre(HasSubstr("/upstream/ca: unknown key")));
}

TEST_F(ConfigTest, PacesOfAllKinds) {
  EXPECT_EQ(load({{kPaceVariable, "off"}}).pace, 0);
  EXPECT_EQ(load({{kPaceVariable, "recorded"}}).pace, 1);
  EXPECT_EQ(load({{kPaceVariable, "x10"}}).pace, 10);
  for (const char* bad : {"x", "x-1", "xinf", "xnan", "10", "x1e3", "x1 ", "fast"}) {
    EXPECT_EQ(load({{kPaceVariable, bad}}).errors.size(), 1u) << bad;
  }
}

TEST_F(ConfigTest, EveryKeyOfTheFileIsRead) {
  const Config config = load_file(R"({
    "hosts": ["api.example.com", "10.0.0.0/8"],
    "connect_to": ["api.example.com:443=[::1]:8443"],
    "dir": "tests/tapes",
    "mode": "live",
    "layout": "by-test",
    "match": {"ignore_query": ["t"], "ignore_body": ["/messages/*/id"],
              "normalizers": [{"pattern": "run-[0-9]+", "replacement": "run-N"}]},
    "redact": {"headers": ["X-Tenant"], "query": ["sig"], "values": ["hunter2"]},
    "record_errors": false,
    "volatile_headers": ["X-Request-Id"],
    "pace": "recorded",
    "on_miss": "refuse",
    "dialects": {"openai_paths": ["/predict"]}
  })");
  EXPECT_THAT(config.errors, IsEmpty());
  EXPECT_EQ(config.config_path, folder_.path(kConfigFileName));
  EXPECT_EQ(config.hosts.size(), 2u);
  ASSERT_EQ(config.connect_to.size(), 1u);
  EXPECT_EQ(config.connect_to[0].target_address, "::1");
  EXPECT_EQ(config.dir, folder_.path("tests/tapes"));
  EXPECT_EQ(config.mode, Mode::kLive);
  EXPECT_EQ(config.store.layout, store::Layout::kByTest);
  const match::MatchOptions& match = config.store.match;
  EXPECT_THAT(match.ignore_query, ElementsAre("t"));
  EXPECT_THAT(match.ignore_body, ElementsAre("/messages/*/id"));
  ASSERT_EQ(match.normalizers.size(), 1u);
  EXPECT_EQ(match.normalizers[0].pattern, "run-[0-9]+");
  EXPECT_EQ(match.normalizers[0].replacement, "run-N");
  EXPECT_THAT(match.redact_headers, ElementsAre("X-Tenant"));
  EXPECT_THAT(match.redact_query, ElementsAre("sig"));
  EXPECT_THAT(match.redact_values, ElementsAre("hunter2"));
  EXPECT_THAT(match.openai_paths, ElementsAre("/predict"));
  EXPECT_FALSE(config.store.record_errors);
  EXPECT_THAT(config.store.volatile_headers, ElementsAre("x-request-id"));
  EXPECT_EQ(config.pace, 1);
  EXPECT_FALSE(config.respond_on_miss);
}

TEST_F(ConfigTest, TheEnvironmentWinsOverTheFile) {
  const Config config =
      load_file(R"({"mode": "record", "dir": "a", "hosts": ["a.example"], "pace": "x2"})",
                {{kModeVariable, "replay"}, {kDirVariable, "b"}, {kHostsVariable, "b.example"}});
  EXPECT_THAT(config.errors, IsEmpty());
  EXPECT_EQ(config.mode, Mode::kReplay);
  EXPECT_EQ(config.dir, folder_.path("b"));
  ASSERT_EQ(config.hosts.size(), 1u);
  EXPECT_EQ(config.hosts[0].host, "b.example");
  EXPECT_EQ(config.pace, 2);
}

TEST_F(ConfigTest, TheFileIsSearchedUpwardsAndItsFolderIsRelativeToIt) {
  folder_.write(kConfigFileName, R"({"dir": "tapes"})");
  file_written_ = true;
  std::filesystem::create_directories(folder_.path("a/b"));
  EXPECT_EQ(load({}, "a/b").dir, folder_.path("tapes"));

  folder_.write("a/recshim.json", R"({"dir": "nearer"})");
  EXPECT_EQ(load({}, "a/b").dir, folder_.path("a/nearer"));
}

TEST_F(ConfigTest, WhatOthersCouldHaveWrittenIsNotObeyed) {
  using std::filesystem::perms;
  const auto chmod_to = [&](const std::string& name, unsigned mode) {
    std::filesystem::permissions(folder_.path(name), static_cast<perms>(mode));
  };
  const std::string path = folder_.path("a/recshim.json");
  folder_.write("a/recshim.json", R"({"dir": "tapes"})");
  std::filesystem::create_directories(folder_.path("a/b"));
  file_written_ = true;
  EXPECT_EQ(load({}, "a/b").config_path, path);
  const auto expect_ignored = [&](const std::string& why, const std::string& cwd = "a/b") {
    const Config config = load({}, cwd);
    EXPECT_EQ(config.config_path, "") << why;
    EXPECT_EQ(config.dir, folder_.path(cwd + "/recordings")) << why;
    EXPECT_THAT(config.errors, IsEmpty());
    EXPECT_THAT(not_obeyed({}, cwd), AllOf(HasSubstr(path + " is not obeyed: "), HasSubstr(why),
                                           HasSubstr("RECSHIM_CONFIG=" + path)));
    EXPECT_EQ(load({{kConfigVariable, path}}, cwd).dir, folder_.path("a/tapes")) << "it is named";
  };
  for (const unsigned mode : {0666u, 0646u}) {
    chmod_to("a/recshim.json", mode);
    expect_ignored("it can be written to by every user");
  }
  chmod_to("a/recshim.json", 0644);
  for (const unsigned mode : {01777u, 0777u}) {
    chmod_to("a", mode);
    expect_ignored("the folder " + folder_.path("a") + " can be written to by every user");
    expect_ignored("every user", "a");
  }
  chmod_to("a", 0755);
  chmod_to("a/b", 0777);
  expect_ignored("the folder " + folder_.path("a/b") + " can be");
  chmod_to("a/b", 0755);
  folder_.write("a/b/.git/HEAD", "");
  std::filesystem::create_directories(folder_.path("a/b/c"));
  expect_ignored("it lies above the repository " + folder_.path("a/b"), "a/b/c");
  std::filesystem::remove_all(folder_.path("a/b/.git"));
  EXPECT_THAT(not_obeyed({{"HOME", folder_.path("a/b")}}, "a/b/c"),
              HasSubstr("it lies above the home folder"));
  // The top itself counts.
  EXPECT_EQ(load({{"HOME", folder_.path("a")}}, "a/b").config_path, path);
}

TEST_F(ConfigTest, GroupsOfOneUserMayWrite) {
  folder_.write(kConfigFileName, R"({"dir": "tapes"})");
  file_written_ = true;
  std::filesystem::permissions(folder_.path(kConfigFileName),
                               static_cast<std::filesystem::perms>(0664));
  if (geteuid() != 0) GTEST_SKIP() << "changing owners takes root";
  EXPECT_THAT(not_obeyed(), HasSubstr("can be written to by its group"));
  const uid_t user = 4321;
  for (const std::string& name : {folder_.path(), folder_.path(kConfigFileName)}) {
    ASSERT_EQ(chown(name.c_str(), user, user), 0);
  }
  EXPECT_THAT(not_obeyed(), HasSubstr("belongs to another user (4321)"));
  EXPECT_EQ(load({{"SUDO_UID", "4321"}}).dir, folder_.path("tapes")) << "sudo(8)";
  ASSERT_EQ(seteuid(user), 0);
  const Config own = load({});
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(own.dir, folder_.path("tapes"));
}

TEST_F(ConfigTest, RootsFileLeadsNobodyElsesTrafficElsewhere) {
  if (geteuid() != 0) GTEST_SKIP() << "becoming another user takes root";
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  const auto load_as_other = [&](const std::string& json, Variables variables = {}) {
    load_file(json);
    EXPECT_EQ(seteuid(65534), 0);
    Config config = load(std::move(variables));
    EXPECT_EQ(seteuid(0), 0);
    return config;
  };
  EXPECT_EQ(load_as_other(R"({"dir": "tapes"})").dir, folder_.path("tapes"));
  const std::string leads = R"({"mode": "record", "upstream": {"ca_file": "c"}})";
  EXPECT_EQ(load_file(leads).mode, Mode::kRecord);
  const Config config = load_as_other(leads);
  EXPECT_THAT(config.errors, ElementsAre(AllOf(HasSubstr("sets upstream, mode and is root's"),
                                               HasSubstr("RECSHIM_CONFIG="))));
  EXPECT_EQ(config.mode, Mode::kReplay);
  EXPECT_EQ(config.upstream.ca_file, "");
  EXPECT_THAT(inherited_variables(config), Contains(Pair(kConfigVariable, kNoConfigFile)));
  const Config named = load_as_other(leads, {{kConfigVariable, folder_.path(kConfigFileName)}});
  EXPECT_THAT(named.errors, IsEmpty());
  EXPECT_EQ(named.mode, Mode::kRecord);
}

TEST_F(ConfigTest, ACacheOfOthersIsNotUsed) {
  std::filesystem::create_directories(folder_.path("cache/recshim"));
  const Variables variables = {{"XDG_CACHE_HOME", folder_.path("cache")}};
  EXPECT_EQ(load(variables).store.cache_dir, folder_.path("cache/recshim"));
  std::filesystem::permissions(folder_.path("cache/recshim"),
                               static_cast<std::filesystem::perms>(0777));
  EXPECT_EQ(load(variables).store.cache_dir, "");
}

TEST_F(ConfigTest, TheWholeDiskIsNoFolderOfRecordings) {
  EXPECT_THAT(load({{kDirVariable, "/"}}).errors,
              ElementsAre("RECSHIM_DIR: / is the whole disk; name a folder for recordings"));
  EXPECT_THAT(load({{kDirVariable, "/usr/.."}}).errors, ElementsAre(HasSubstr("whole disk")));
}

TEST_F(ConfigTest, ANamedFileMustExistAndNoFileCanBeAskedFor) {
  EXPECT_THAT(load({{kConfigVariable, "none.json"}}).errors,
              ElementsAre(AllOf(HasSubstr("RECSHIM_CONFIG: cannot read"),
                                HasSubstr(folder_.path("none.json")))));
  const Config config = load_file(R"({"dir": 7})", {{kConfigVariable, kNoConfigFile}});
  EXPECT_THAT(config.errors, IsEmpty());
  EXPECT_EQ(config.config_path, "");
}

TEST_F(ConfigTest, ProblemsOfTheFileNameTheirJsonPath) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"hosts": "a"})", "/hosts: must be a list of strings"},
      {R"({"hosts": ["a", "b c"]})", "/hosts/1: \"b c\""},
      {R"({"hosts": [""]})", "/hosts/0: must be a string that is not empty"},
      {R"({"mode": 3})", "/mode: must be a string"},
      {R"({"mode": "tape"})", "/mode: \"tape\" is not allowed"},
      {R"({"layout": "tree"})", "/layout: \"tree\" is not allowed; use flat or by-test"},
      {R"({"match": []})", "/match: must be an object"},
      {R"({"match": {"ignore_body": ["id"]}})", "/match/ignore_body/0: must be a JSON pointer"},
      {R"({"match": {"normalizers": [{"pattern": "("}]}})",
       "/match/normalizers/0/pattern: is not a regular expression"},
      {R"({"match": {"normalizers": [{"pattern": ")" + std::string(100000, '(') + R"("}]}})",
       "/match/normalizers/0/pattern: is not a regular expression that can be used"},
      {R"({"match": {"normalizers": [{"replacement": "x"}]}})",
       "/match/normalizers/0: needs a \"pattern\""},
      {R"({"match": {"normalisers": []}})", "did you mean \"normalizers\"?"},
      {R"({"redact": {"header": []}})", "did you mean \"headers\"?"},
      {R"({"record_errors": "no"})", "/record_errors: must be true or false"},
      {R"({"dialects": {"openai_paths": ["x"]}})", "/dialects/openai_paths/0"},
      {R"({"colour": 1})", "/colour: unknown key; known are hosts, connect_to, dir"},
      {R"([])", "the document: must be an object"},
      {R"({"mode": "live",})", "not JSON at byte"},
      {"", "not JSON at byte"},
  };
  for (const auto& [json, message] : cases) {
    const Config config = load_file(json);
    EXPECT_THAT(config.errors,
                ElementsAre(AllOf(HasSubstr(folder_.path(kConfigFileName)), HasSubstr(message))))
        << json;
  }
}

TEST_F(ConfigTest, OneBadKeyDoesNotHideTheOthers) {
  const Config config = load_file(R"({"mode": "tape", "pace": "x9", "on_miss": 1})");
  EXPECT_EQ(config.errors.size(), 2u);
  EXPECT_EQ(config.pace, 9);
}

TEST_F(ConfigTest, TheSameConnectToTwiceIsAnError) {
  EXPECT_THAT(load({{kConnectToVariable, "a.example:1=b:2,A.example:1=c:3"}}).errors,
              ElementsAre(HasSubstr("a.example:1 is given twice")));
}

TEST_F(ConfigTest, ChildrenInheritAbsolutePathsAndTheSession) {
  const Config config = load({{kDirVariable, "tapes"}, {kJournalVariable, "j.jsonl"}});
  const auto variables = inherited_variables(config);
  EXPECT_THAT(variables, Contains(Pair(kSessionVariable, config.session)));
  EXPECT_THAT(variables, Contains(Pair(kDirVariable, folder_.path("tapes"))));
  EXPECT_THAT(variables, Contains(Pair(kJournalVariable, folder_.path("j.jsonl"))));
  EXPECT_THAT(variables, Contains(Pair(kConfigVariable, kNoConfigFile)));

  Variables inherited(variables.begin(), variables.end());
  const Config child = load(inherited, "elsewhere");
  EXPECT_THAT(child.errors, IsEmpty());
  EXPECT_EQ(child.dir, config.dir);
  EXPECT_EQ(child.session_dir, config.session_dir);
  EXPECT_FALSE(child.session_is_fresh);
  EXPECT_EQ(config.session_owner, getpid());
  EXPECT_EQ(child.session_owner, getpid());

  inherited[kSessionVariable] = "another";
  EXPECT_EQ(load(inherited).session_owner, 0) << "the owner is the other session's";
}

TEST_F(ConfigTest, ASessionFolderThatOthersMayWriteToIsNotUsed) {
  std::filesystem::create_directories(folder_.path("recshim"));
  std::filesystem::permissions(folder_.path("recshim"), std::filesystem::perms::all);
  EXPECT_THAT(load({}).errors, ElementsAre(HasSubstr("can be written to by other users")));
}

TEST_F(ConfigTest, AJournalThatCannotBeWrittenIsAnErrorAndNoneIsMade) {
  const auto problem = [&](const std::string& path, Variables more = {}) {
    more[kJournalVariable] = path;
    const Config config = load(std::move(more));
    return config.errors.empty() ? std::string() : config.errors.front();
  };
  EXPECT_EQ(problem("new.jsonl"), "");
  EXPECT_FALSE(std::filesystem::exists(folder_.path("new.jsonl")));
  folder_.write("file", "");
  EXPECT_EQ(problem("file"), "");
  EXPECT_EQ(problem("/dev/null"), "");
  EXPECT_EQ(problem("none/j"), "RECSHIM_JOURNAL: cannot write " + folder_.path("none/j") +
                                   ": there is no folder " + folder_.path("none") +
                                   "; make it, or name another file");
  EXPECT_THAT(problem("file/j"), HasSubstr("there is no folder " + folder_.path("file")));
  EXPECT_THAT(problem("."), AllOf(HasSubstr("RECSHIM_JOURNAL: "), HasSubstr("is a folder")));
  // By the rights that a write will have.
  std::filesystem::create_directory(folder_.path("locked"));
  using std::filesystem::perms;
  const perms search = perms::owner_exec | perms::group_exec | perms::others_exec;
  std::filesystem::permissions(folder_.path("locked"), search);
  std::filesystem::permissions(folder_.path("file"), perms::owner_read);
  std::filesystem::permissions(folder_.path(), search, std::filesystem::perm_options::add);
  const uid_t user = geteuid();
  const uid_t nobody = 65534;
  ASSERT_EQ(seteuid(user == 0 ? nobody : user), 0);
  EXPECT_THAT(problem("locked/j"),
              HasSubstr("cannot write " + folder_.path("locked") + ": Permission denied"));
  EXPECT_THAT(problem("file"), HasSubstr("cannot write " + folder_.path("file")));
  ASSERT_EQ(seteuid(user), 0);
  EXPECT_EQ(problem("none/j", {{kSessionVariable, "s"}, {kSessionOwnerVariable, "s:1"}}), "")
      << "another process of the session has seen to it";
  EXPECT_NE(problem("none/j", {{kSessionVariable, "s"}}), "") << "a session that a user named";
}

TEST_F(ConfigTest, AFileIsNoFolderOfRecordings) {
  folder_.write("file", "");
  EXPECT_THAT(load({{kDirVariable, "file"}}).errors,
              ElementsAre("RECSHIM_DIR: " + folder_.path("file") +
                          " is a file; name the folder of recordings"));
  EXPECT_THAT(load_file(R"({"dir": "file"})").errors,
              ElementsAre(HasSubstr("recshim.json: /dir: ")));
}

TEST_F(ConfigTest, WithoutAWorkingDirectoryPathsAreAbsolute) {
  const auto load_nowhere = [&](Variables variables) {
    variables["XDG_RUNTIME_DIR"] = folder_.path();
    return load_config(posix_env(), environment_of(variables), "");
  };
  EXPECT_THAT(load_nowhere({}).errors,
              ElementsAre(AllOf(HasSubstr("RECSHIM_DIR: recordings is relative"),
                                HasSubstr("absolute path"))));
  const Config named = load_nowhere({{kDirVariable, folder_.path("tapes")}});
  EXPECT_THAT(named.errors, IsEmpty());
  EXPECT_EQ(named.dir, folder_.path("tapes"));
  EXPECT_EQ(named.config_path, "") << "there is nowhere to search";
  EXPECT_THAT(load_nowhere({{kDirVariable, folder_.path("tapes")},
                            {kConfigVariable, "a.json"},
                            {kLogVariable, "log"},
                            {kJournalVariable, "j"}})
                  .errors,
              ElementsAre(HasSubstr("RECSHIM_CONFIG: a.json is"), HasSubstr("RECSHIM_LOG: log is"),
                          HasSubstr("RECSHIM_JOURNAL: j is")));
}

TEST(Variables, AreAllInTheTable) {
  std::vector<std::string> names;
  for (const Variable& variable : variables()) names.emplace_back(variable.name);
  for (const char* name : {kModeVariable, kDirVariable, kHostsVariable, kConfigVariable,
                           kConnectToVariable, kTestIdVariable, kSessionVariable, kOnMissVariable,
                           kPaceVariable, kLogVariable, kLogLevelVariable, kJournalVariable}) {
    EXPECT_THAT(names, Contains(name));
  }
}

}  // namespace
}  // namespace recshim::control
