// Loads libcurl when it is first asked for. Linked as usual it would bring thirty libraries (LDAP,
// Kerberos, GnuTLS) into every start of `recshim`, most of which fetch nothing: half of the time
// that `recshim run -- true` takes. These are libcurl's functions that upstream.cpp calls; each
// goes on to the real one. Where libcurl is linked statically this file is not used.
#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdarg>
#include <type_traits>

#include "shim/base/log.h"

// They are macros beside functions.
#undef curl_easy_setopt
#undef curl_easy_getinfo

namespace {

// The functions of the loaded library; all null where there is none.
struct Curl {
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_recv) easy_recv = nullptr;
  decltype(&curl_easy_send) easy_send = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  decltype(&curl_version_info) version_info = nullptr;
};

Curl load() {
  Curl curl;
  void* const library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  bool complete = library != nullptr;
  const auto take = [&](auto& function, const char* name) {
    if (!complete) return;
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    complete = function != nullptr;
  };
  take(curl.easy_cleanup, "curl_easy_cleanup");
  take(curl.easy_getinfo, "curl_easy_getinfo");
  take(curl.easy_init, "curl_easy_init");
  take(curl.easy_perform, "curl_easy_perform");
  take(curl.easy_recv, "curl_easy_recv");
  take(curl.easy_send, "curl_easy_send");
  take(curl.easy_setopt, "curl_easy_setopt");
  take(curl.easy_strerror, "curl_easy_strerror");
  take(curl.global_init, "curl_global_init");
  take(curl.slist_append, "curl_slist_append");
  take(curl.slist_free_all, "curl_slist_free_all");
  take(curl.version_info, "curl_version_info");
  if (complete) return curl;
  const char* const why = dlerror();
  recshim::log::tell_user(fmt::format("real servers can't be asked: {} (install libcurl4)",
                                      why == nullptr ? "?" : why));
  return {};
}

const Curl& curl() {
  static const Curl loaded = load();
  return loaded;
}

}  // namespace

// Only the first two may be called where there is no library: who has no handle calls no other.
extern "C" {

CURLcode curl_global_init(long flags) {
  return curl().global_init == nullptr ? CURLE_FAILED_INIT : curl().global_init(flags);
}
CURL* curl_easy_init() {
  return curl().easy_init == nullptr ? nullptr : curl().easy_init();
}
void curl_easy_cleanup(CURL* handle) {
  curl().easy_cleanup(handle);
}
CURLcode curl_easy_perform(CURL* handle) {
  return curl().easy_perform(handle);
}
CURLcode curl_easy_recv(CURL* handle, void* buffer, size_t size, size_t* received) {
  return curl().easy_recv(handle, buffer, size, received);
}
CURLcode curl_easy_send(CURL* handle, const void* buffer, size_t size, size_t* sent) {
  return curl().easy_send(handle, buffer, size, sent);
}
const char* curl_easy_strerror(CURLcode code) {
  return curl().easy_strerror(code);
}
curl_slist* curl_slist_append(curl_slist* list, const char* text) {
  return curl().slist_append(list, text);
}
void curl_slist_free_all(curl_slist* list) {
  curl().slist_free_all(list);
}
curl_version_info_data* curl_version_info(CURLversion age) {
  return curl().version_info(age);
}

// Both take one value of pointer size: a long, a pointer, or a curl_off_t of 64 bits.
static_assert(sizeof(long) == sizeof(void*) && sizeof(curl_off_t) == sizeof(void*));

CURLcode curl_easy_setopt(CURL* handle, CURLoption option, ...) {
  va_list values;
  va_start(values, option);
  void* const value = va_arg(values, void*);
  va_end(values);
  return curl().easy_setopt(handle, option, value);
}
CURLcode curl_easy_getinfo(CURL* handle, CURLINFO info, ...) {
  va_list values;
  va_start(values, info);
  void* const value = va_arg(values, void*);
  va_end(values);
  return curl().easy_getinfo(handle, info, value);
}
}
