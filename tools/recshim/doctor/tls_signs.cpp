// Searches the data of a mapped file for the marks of TLS implementations.
#include "tools/recshim/doctor/tls_signs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cstring>
#include <string_view>

namespace recshim::tools {
namespace {

// A read-only mapping of a whole file. A file that shrinks meanwhile ends this tool with
// SIGBUS; nothing else is lost.
class Mapping {
 public:
  explicit Mapping(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    struct stat info {};
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
      const auto size = static_cast<size_t>(info.st_size);
      void* const at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
      if (at != MAP_FAILED) bytes_ = {static_cast<const char*>(at), size};
    }
    close(fd);
  }
  ~Mapping() {
    if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

bool may_hold_text(const ElfPart& section) {
  if (section.is_code) return false;
  for (const char* prefix : {".debug", ".zdebug", ".eh_frame", ".rel", ".gnu.hash", ".hash",
                             ".symtab", ".dynsym", ".note", ".gcc_except"}) {
    if (section.name.starts_with(prefix)) return false;
  }
  return true;
}

// The stretches of a file in which its texts and names of symbols lie.
class Data {
 public:
  Data(std::string_view file, const ElfImage& image) {
    for (const ElfPart& section : image.sections) {
      if (may_hold_text(section)) add(file, section);
    }
    // Without section headers: whatever is loaded and not code.
    if (parts_.empty()) {
      for (const ElfPart& segment : image.segments) {
        if (!segment.is_code) add(file, segment);
      }
    }
    // Some linkers put everything into one segment.
    if (parts_.empty() && !image.segments.empty()) parts_.push_back(file);
  }

  // What follows the first place where text stands; its data is null when there is none.
  [[nodiscard]] std::string_view find(std::string_view text) const {
    for (const std::string_view part : parts_) {
      const void* const at = memmem(part.data(), part.size(), text.data(), text.size());
      if (at != nullptr) {
        return part.substr(static_cast<size_t>(static_cast<const char*>(at) - part.data()));
      }
    }
    return {};
  }
  [[nodiscard]] bool has(std::string_view text) const { return find(text).data() != nullptr; }
  [[nodiscard]] const std::vector<std::string_view>& parts() const { return parts_; }

 private:
  void add(std::string_view file, const ElfPart& part) {
    if (part.offset >= file.size()) return;
    parts_.push_back(file.substr(part.offset, part.size_bytes));
  }

  std::vector<std::string_view> parts_;
};

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// The version in OpenSSL's own "OpenSSL 3.0.19 27 Jan 2026", or "".
std::string openssl_version(const Data& data) {
  constexpr std::string_view kName = "OpenSSL ";
  for (const std::string_view part : data.parts()) {
    for (size_t at = 0; (at = part.find(kName, at)) != std::string_view::npos; ++at) {
      const std::string_view rest = part.substr(at + kName.size(), 24);
      const size_t end = rest.find(' ');
      if (rest.size() > 6 && is_digit(rest[0]) && rest[1] == '.' && is_digit(rest[2]) &&
          end != std::string_view::npos && end + 1 < rest.size() && is_digit(rest[end + 1])) {
        return std::string(rest.substr(0, end));
      }
    }
  }
  return "";
}

// The text from at on that can stand in a version.
std::string version_at(std::string_view at) {
  size_t length = 0;
  while (length < at.size() && (is_digit(at[length]) || at[length] == '.')) ++length;
  return std::string(at.substr(0, length));
}

std::optional<TlsSign> find_rustls(const Data& data) {
  // Names of source files, which panics carry, and of log targets. A crate's version follows
  // the first; a binary without paths has the others.
  const std::string_view path = data.find("/rustls-0.");
  if (path.data() == nullptr && !data.has("rustls::") && !data.has("rustls/src/")) {
    return std::nullopt;
  }
  TlsSign sign{TlsKind::kRustls, "rustls"};
  if (path.data() != nullptr) sign.name += " " + version_at(path.substr(8));
  if (data.has("aws_lc_") || data.has("aws-lc-")) {
    sign.name += " with aws-lc";
  } else if (data.has("ring_core_") || data.has("/ring-0.")) {
    sign.name += " with ring";
  }
  return sign;
}

void find_roots(const Data& data, TlsSign& sign) {
  // The name of a CA that every list of them has, as DER or PEM text would hold it.
  sign.has_own_roots = data.has("ISRG Root X1");
  sign.reads_system_roots =
      data.has("SSL_CERT_FILE") || data.has("/etc/ssl/certs") || data.has("/etc/pki/tls/certs");
  sign.reads_node_variable = data.has("NODE_EXTRA_CA_CERTS");
  sign.reads_nss_database = data.has(".pki/nssdb");
}

bool starts_with_any(const std::string& name, std::initializer_list<const char*> prefixes) {
  for (const char* prefix : prefixes) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

std::optional<TlsSign> tls_of_library(const std::string& file_name) {
  const std::string name = file_name.substr(file_name.rfind('/') + 1);
  const auto sign = [](TlsKind kind, const char* text) { return TlsSign{kind, text}; };
  if (starts_with_any(name, {"libssl3.so", "libnss3.so"})) return sign(TlsKind::kNss, "NSS");
  // libssl.so.3, and libssl-1a2b3c4d.so.3 as Python's wheels carry it.
  if (starts_with_any(name, {"libssl.so", "libssl-"})) {
    const size_t version = name.rfind(".so.");
    const std::string digits = version == std::string::npos ? "" : name.substr(version + 4);
    if (digits.starts_with('3')) return sign(TlsKind::kOpenSsl3, "OpenSSL 3");
    if (digits.starts_with("1.1")) return sign(TlsKind::kOpenSsl11, "OpenSSL 1.1");
    if (digits.starts_with('1') || digits.starts_with('0')) {
      return sign(TlsKind::kOpenSslOld, "OpenSSL before 1.1");
    }
    return sign(TlsKind::kOpenSsl3, "OpenSSL");
  }
  if (starts_with_any(name, {"libgnutls.so", "libgnutls-"})) {
    return sign(TlsKind::kGnuTls, "GnuTLS");
  }
  static constexpr std::array kOthers = {
      std::pair{"libmbedtls.so", "mbedTLS"}, std::pair{"libwolfssl.so", "wolfSSL"},
      std::pair{"libs2n.so", "s2n-tls"}, std::pair{"librustls.so", "rustls (librustls)"}};
  for (const auto& [prefix, text] : kOthers) {
    if (name.starts_with(prefix)) return TlsSign{TlsKind::kOtherLibrary, text, false, true};
  }
  return std::nullopt;
}

bool is_go_program(const std::string& path, const ElfImage& image) {
  for (const ElfPart& section : image.sections) {
    if (section.name == ".go.buildinfo") return true;
  }
  if (!image.sections.empty()) return false;
  const Mapping file(path);
  return Data(file.bytes(), image).has("\xff Go buildinf:");
}

std::vector<TlsSign> scan_for_tls(const std::string& path, const ElfImage& image) {
  std::vector<TlsSign> found;
  const Mapping file(path);
  if (file.bytes().empty() || image.is_foreign) return found;
  const Data data(file.bytes(), image);
  const auto add = [&](TlsSign sign) {
    find_roots(data, sign);
    found.push_back(std::move(sign));
  };
  if (data.has("crypto/tls.(*Conn).")) add({TlsKind::kGoTls, "Go crypto/tls"});
  // The name of the same source file ends differently: OpenSSL is C and BoringSSL is C++.
  if (data.has("ssl_lib.cc")) {
    add({TlsKind::kStaticBoringSsl, "BoringSSL, linked statically"});
  } else if (data.has("ssl/ssl_lib.c")) {
    // The version is there only if the program, or a part of OpenSSL it uses, asks for it.
    const std::string version = openssl_version(data);
    add({TlsKind::kStaticOpenSsl,
         fmt::format("OpenSSL{}{}, linked statically", version.empty() ? "" : " ", version)});
  }
  if (std::optional<TlsSign> rustls = find_rustls(data)) add(std::move(*rustls));
  return found;
}

}  // namespace recshim::tools
