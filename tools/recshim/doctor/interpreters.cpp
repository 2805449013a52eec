// Folders and names, as the distributions and the projects' own builds have them.
#include "tools/recshim/doctor/interpreters.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

class Finder {
 public:
  void add(const std::string& pattern, const std::string& when) {
    glob_t found{};
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      for (size_t i = 0; i < found.gl_pathc; ++i) {
        std::error_code ignored;
        const std::string real = fs::canonical(found.gl_pathv[i], ignored).string();
        if (!real.empty() && seen_.insert(real).second) modules_.push_back({real, when});
      }
    }
    globfree(&found);
  }
  std::vector<LaterModule> take() { return std::move(modules_); }

 private:
  std::set<std::string> seen_;
  std::vector<LaterModule> modules_;
};

// The `home` of a virtual environment that path is the python of, or "".
std::string home_of_environment(const fs::path& path) {
  for (const fs::path& folder : {path.parent_path(), path.parent_path().parent_path()}) {
    std::ifstream file(folder / "pyvenv.cfg");
    for (std::string line; std::getline(file, line);) {
      const size_t equals = line.find('=');
      if (equals == std::string::npos || !line.starts_with("home")) continue;
      const size_t start = line.find_first_not_of(" \t", equals + 1);
      return start == std::string::npos ? "" : line.substr(start);
    }
  }
  return "";
}

// python3.11 of /usr/bin/python3.11; "python*" of a name without a version.
std::string python_folder(const std::string& real_name) {
  const bool has_minor = real_name.find('.') != std::string::npos;
  const size_t end = real_name.find_last_of("0123456789");
  return has_minor && end != std::string::npos ? real_name.substr(0, end + 1) : "python*";
}

void find_packages(const std::string& folder, Finder& finder) {
  finder.add(folder + "pycurl*.so", "import pycurl");
  finder.add(folder + "curl_cffi/_wrapper*.so", "import curl_cffi");
  finder.add(folder + "grpc/_cython/cygrpc*.so", "import grpc");
  // Many packages need cryptography, but only pyOpenSSL makes connections with it.
  glob_t found{};
  if (glob((folder + "OpenSSL/SSL.py").c_str(), 0, nullptr, &found) == 0) {
    finder.add(folder + "cryptography/hazmat/bindings/_rust*.so", "import OpenSSL");
  }
  globfree(&found);
}

void find_python(const std::string& path, const std::string& real_path, Finder& finder) {
  const std::string folder = python_folder(fs::path(real_path).filename().string());
  const std::string home = home_of_environment(path);
  std::set<std::string> prefixes = {fs::path(real_path).parent_path().parent_path().string()};
  if (!home.empty()) prefixes.insert(fs::path(home).parent_path().string());
  for (const std::string& prefix : prefixes) {
    for (const char* lib : {"/lib/", "/lib64/"}) {
      finder.add(prefix + lib + folder + "/lib-dynload/_ssl*.so", "import ssl");
    }
  }
  // Packages that bring a TLS of their own. A virtual environment has none but its own.
  if (!home.empty()) prefixes = {fs::absolute(path).parent_path().parent_path().string()};
  for (const std::string& prefix : prefixes) {
    for (const char* packages : {"/site-packages/", "/dist-packages/"}) {
      for (const std::string& base :
           {prefix + "/lib/" + folder, prefix + "/lib/python3", prefix + "/local/lib/" + folder}) {
        find_packages(base + packages, finder);
      }
    }
  }
}

void find_ruby(const std::string& prefix, Finder& finder) {
  finder.add(prefix + "/lib/*-linux-gnu*/ruby/[0-9]*/openssl.so", "require 'openssl'");
  finder.add(prefix + "/lib*/ruby/[0-9]*/*-linux*/openssl.so", "require 'openssl'");
}

void find_perl(const std::string& prefix, Finder& finder) {
  for (const char* folder : {"/lib/*-linux-gnu*/perl5/*", "/lib/*-linux-gnu*/perl/*",
                             "/local/lib/*-linux-gnu*/perl/*", "/lib*/perl5", "/lib/perl5/*/*"}) {
    finder.add(prefix + folder + "/auto/Net/SSLeay/SSLeay.so", "use Net::SSLeay");
    finder.add(prefix + folder + "/auto/Crypt/SSLeay/SSLeay.so", "use Crypt::SSLeay");
  }
}

void find_php(const std::string& prefix, Finder& finder) {
  for (const char* folder : {"/lib/php/20*", "/lib64/php/modules", "/lib/php/extensions/*"}) {
    finder.add(prefix + folder + "/curl.so", "extension=curl");
    finder.add(prefix + folder + "/openssl.so", "extension=openssl");
  }
}

}  // namespace

std::vector<LaterModule> modules_of(const std::string& path, const std::string& real_path) {
  Finder finder;
  const std::string name = fs::path(real_path).filename().string();
  const std::string prefix = fs::path(real_path).parent_path().parent_path().string();
  if (name.starts_with("python")) find_python(path, real_path, finder);
  if (name.starts_with("ruby")) find_ruby(prefix, finder);
  if (name.starts_with("perl")) find_perl(prefix, finder);
  if (name.starts_with("php")) find_php(prefix, finder);
  return finder.take();
}

std::vector<std::string> helpers_of(const std::string& path, const std::string& real_path) {
  std::vector<std::string> helpers;
  if (fs::path(path).filename() != "git") return helpers;
  const fs::path prefix = fs::path(real_path).parent_path().parent_path();
  for (const char* folder : {"lib/git-core", "libexec/git-core"}) {
    const fs::path helper = prefix / folder / "git-remote-https";
    std::error_code ignored;
    if (fs::exists(helper, ignored)) helpers.push_back(helper.string());
  }
  return helpers;
}

}  // namespace recshim::tools
