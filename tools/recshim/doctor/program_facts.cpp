// Puts together what the headers, the needed libraries and the data of a program say.
#include "tools/recshim/doctor/program_facts.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

Linkage linkage_of(const std::string& path, const Program& program, const ElfImage& image) {
  if (access(path.c_str(), R_OK) != 0) return Linkage::kUnreadable;
  if (!image.is_elf) return Linkage::kNotElf;
  if (image.is_foreign) return Linkage::kForeign;
  if (is_go_program(path, image)) {
    return image.loader.empty() ? Linkage::kGoStatic : Linkage::kGoCgo;
  }
  if (!program.is_dynamic) {
    return image.is_position_independent ? Linkage::kStaticPie : Linkage::kStatic;
  }
  if (image.loader.find("ld-musl") != std::string::npos) return Linkage::kDynamicMusl;
  // ld-linux-x86-64.so.2, ld-linux-aarch64.so.1, ld64.so.2 …
  const std::string name = image.loader.substr(image.loader.rfind('/') + 1);
  return name.starts_with("ld-linux") || name.starts_with("ld64") || name.starts_with("ld.so")
             ? Linkage::kDynamicGlibc
             : Linkage::kDynamicOther;
}

// path with links followed, for comparison.
std::string canonical(const std::string& path) {
  std::error_code ignored;
  const std::string real = fs::canonical(path, ignored).string();
  return real.empty() ? path : real;
}

bool is_known(const ProgramFacts& facts, const std::string& file, const TlsSign& sign) {
  return std::any_of(facts.tls.begin(), facts.tls.end(), [&](const TlsUse& use) {
    return use.sign.kind == sign.kind && canonical(use.file) == canonical(file);
  });
}

void add_use(ProgramFacts& facts, TlsSign sign, const std::string& file,
             const std::string& through) {
  // libnss3 and libssl3 are two halves of one.
  const bool has_nss = sign.kind == TlsKind::kNss &&
                       std::any_of(facts.tls.begin(), facts.tls.end(), [](const TlsUse& use) {
                         return use.sign.kind == TlsKind::kNss;
                       });
  if (has_nss || is_known(facts, file, sign)) return;
  facts.tls.push_back({std::move(sign), file, through});
}

// Chromium and its like use NSS for its database of certificates only.
void drop_database_only(ProgramFacts& facts) {
  const auto is_kind = [](TlsKind kind) {
    return [kind](const TlsUse& use) { return use.sign.kind == kind; };
  };
  if (std::any_of(facts.tls.begin(), facts.tls.end(), is_kind(TlsKind::kStaticBoringSsl))) {
    std::erase_if(facts.tls, is_kind(TlsKind::kNss));
  }
}

void add_libraries(ProgramFacts& facts, const std::string& path, const ElfImage& image,
                   const LibrarySearch& search, const std::string& through, bool is_program) {
  for (const NeededLibrary& library : needed_libraries(path, image, search)) {
    const std::string file = library.path.empty() ? library.name : library.path;
    const std::string bringer = !through.empty() ? through : library.by;
    if (std::optional<TlsSign> sign = tls_of_library(library.name)) {
      add_use(facts, std::move(*sign), file, bringer);
    } else if (!library.path.empty() && !library.name.starts_with("libcrypto")) {
      // A library may have linked its TLS statically.
      for (TlsSign& inside : scan_for_tls(library.path, read_elf_image(library.path))) {
        add_use(facts, std::move(inside), file, bringer);
      }
    }
    if (is_program && library.path.empty()) facts.not_found.push_back(library.name);
  }
}

}  // namespace

const char* linkage_name(Linkage linkage) {
  switch (linkage) {
    case Linkage::kDynamicGlibc:
      return "dynamic-glibc";
    case Linkage::kDynamicMusl:
      return "dynamic-musl";
    case Linkage::kDynamicOther:
      return "dynamic-other";
    case Linkage::kStatic:
      return "static";
    case Linkage::kStaticPie:
      return "static-pie";
    case Linkage::kGoStatic:
      return "go-static";
    case Linkage::kGoCgo:
      return "go-cgo";
    case Linkage::kForeign:
      return "foreign";
    case Linkage::kNotElf:
      return "not-elf";
    case Linkage::kUnreadable:
      return "unreadable";
  }
  return "";
}

ProgramFacts look_at_program(const std::string& path, const LibrarySearch& search) {
  ProgramFacts facts;
  facts.path = path;
  facts.real_path = canonical(path);
  const ElfImage image = read_elf_image(path);
  const Program program = inspect_file(path);
  facts.linkage = linkage_of(path, program, image);
  facts.is_privileged = program.is_privileged;
  facts.is_cut_off = image.is_elf && !image.is_foreign && !image.is_loadable;
  facts.machine = image.machine;
  facts.loader = image.loader;
  if (!image.is_elf || image.is_foreign) return facts;
  for (TlsSign& sign : scan_for_tls(path, image)) {
    add_use(facts, std::move(sign), facts.real_path, "");
  }
  add_libraries(facts, facts.real_path, image, search, "", true);
  drop_database_only(facts);
  // Java's launcher brings none of its own; the classes do.
  const bool is_java =
      std::find(image.needed.begin(), image.needed.end(), "libjli.so") != image.needed.end();
  if (is_java && fs::path(facts.real_path).filename() == "java") {
    const fs::path home = fs::path(facts.real_path).parent_path().parent_path();
    std::string store;
    std::error_code ignored;
    for (const char* place : {"lib/security/cacerts", "jre/lib/security/cacerts"}) {
      if (store.empty() && fs::exists(home / place, ignored)) store = (home / place).string();
    }
    facts.tls.push_back({{TlsKind::kJsse, "Java (JSSE)", false, !store.empty()}, store, ""});
  }
  return facts;
}

void add_modules(const std::vector<LaterModule>& modules, const LibrarySearch& search,
                 ProgramFacts& facts) {
  for (const LaterModule& module : modules) {
    const ElfImage image = read_elf_image(module.path);
    if (!image.is_elf || image.is_foreign) continue;
    if (std::optional<TlsSign> sign = tls_of_library(module.path)) {
      add_use(facts, std::move(*sign), module.path, module.when);
      continue;
    }
    for (TlsSign& sign : scan_for_tls(module.path, image)) {
      add_use(facts, std::move(sign), module.path, module.when);
    }
    add_libraries(facts, module.path, image, search, module.when, false);
  }
  drop_database_only(facts);
}

}  // namespace recshim::tools
