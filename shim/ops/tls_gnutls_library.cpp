// Binds the copies of GnuTLS in the process (tls_gnutls_api.h).
#include "shim/ops/tls_gnutls_api.h"

namespace recshim::ops::gnutls {
namespace {

void bind(void* handle, Library& library) {
  GnutlsApi& api = library.api;
#define RECSHIM_HOOK(ret, name, params, args) bind_function(handle, api.name, #name);
#include "shim/hooks/gnutls.def"
#undef RECSHIM_HOOK
#define RECSHIM_USE(ret, name, params) bind_function(handle, api.name, #name);
#include "shim/ops/tls_gnutls_uses.def"
#undef RECSHIM_USE
  bind_function(handle, api.gnutls_malloc, "gnutls_malloc");
  library.usable = api.gnutls_init && api.gnutls_deinit && api.gnutls_handshake &&
                   api.gnutls_record_send && api.gnutls_record_recv &&
                   api.gnutls_transport_set_ptr && api.gnutls_malloc;
}

constinit TlsLibraries<Library> libraries("gnutls_record_recv", "libgnutls.so", bind);

}  // namespace

Found find_library(const void* caller) {
  return libraries.find(caller);
}

void note_library(const void* symbol) {
  libraries.note(symbol);
}

}  // namespace recshim::ops::gnutls
