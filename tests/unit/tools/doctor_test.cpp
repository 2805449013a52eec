// The parts of `recshim doctor`: following a command, reading scripts, signs of TLS, rules.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/unit/tools/cli.h"
#include "tools/recshim/doctor/command_chain.h"
#include "tools/recshim/doctor/interpreters.h"
#include "tools/recshim/doctor/system_probe.h"
#include "tools/recshim/doctor/trace.h"
#include "tools/recshim/doctor/verdict.h"

namespace recshim::tools {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

const std::string kPath = "/usr/local/bin:/usr/bin:/bin";

Variables variables(std::map<std::string, std::string> values) {
  values.emplace("PATH", kPath);
  return [values](const std::string& name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

class Doctor : public testing::Test {
 protected:
  std::string write_program(const std::string& name, const std::string& content) {
    const std::string path = cli_.path(name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    chmod(path.c_str(), 0755);
    return path;
  }
  std::vector<std::string> paths(const std::vector<std::string>& words,
                                 std::map<std::string, std::string> values = {}) {
    const Result<CommandChain> chain = follow_command(words, variables(std::move(values)));
    std::vector<std::string> list;
    if (!chain) return {chain.error().message};
    for (const ChainStep& step : chain->steps) list.push_back(step.path);
    return list;
  }
  Cli cli_;
  const LibrarySearch search_{""};
};

TEST(ScriptWords, CommandsStandAfterSeparatorsAndKeywords) {
  const auto commands = [](const std::string& text) {
    return commands_in_script(text, variables({{"HOME", "/home/me"}}));
  };
  EXPECT_THAT(commands("#!/bin/sh\n# curl\ncurl -s x | jq . && wget y; git pull\n"),
              ElementsAre("curl", "jq", "wget", "git"));
  EXPECT_THAT(commands("if curl x; then wget y; else ! git; fi"),
              IsSupersetOf({"curl", "wget", "git"}));
  EXPECT_THAT(commands("x=$(curl a) y=`wget b`"), IsSupersetOf({"curl", "wget"}));
  EXPECT_THAT(commands("LIB=/usr/lib/app\nNAME=\"app\"\nexec \"$LIB/${NAME}\" \"$@\""),
              ElementsAre("/usr/lib/app/app"));
  EXPECT_THAT(commands("${TOOL:-curl} x\n$HOME/bin/t\n\"$UNKNOWN/t\""),
              ElementsAre("curl", "/home/me/bin/t"));
  EXPECT_THAT(commands("exec env A=b curl >out 2>&1 'a;b'"), ElementsAre("curl"));
  EXPECT_THAT(commands("curl \\\n  --data \"x; wget\" \\\n  url"), ElementsAre("curl"));
}

TEST(ScriptWords, AnyTextEnds) {
  for (const std::string text :
       {"'", "\"", "$", "${", "${x", "\\", "`", "$(", "<", "a=$(", "\"$(`"}) {
    (void)commands_in_script(text, variables({}));
    (void)commands_in_script("curl " + text, variables({}));
  }
}

TEST_F(Doctor, FollowsInterpretersAndPrefixes) {
  const std::string script = write_program("a.sh", "#!/bin/sh -e\nexit 0\n");
  EXPECT_THAT(paths({script}), ElementsAre(script, "/bin/sh"));
  const std::string by_env = write_program("b", "#!/usr/bin/env -S A=b sh -e\n");
  EXPECT_THAT(paths({by_env}), ElementsAre(by_env, EndsWith("/env"), EndsWith("/sh")));
  EXPECT_THAT(paths({"env", "-u", "A", "B=c", "timeout", "-k", "1", "5", script}),
              ElementsAre(EndsWith("/env"), EndsWith("/timeout"), script, "/bin/sh"));
  EXPECT_THAT(paths({"sh", "-c", script + " && nice true"}),
              IsSupersetOf({script, std::string("/usr/bin/true")}));
  EXPECT_THAT(paths({"no-such-command"})[0], HasSubstr("command not found"));
}

TEST_F(Doctor, LoopsEnd) {
  const std::string path = cli_.path("loop");
  EXPECT_THAT(paths({write_program("loop", "#!" + path + "\n")}),
              ElementsAre(HasSubstr("Too many levels")));
  const std::string first = cli_.path("first");
  const std::string second = write_program("second", "#!/usr/bin/env " + first + "\n");
  EXPECT_THAT(paths({write_program("first", "#!" + second + "\n")}),
              ElementsAre(HasSubstr("Too many levels")));
  const std::string a = cli_.path("a");
  const std::string b = write_program("b", "#!/bin/sh\n" + a + "\n");
  EXPECT_THAT(paths({write_program("a", "#!/bin/sh\n" + b + "\n")}), IsSupersetOf({a, b}));
}

TEST_F(Doctor, WhatCannotBeExecutedIsNotServed) {
  const std::string text = write_program("text", "#!/bin/sh\n");
  chmod(text.c_str(), 0644);
  EXPECT_THAT(paths({text}), ElementsAre(HasSubstr("text: Permission denied")));
  EXPECT_THAT(paths({cli_.path(".")}), ElementsAre(HasSubstr("Permission denied")));
  const std::string pipe = cli_.path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0755), 0);
  EXPECT_THAT(paths({pipe}), ElementsAre(HasSubstr("Permission denied")));
  EXPECT_THAT(paths({"sh", pipe}), ElementsAre(EndsWith("/sh"), pipe)) << "and nobody waits";
  EXPECT_FALSE(inspect_file(pipe).is_elf);
}

TEST_F(Doctor, KnowsWhatAPrefixTakesAway) {
  const std::string user = std::to_string(geteuid());
  const std::string other = std::to_string(geteuid() + 1);
  const Loss cleared{true, true, false};
  const Loss no_library{true, false, false};
  const Loss another{false, false, true};
  const std::vector<std::pair<std::vector<std::string>, Loss>> cases = {
      {{"env", "A=b", "-C", "-i"}, {}},
      {{"env", "-u", "HOME", "--unset", "A", "--unset=B"}, {}},
      {{"env", "-i"}, cleared},
      {{"env", "-"}, cleared},
      {{"env", "-iv", "A=b"}, cleared},
      {{"env", "--ignore-environment", "A=-i"}, cleared},
      {{"nice", "--adjustment", "3", "env", "-i", "timeout", "-s", "INT", "5"}, cleared},
      {{"env", "-i", "LD_PRELOAD=/x/librecshim.so"}, {false, true, false}},
      {{"env", "-u", "LD_PRELOAD"}, no_library},
      {{"env", "-uLD_PRELOAD"}, no_library},
      {{"env", "--unset=LD_PRELOAD"}, no_library},
      {{"env", "LD_PRELOAD="}, no_library},
      {{"setpriv", "--reuid", other, "--clear-groups"}, another},
      {{"setpriv", "--clear-groups", "--reuid=" + other, "--regid", "0"}, another},
      {{"setpriv", "--reuid", user, "--groups", other, "--no-new-privs"}, {}},
      {{"setpriv", "--reset-env", "--ruid", other}, {true, true, true}},
  };
  for (const auto& [prefix, loss] : cases) {
    std::vector<std::string> words = prefix;
    words.emplace_back("true");
    const auto chain = follow_command(words, variables({}));
    ASSERT_TRUE(chain.ok()) << chain.error().message;
    EXPECT_THAT(chain->steps.back().path, EndsWith("/true"));
    EXPECT_EQ(chain->steps.back().loss, loss) << testing::PrintToString(prefix);
    EXPECT_EQ(chain->steps.front().loss, Loss{});
  }
  const auto chain = follow_command({"env", "-i", "sh", "-c", "true"}, variables({}));
  ASSERT_TRUE(chain.ok());
  EXPECT_EQ(chain->steps.back().loss, cleared) << "what a shell starts has lost it too";
}

TEST_F(Doctor, FollowsAShim) {
  const std::string shim =
      write_program("pyenv/shims/python3",
                    "#!/bin/sh\nprogram=python3\nexec \"/x/pyenv\" exec \"$program\" \"$@\"\n");
  const std::string real = write_program("pyenv/versions/3.9/bin/python3", "x");
  write_program("pyenv/versions/3.8/bin/python3", "x");
  write_program("pyenv/version", "3.9\n");
  EXPECT_THAT(paths({shim}), ElementsAre(shim, real));
  EXPECT_THAT(paths({shim}, {{"PYENV_VERSION", "3.8"}}), Contains(EndsWith("3.8/bin/python3")));
}

TEST_F(Doctor, FindsTheJavaThatAWrapperLooksFor) {
  const std::string java = write_program("jdk/bin/java", "x");
  const std::string mvn = write_program("mvn", "#!/bin/sh\nexec \"$JAVACMD\" x\n");
  EXPECT_THAT(paths({mvn}, {{"JAVA_HOME", cli_.path("jdk")}}), Contains(java));
}

TEST_F(Doctor, LinkageAndLibraries) {
  EXPECT_EQ(look_at_program(STATIC_PROGRAM, search_).linkage, Linkage::kStatic);
  EXPECT_EQ(look_at_program(STATIC_PIE_PROGRAM, search_).linkage, Linkage::kStaticPie);
  EXPECT_EQ(look_at_program(write_program("text", "hello"), search_).linkage, Linkage::kNotElf);
  std::string elf = read_text(STATIC_PROGRAM).substr(0, 64);
  elf[18] = static_cast<char>(183);  // e_machine
  const ProgramFacts foreign = look_at_program(write_program("arm", elf), search_);
  EXPECT_EQ(foreign.linkage, Linkage::kForeign);
  EXPECT_EQ(foreign.machine, "AArch64");
  EXPECT_FALSE(judge(foreign).served);

  const ProgramFacts tls = look_at_program(OPENSSL_PROGRAM, search_);
  EXPECT_EQ(tls.linkage, Linkage::kDynamicGlibc);
  ASSERT_EQ(tls.tls.size(), 1u);
  EXPECT_EQ(tls.tls[0].sign.kind, TlsKind::kOpenSsl3);
  EXPECT_THAT(tls.tls[0].file, HasSubstr("/libssl.so.3"));
}

// A dynamic program with the marks that a static implementation leaves.
TEST_F(Doctor, SignsOfStaticTls) {
  const auto kinds = [&](const char* program) {
    std::vector<TlsKind> list;
    for (const TlsUse& use : look_at_program(program, search_).tls) list.push_back(use.sign.kind);
    return list;
  };
  EXPECT_THAT(kinds(STATIC_OPENSSL_PROGRAM), ElementsAre(TlsKind::kStaticOpenSsl));
  EXPECT_THAT(kinds(BORINGSSL_MARKS), ElementsAre(TlsKind::kStaticBoringSsl));
  EXPECT_THAT(kinds(RUSTLS_MARKS), ElementsAre(TlsKind::kRustls));
  EXPECT_THAT(kinds(GO_MARKS), ElementsAre(TlsKind::kGoTls));
  EXPECT_EQ(look_at_program(GO_MARKS, search_).linkage, Linkage::kGoCgo);
  const TlsSign rustls = look_at_program(RUSTLS_MARKS, search_).tls[0].sign;
  EXPECT_EQ(rustls.name, "rustls 0.23.20 with ring");
  EXPECT_TRUE(rustls.has_own_roots);
}

// Any prefix and any damaged header of a program: an answer, no crash.
TEST_F(Doctor, DamagedFilesAreSurvived) {
  const std::string good = read_text(RUSTLS_MARKS);
  for (size_t length = 0; length < good.size(); length += good.size() / 50 + 1) {
    (void)look_at_program(write_program("cut", good.substr(0, length)), search_);
  }
  for (size_t at = 0; at < 128; ++at) {
    std::string damaged = good;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    (void)look_at_program(write_program("damaged", damaged), search_);
  }
}

TEST_F(Doctor, AProgramThatIsCutOffIsNotServed) {
  const std::string good = read_text(STATIC_PROGRAM);
  EXPECT_TRUE(judge(look_at_program(STATIC_PROGRAM, search_)).served);
  for (const size_t size : {size_t{100}, size_t{3000}, good.size() / 2}) {
    const Verdict verdict =
        judge(look_at_program(write_program("cut", good.substr(0, size)), search_));
    EXPECT_FALSE(verdict.served);
    EXPECT_THAT(verdict.problems, Contains(HasSubstr("cut off"))) << size;
  }
}

TEST_F(Doctor, NamesOfLibraries) {
  EXPECT_EQ(tls_of_library("libssl.so.1.1")->kind, TlsKind::kOpenSsl11);
  EXPECT_EQ(tls_of_library("libssl.so.1.0.2")->kind, TlsKind::kOpenSslOld);
  EXPECT_EQ(tls_of_library("/w/libssl-1a2b.so.3")->kind, TlsKind::kOpenSsl3);
  EXPECT_EQ(tls_of_library("libssl3.so")->kind, TlsKind::kNss);
  EXPECT_EQ(tls_of_library("libgnutls.so.30")->kind, TlsKind::kGnuTls);
  EXPECT_EQ(tls_of_library("libmbedtls.so.14")->kind, TlsKind::kOtherLibrary);
  EXPECT_FALSE(tls_of_library("libcrypto.so.3").has_value());
}

TEST_F(Doctor, AVirtualEnvironmentHasTheModulesOfItsHome) {
  const std::string module = write_program("py/lib/python3.9/lib-dynload/_ssl.cpython-39.so", "x");
  const std::string real = write_program("py/bin/python3.9", "x");
  write_program("venv/pyvenv.cfg", "home = " + cli_.path("py/bin") + "\n");
  const auto modules = modules_of(cli_.path("venv/bin/python"), real);
  ASSERT_EQ(modules.size(), 1u);
  EXPECT_EQ(modules[0].path, module);
  EXPECT_EQ(modules[0].when, "import ssl");
}

ProgramFacts facts(Linkage linkage, TlsSign sign) {
  ProgramFacts facts;
  facts.linkage = linkage;
  facts.tls.push_back({std::move(sign), "/bin/x", ""});
  return facts;
}

TEST(Verdict, EachTlsHasItsDoor) {
  struct Case {
    Linkage linkage;
    TlsSign sign;
    Door door;
    const char* trust;
  };
  const std::vector<Case> cases = {
      {Linkage::kDynamicGlibc, {TlsKind::kOpenSsl3, ""}, kInProcess, "nothing"},
      {Linkage::kDynamicGlibc, {TlsKind::kGnuTls, ""}, kInProcess, "nothing"},
      {Linkage::kDynamicGlibc, {TlsKind::kNss, ""}, kGateway, "NSS"},
      {Linkage::kDynamicGlibc, {TlsKind::kJsse, "", false, true}, kGateway, "cacerts"},
      {Linkage::kDynamicGlibc, {TlsKind::kJsse, "", false, false}, kNoDoor, "cacerts"},
      {Linkage::kDynamicGlibc,
       {TlsKind::kStaticOpenSsl, "", true, true, true},
       kGateway,
       "NODE_EXTRA_CA_CERTS"},
      {Linkage::kDynamicGlibc, {TlsKind::kRustls, "", false, true}, kGateway, "bundle"},
      {Linkage::kDynamicGlibc, {TlsKind::kRustls, "", true, false}, kNoDoor, "compiled into"},
      {Linkage::kGoStatic, {TlsKind::kGoTls, ""}, kSupervisor, "SSL_CERT_FILE"},
      {Linkage::kGoCgo, {TlsKind::kGoTls, ""}, kSupervisor, "SSL_CERT_FILE"},
      {Linkage::kDynamicMusl, {TlsKind::kOpenSsl3, ""}, kSupervisor, "SSL_CERT_FILE"},
      {Linkage::kForeign, {TlsKind::kOpenSsl3, ""}, kNoDoor, ""},
  };
  for (const Case& c : cases) {
    const Verdict verdict = judge(facts(c.linkage, c.sign));
    EXPECT_EQ(verdict.tls[0].door, c.door) << c.trust;
    EXPECT_THAT(verdict.tls[0].trust, HasSubstr(c.trust));
    EXPECT_EQ(verdict.served, c.door != kNoDoor);
    EXPECT_EQ(verdict.problems.empty(), verdict.served);
    EXPECT_EQ(verdict.doors.contains(kGateway), c.door >= kGateway);
  }
}

TEST(Verdict, ASetUidProgramIsNotServed) {
  ProgramFacts program = facts(Linkage::kDynamicGlibc, {TlsKind::kOpenSsl3, ""});
  program.is_privileged = true;
  const Verdict verdict = judge(program);
  EXPECT_FALSE(verdict.served);
  EXPECT_THAT(verdict.problems, Contains(HasSubstr("set-uid")));
  EXPECT_THAT(verdict.advice, Not(IsEmpty()));
}

TEST(Verdict, WhatALossMeansDependsOnTheDoor) {
  const auto served = [](Linkage linkage, const Loss& loss) {
    ProgramFacts program;
    program.linkage = linkage;
    Verdict verdict = judge(program);
    judge_loss(loss, verdict);
    EXPECT_EQ(verdict.served, verdict.problems.empty());
    EXPECT_EQ(verdict.served, verdict.advice.empty());
    return verdict.served;
  };
  for (const Linkage linkage : {Linkage::kStatic, Linkage::kGoCgo, Linkage::kDynamicMusl}) {
    EXPECT_TRUE(served(linkage, {}));
    EXPECT_TRUE(served(linkage, {true, false, false}));
    EXPECT_FALSE(served(linkage, {true, true, false}));
    EXPECT_FALSE(served(linkage, {false, false, true}));
  }
  EXPECT_TRUE(served(Linkage::kDynamicGlibc, {}));
  EXPECT_FALSE(served(Linkage::kDynamicGlibc, {true, false, false}));
  EXPECT_TRUE(served(Linkage::kDynamicGlibc, {false, true, true}));
}

TEST(Probe, RunsAndBoundsAProgram) {
  const ProbeRun run = run_probe({"sh", "-c", "echo $A; echo b >&2; exit 3"}, {{"A", "a"}}, 5000);
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_EQ(run.output, "a\nb\n");
  EXPECT_EQ(run_probe({"sleep", "60"}, {}, 100).exit_code, 128 + 9);
  EXPECT_EQ(run_probe({"/no/such/program"}, {}, 100).exit_code, -1);
}

TEST(Probe, SupervisionIsTriedToItsEnd) {
  const std::vector<Check> checks = probe_supervision();
  ASSERT_EQ(checks.size(), 2u);
  for (const Check& check : checks) {
    EXPECT_EQ(check.state == Check::State::kOk, check.advice.empty()) << check.detail;
    EXPECT_THAT(check.detail, Not(IsEmpty()));
  }
}

TEST(TraceCommand, SeesEveryProgramAndTheStatus) {
  const auto trace =
      trace_command({"sh", "-c", "env -i /usr/bin/env >/dev/null; true; exit 5"},
                    {{"LD_PRELOAD", EMPTY_LIBRARY}, {"RECSHIM_X", "x"}}, "empty_library");
  if (!trace) GTEST_SKIP() << trace.error().message;
  EXPECT_EQ(trace->exit_code, 5);
  ASSERT_EQ(trace->programs.size(), 2u);
  EXPECT_EQ(trace->programs[0].times_without_preload, 0);
  EXPECT_THAT(trace->programs[0].mapped, Contains(HasSubstr("empty_library")));
  EXPECT_THAT(trace->programs[1].path, EndsWith("/env"));
  EXPECT_EQ(trace->programs[1].times, 2);
  EXPECT_EQ(trace->programs[1].times_without_preload, 1);
  EXPECT_EQ(trace->programs[0].times_without_variables, 0);
  EXPECT_EQ(trace->programs[1].times_without_variables, 1);
  EXPECT_EQ(trace->programs[1].times_as_other_user, 0);
}

TEST(TraceCommand, SignalsReachTheProgramAndStaticOnesAreSeen) {
  auto trace = trace_command({"sh", "-c", "trap 'exit 7' TERM; kill -TERM $$; sleep 5"}, {}, "x");
  if (!trace) GTEST_SKIP() << trace.error().message;
  EXPECT_EQ(trace->exit_code, 7);
  trace = trace_command({"sh", "-c", "'" STATIC_PROGRAM "'; kill -KILL $$"}, {}, "x");
  EXPECT_EQ(trace->exit_code, 128 + 9);
  EXPECT_EQ(trace->programs.back().path, STATIC_PROGRAM);
  EXPECT_FALSE(trace_command({"/no/such/program"}, {}, "x").ok());
}

TEST(TraceCommand, WhatOutlivesTheCommandIsLetGo) {
  const Cli cli;
  const std::string script =
      "(sleep 1; echo x >'" + cli.path("later") + "') >/dev/null 2>&1 & exit 0";
  const auto trace = trace_command({"sh", "-c", script}, {}, "x");
  if (!trace) GTEST_SKIP() << trace.error().message;
  EXPECT_FALSE(std::filesystem::exists(cli.path("later"))) << "it was not waited for";
  for (int i = 0; i < 100 && !std::filesystem::exists(cli.path("later")); ++i) usleep(50'000);
  EXPECT_TRUE(std::filesystem::exists(cli.path("later")));
}

TEST_F(Doctor, TheCommandAnswersInBothForms) {
  Cli::Output output = cli_.run("doctor -- '" OPENSSL_PROGRAM "'");
  EXPECT_EQ(output.exit_code, 0) << output.out << output.err;
  EXPECT_THAT(output.out, HasSubstr("OpenSSL 3, "));
  EXPECT_THAT(output.out, HasSubstr("1, in the program"));
  EXPECT_THAT(output.out, HasSubstr("recshim run -- "));
  output = cli_.run("doctor -- sh -c \"echo 'a b'\"");
  EXPECT_THAT(output.out, HasSubstr(R"(recshim run -- sh -c 'echo '\''a b'\''')")) << output.err;
  output = cli_.run("doctor --json -- '" OPENSSL_PROGRAM "'");
  EXPECT_THAT(output.out, HasSubstr("\"kind\": \"openssl-3\""));
  EXPECT_THAT(output.out, HasSubstr("\"ok\": true"));
}

TEST_F(Doctor, ARunTellsOfWhatTheSupervisorServes) {
  if (const auto trace = trace_command({"true"}, {}, "x"); !trace) {
    GTEST_SKIP() << trace.error().message;
  }
  Cli::Output output = cli_.run("doctor --run -- sh -c '" STATIC_PROGRAM "; true'");
  EXPECT_THAT(output.out, HasSubstr(STATIC_PROGRAM));
  EXPECT_THAT(output.out, HasSubstr("3, the supervisor"));
  output = cli_.run("doctor --run -- sh -c 'env -i " STATIC_PROGRAM "; true'");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.out, HasSubstr("without the RECSHIM_ variables"));
  output = cli_.run("doctor -- env -i " STATIC_PROGRAM);
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_THAT(output.out, HasSubstr("without the RECSHIM_ variables"));
}

TEST_F(Doctor, AScriptIsToldWhyTheCommandCannotBeFollowed) {
  const Cli::Output output = cli_.run("doctor --json -- /no/such/command");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_EQ(output.err, "");
  const auto json = nlohmann::json::parse(output.out);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["problem"], "/no/such/command: No such file or directory");
  EXPECT_FALSE(json["system"].empty());
}

TEST_F(Doctor, ExitCodes) {
  EXPECT_EQ(cli_.run("doctor -- no-such-command").exit_code, 1);
  EXPECT_THAT(cli_.run("doctor 'no such --command'").err,
              HasSubstr("one by one: recshim doctor no such --command"));
  EXPECT_EQ(cli_.run("doctor --run").exit_code, 2);
  EXPECT_EQ(cli_.run("doctor --colour").exit_code, 2);
  const Cli::Output missing =
      cli_.run("doctor -- '" OPENSSL_PROGRAM "'", "RECSHIM_LIBRARY=/no/such.so");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.out, HasSubstr("/no/such.so"));
  const Cli::Output settings = cli_.run("doctor -- '" OPENSSL_PROGRAM "'", "RECSHIM_MODE=fly");
  EXPECT_EQ(settings.exit_code, 1);
  EXPECT_THAT(settings.out, HasSubstr("RECSHIM_MODE"));
}

}  // namespace
}  // namespace recshim::tools
