// The report for people and for scripts.
#include "tools/recshim/doctor/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tools/recshim/json_text.h"

namespace recshim::tools {
namespace {

using match::Json;

constexpr size_t kWidth = 96;

// text after a label, continued below itself where it is too long for a line.
std::string field(const std::string& label, const std::string& text) {
  constexpr size_t kIndent = 14;
  std::string out = fmt::format("  {:<12}", label);
  size_t column = kIndent;
  bool first = true;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (!first && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(kIndent, ' ');
      column = kIndent;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    first = false;
    at = end + 1;
  }
  return out + "\n";
}

// Words as they can be given to a shell again.
std::string shell_text(const std::vector<std::string>& words) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) text += c == '\'' ? R"('\'')" : std::string(1, c);
    text += '\'';
  }
  return text;
}

std::string tls_line(const TlsUse& use) {
  std::string text = use.sign.name;
  if (!use.file.empty()) text += fmt::format(", {}", use.file);
  if (!use.through.empty()) text += fmt::format(" (through {})", use.through);
  return text;
}

std::string program_text(const ProgramReport& program) {
  const Verdict& verdict = program.verdict;
  std::string out = fmt::format("{}  ({})\n", program.facts.path, program.why);
  if (program.facts.real_path != program.facts.path) out += field("file", program.facts.real_path);
  if (program.times != 0) {
    out += field("executed",
                 fmt::format("{} {}", program.times, program.times == 1 ? "time" : "times"));
  }
  out += field("linked", verdict.linkage);
  if (verdict.tls.empty() && verdict.door != kNoDoor) out += field("TLS", "none found");
  if (verdict.tls.empty()) out += field("door", door_text(verdict.door));
  for (size_t i = 0; i < verdict.tls.size(); ++i) {
    const TlsVerdict& tls = verdict.tls[i];
    out += field("TLS", tls_line(program.facts.tls[i]));
    // Said once where the next one is served alike.
    if (i + 1 < verdict.tls.size() && verdict.tls[i + 1] == tls) continue;
    out += field("  door", door_text(tls.door));
    if (verdict.door == kNoDoor) continue;
    out += field("  trust", tls.trust);
    if (!tls.advice.empty()) out += field(tls.door == kNoDoor ? "  to do" : "  note", tls.advice);
  }
  for (const std::string& problem : verdict.problems) out += field("problem", problem);
  for (const std::string& advice : verdict.advice) out += field("to do", advice);
  return out;
}

std::string system_text(const Report& report) {
  std::string out = "This system\n";
  for (const Check& check : report.system) {
    const bool unneeded = check.state == Check::State::kMissing && !report.matters(check);
    out += fmt::format("  {:<9}{:<17}{}{}\n", state_name(check.state), check.name, check.detail,
                       unneeded ? " (not needed here)" : "");
    if (!check.advice.empty()) out += fmt::format("{:28}-> {}\n", "", check.advice);
  }
  return out;
}

std::string verdict_line(const Report& report) {
  size_t unserved = 0;
  for (const ProgramReport& program : report.programs) unserved += program.verdict.served ? 0 : 1;
  size_t missing = 0;
  for (const Check& check : report.system) missing += report.matters(check) ? 1 : 0;
  if (unserved == 0 && missing == 0) {
    return report.programs.empty() ? "Nothing is missing.\n"
                                   : fmt::format("{}: served. Start it with recshim run -- {}\n",
                                                 report.command[0], shell_text(report.command));
  }
  std::string text = report.programs.empty() ? "" : report.command[0] + ": ";
  if (unserved != 0) {
    text +=
        fmt::format("{} of {} programs can't be served fully", unserved, report.programs.size());
  }
  if (missing != 0) {
    text += fmt::format("{}{} missing on this system", unserved == 0 ? "" : ", ",
                        missing == 1 ? "something is" : fmt::format("{} things are", missing));
  }
  return text + "; see \"to do\" and \"->\".\n";
}

Json doors_json(const std::set<Door>& doors) {
  Json list = Json::array();
  for (const Door door : doors) list.push_back(static_cast<int>(door));
  return list;
}

Json text_list(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list;
}

const char* kind_name(TlsKind kind) {
  switch (kind) {
    case TlsKind::kOpenSsl3:
      return "openssl-3";
    case TlsKind::kOpenSsl11:
      return "openssl-1.1";
    case TlsKind::kOpenSslOld:
      return "openssl-old";
    case TlsKind::kGnuTls:
      return "gnutls";
    case TlsKind::kNss:
      return "nss";
    case TlsKind::kOtherLibrary:
      return "other";
    case TlsKind::kStaticOpenSsl:
      return "openssl-static";
    case TlsKind::kStaticBoringSsl:
      return "boringssl-static";
    case TlsKind::kRustls:
      return "rustls";
    case TlsKind::kGoTls:
      return "go";
    case TlsKind::kJsse:
      return "jsse";
  }
  return "";
}

Json program_json(const ProgramReport& program) {
  Json tls = Json::array();
  for (size_t i = 0; i < program.verdict.tls.size(); ++i) {
    const TlsUse& use = program.facts.tls[i];
    const TlsVerdict& verdict = program.verdict.tls[i];
    tls.push_back({{"kind", kind_name(use.sign.kind)},
                   {"name", use.sign.name},
                   {"file", use.file},
                   {"through", use.through},
                   {"door", static_cast<int>(verdict.door)},
                   {"trust", verdict.trust},
                   {"advice", verdict.advice}});
  }
  Json json = {{"path", program.facts.path},
               {"real_path", program.facts.real_path},
               {"why", program.why},
               {"linkage", linkage_name(program.facts.linkage)},
               {"machine", program.facts.machine},
               {"privileged", program.facts.is_privileged},
               {"door", static_cast<int>(program.verdict.door)},
               {"served", program.verdict.served},
               {"tls", std::move(tls)},
               {"problems", text_list(program.verdict.problems)},
               {"advice", text_list(program.verdict.advice)}};
  if (program.times != 0) {
    json["executed"] = program.times;
    json["executed_without_library"] = program.times_without_library;
  }
  return json;
}

}  // namespace

bool Report::matters(const Check& check) const {
  if (check.state != Check::State::kMissing) return false;
  if (programs.empty()) return true;
  return std::any_of(programs.begin(), programs.end(), [&](const ProgramReport& program) {
    return std::any_of(program.verdict.doors.begin(), program.verdict.doors.end(),
                       [&](Door door) { return check.doors.contains(door); });
  });
}

bool Report::ok() const {
  const auto served = [](const ProgramReport& program) { return program.verdict.served; };
  return problem.empty() && std::all_of(programs.begin(), programs.end(), served) &&
         std::none_of(system.begin(), system.end(), [&](const Check& c) { return matters(c); });
}

std::string report_text(const Report& report) {
  std::string out;
  for (const ChainStep& script : report.scripts) {
    out += fmt::format("{}  ({}, a script)\n", script.path, script.why);
  }
  if (!report.scripts.empty()) out += "\n";
  for (const ProgramReport& program : report.programs) out += program_text(program) + "\n";
  if (report.was_run) {
    out += fmt::format("The command ended with status {}.\n\n", report.exit_code);
  } else if (report.may_start_more) {
    out +=
        "It may start programs that only show when it runs: recshim doctor --run -- CMD starts it\n"
        "for real, in mode live, and looks at each.\n\n";
  }
  return out + system_text(report) + "\n" + verdict_line(report);
}

std::string report_json(const Report& report) {
  Json scripts = Json::array();
  for (const ChainStep& script : report.scripts) {
    scripts.push_back({{"path", script.path}, {"why", script.why}});
  }
  Json programs = Json::array();
  for (const ProgramReport& program : report.programs) programs.push_back(program_json(program));
  Json system = Json::array();
  for (const Check& check : report.system) {
    system.push_back({{"name", check.name},
                      {"state", state_name(check.state)},
                      {"detail", check.detail},
                      {"advice", check.advice},
                      {"doors", doors_json(check.doors)},
                      {"matters", report.matters(check)}});
  }
  Json json = {{"version", 1},
               {"ok", report.ok()},
               {"command", text_list(report.command)},
               {"scripts", std::move(scripts)},
               {"programs", std::move(programs)},
               {"may_start_more", report.may_start_more},
               {"system", std::move(system)}};
  if (!report.problem.empty()) json["problem"] = report.problem;
  if (report.was_run) json["exit_code"] = report.exit_code;
  return pretty(json) + "\n";
}

}  // namespace recshim::tools
