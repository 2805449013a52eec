// The rules, one function for each kind of TLS.
#include "tools/recshim/doctor/verdict.h"

#include <fmt/format.h>

namespace recshim::tools {
namespace {

constexpr const char* kNothingToTrust =
    "nothing to arrange: it talks to the real server while recording, and in replay its TLS "
    "functions are answered without a handshake";
constexpr const char* kByBundle =
    "the CA bundle it opens is given to it with the session's CA added";
constexpr const char* kByNodeVariable = "NODE_EXTRA_CA_CERTS is set to the session's CA";
constexpr const char* kByNssDatabase =
    "an NSS database of the session, which holds the session's CA, is opened beside its own";
constexpr const char* kByCertFile =
    "SSL_CERT_FILE is set to the system's CA bundle with the session's CA added";

std::string linkage_text(const ProgramFacts& facts) {
  switch (facts.linkage) {
    case Linkage::kDynamicGlibc:
      return "dynamically, to glibc";
    case Linkage::kDynamicMusl:
      return "dynamically, to musl";
    case Linkage::kDynamicOther:
      return fmt::format("dynamically, to another C library ({})", facts.loader);
    case Linkage::kStatic:
      return "statically";
    case Linkage::kStaticPie:
      return "statically (static-pie)";
    case Linkage::kGoStatic:
      return "statically, by Go";
    case Linkage::kGoCgo:
      return "by Go with cgo, whose network code makes system calls of its own";
    case Linkage::kForeign:
      return fmt::format("for another machine ({})", facts.machine);
    case Linkage::kNotElf:
      return "not: it is neither a program nor a script with a #! line";
    case Linkage::kUnreadable:
      return "unknown: the file can't be read";
  }
  return "";
}

// The door of the program's connections, before TLS is looked at.
Door way_in(const ProgramFacts& facts) {
  if (facts.is_privileged || facts.is_cut_off) return kNoDoor;
  switch (facts.linkage) {
    case Linkage::kDynamicGlibc:
      return kInProcess;
    case Linkage::kDynamicMusl:
    case Linkage::kStatic:
    case Linkage::kStaticPie:
    case Linkage::kGoStatic:
    case Linkage::kGoCgo:
      return kSupervisor;
    default:
      return kNoDoor;
  }
}

// The TLS of a program that is only reached from outside, or one that ends in the gateway.
// usual_trust: how such a program is made to trust the session's CA.
TlsVerdict through_gateway(const TlsSign& sign, Door door, const char* usual_trust) {
  if (sign.reads_node_variable) return {door, kByNodeVariable, ""};
  if (sign.reads_nss_database && door == kGateway) return {door, kByNssDatabase, ""};
  if (sign.has_own_roots && !sign.reads_system_roots) {
    return {kNoDoor, "none: it trusts only the CAs that were compiled into it",
            "build it to use the system's CAs (for rustls: the features native-roots or "
            "platform-verifier instead of webpki-roots), or give it the session's CA by an option "
            "of its own"};
  }
  TlsVerdict verdict{door, usual_trust, ""};
  if (sign.has_own_roots) {
    verdict.advice =
        "it carries a list of CAs of its own too: it has to be told to use the system's where "
        "that is not its habit";
  }
  return verdict;
}

TlsVerdict inside(const TlsSign& sign) {
  switch (sign.kind) {
    case TlsKind::kOpenSsl3:
    case TlsKind::kGnuTls:
      return {kInProcess, kNothingToTrust, ""};
    case TlsKind::kOpenSsl11:
      return {kInProcess, kNothingToTrust, "OpenSSL 1.1 is provided for and not tested"};
    case TlsKind::kOpenSslOld:
      return {kNoDoor, "none", "use a build with OpenSSL 1.1 or 3"};
    case TlsKind::kNss:
      return {kGateway, kByNssDatabase, "of the programs with NSS only Chromium is tested"};
    case TlsKind::kGoTls:
      // Go inside a C program makes its own system calls.
      return {kSupervisor, kByCertFile, ""};
    case TlsKind::kJsse:
      if (!sign.reads_system_roots) {
        return {kNoDoor, "none: the file lib/security/cacerts is missing from this Java",
                "install it (Debian: ca-certificates-java)"};
      }
      return {kGateway, "cacerts is given to it with the session's CA added", ""};
    case TlsKind::kOtherLibrary:
    case TlsKind::kStaticOpenSsl:
    case TlsKind::kStaticBoringSsl:
    case TlsKind::kRustls:
      return through_gateway(sign, kGateway, kByBundle);
  }
  return {};
}

void explain_no_way_in(const ProgramFacts& facts, Verdict& verdict) {
  if (facts.is_cut_off) {
    verdict.problems.emplace_back("the file is cut off: parts that are to be loaded are not there");
    verdict.advice.emplace_back("build or install it again");
    return;
  }
  if (facts.is_privileged) {
    verdict.problems.emplace_back(
        "it is set-uid, set-gid or has file capabilities: the loader ignores LD_PRELOAD there");
    verdict.advice.emplace_back(
        "run it as the user it changes to, or test a copy without the set-uid bit");
    return;
  }
  switch (facts.linkage) {
    case Linkage::kDynamicOther:
      verdict.problems.emplace_back(
          "librecshim.so needs glibc, and this program has another C library");
      verdict.advice.emplace_back("link it statically, or build it for glibc");
      break;
    case Linkage::kForeign:
      verdict.problems.push_back(fmt::format(
          "librecshim.so is for another machine than this program ({})", facts.machine));
      verdict.advice.emplace_back("build recshim for that machine, or the program for this one");
      break;
    case Linkage::kNotElf:
      verdict.problems.emplace_back(
          "it is neither an ELF program nor a script that names its interpreter");
      verdict.advice.emplace_back("start a script with #!, such as #!/bin/sh");
      break;
    case Linkage::kUnreadable:
      verdict.problems.emplace_back("the file can't be read, so nothing is known of it");
      verdict.advice.emplace_back("run recshim doctor as a user who may read it");
      break;
    default:
      break;
  }
}

}  // namespace

const char* door_text(Door door) {
  switch (door) {
    case kInProcess:
      return "1, in the program (librecshim.so)";
    case kGateway:
      return "2, the gateway";
    case kSupervisor:
      return "3, the supervisor of recshim run";
    case kNoDoor:
      return "none";
  }
  return "";
}

Verdict judge(const ProgramFacts& facts) {
  Verdict verdict;
  verdict.linkage = linkage_text(facts);
  verdict.door = way_in(facts);
  verdict.served = verdict.door != kNoDoor;
  if (!verdict.served) explain_no_way_in(facts, verdict);
  if (verdict.served) verdict.doors.insert(verdict.door);
  for (const TlsUse& use : facts.tls) {
    TlsVerdict tls;
    if (verdict.door == kInProcess) tls = inside(use.sign);
    if (verdict.door == kSupervisor) tls = through_gateway(use.sign, kSupervisor, kByCertFile);
    if (verdict.served && tls.door == kNoDoor) {
      verdict.problems.push_back(fmt::format("its TLS, {}, is not served", use.sign.name));
    }
    if (tls.door != kNoDoor) verdict.doors.insert(tls.door);
    verdict.tls.push_back(std::move(tls));
  }
  // The supervisor redirects connections to the gateway.
  if (verdict.doors.contains(kSupervisor)) verdict.doors.insert(kGateway);
  for (const TlsVerdict& tls : verdict.tls) verdict.served = verdict.served && tls.door != kNoDoor;
  for (const std::string& name : facts.not_found) {
    verdict.problems.push_back(fmt::format("the library {} was not found", name));
  }
  return verdict;
}

void judge_loss(const Loss& loss, Verdict& verdict) {
  if (verdict.door == kInProcess && loss.library) {
    verdict.served = false;
    verdict.problems.emplace_back("it is started without LD_PRELOAD, so the library is not in it");
  } else if (verdict.door == kSupervisor && loss.variables) {
    verdict.served = false;
    verdict.problems.emplace_back(
        "it is started without the RECSHIM_ variables, so the supervisor does not get it");
  } else if (verdict.door == kSupervisor && loss.user) {
    verdict.served = false;
    verdict.problems.emplace_back(
        "it is started as another user, who may not talk to the supervisor");
    verdict.advice.emplace_back(
        "start it with recshim run --supervise=always: it is supervised before it changes its user "
        "then, though what it trusts must be arranged by hand");
    return;
  } else {
    return;
  }
  verdict.advice.emplace_back(
      "let what starts it keep LD_PRELOAD and the RECSHIM_ variables; recshim run --sealed stops "
      "what lost the library instead of letting it out");
}

}  // namespace recshim::tools
