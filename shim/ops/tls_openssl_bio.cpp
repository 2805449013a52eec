// BIO_f_ssl: its method calls libssl's functions inside libssl, past every hook, and the
// filters above it call the method inside libcrypto. So a BIO of it is made with a method
// of ours that stands in front of libssl's. Does not decide whose a session is.
#include <array>
#include <atomic>
#include <memory>

#include "shim/ops/tls_openssl.h"
#include "shim/ops/tls_openssl_io.h"
#include "shim/ops/tls_openssl_virtual.h"
#include "shim/runtime/guard.h"

namespace recshim::ops::openssl {
namespace {

// libssl's own method, of one copy of it.
struct SslMethod {
  const Library* library = nullptr;
  const BIO_METHOD* original = nullptr;
  BioRead read = nullptr;
  BioWrite write = nullptr;
  BioCtrl ctrl = nullptr;
  BioLife destroy = nullptr;
  BIO_METHOD* ours = nullptr;
};

// A method's functions are given the BIO alone, which does not tell its method: each copy
// of libssl has functions of its own. More copies than this are left as they are.
constexpr size_t kCopies = 4;
std::array<std::atomic<const SslMethod*>, kCopies> methods;

Target target_of(const SslMethod& method, BIO* bio, Entry entry) {
  SSL* ssl = nullptr;
  method.ctrl(bio, kBioGetSsl, 0, &ssl);
  if (ssl == nullptr) return {&method.library->api, nullptr, Mode::kForeign};
  return find_session(*method.library, ssl, entry);
}

// The BIO's retry flags from the session's error, as BIO_f_ssl sets them.
void set_retry(const OpensslApi& api, BIO* bio, int error) {
  api.BIO_clear_flags(bio, kBioFlagsAll | kBioFlagRetry);
  if (error == kErrorWantRead) api.BIO_set_flags(bio, kBioFlagRead | kBioFlagRetry);
  if (error == kErrorWantWrite) api.BIO_set_flags(bio, kBioFlagWrite | kBioFlagRetry);
  if (error == kErrorWantConnect || error == kErrorWantAccept) {
    api.BIO_set_flags(bio, kBioFlagSpecial | kBioFlagRetry);
    api.BIO_set_retry_reason(bio,
                             error == kErrorWantConnect ? kBioReasonConnect : kBioReasonAccept);
  }
}

// What an operation that is not real gives where it does no more than fail.
ssize_t failure(const Target& target) {
  return target.mode == Mode::kRefused ? refuse_io(*target.session) : -1;
}

template <size_t Copy>
int ssl_read(BIO* bio, char* buffer, size_t size, size_t* done) {
  const SslMethod& method = *methods[Copy].load(std::memory_order_acquire);
  const Target target = target_of(method, bio, Entry::kImplied);
  if (target.session == nullptr) return method.read(bio, buffer, size, done);
  if (target.mode == Mode::kTap) {
    if (target.session->pushed_back() > 0) {
      *done = target.session->take_pushback(buffer, size, false);
      return 1;
    }
    begin_real(*target.session);
    const int ok = method.read(bio, buffer, size, done);
    after_read(*target.session, buffer, ok == 1 ? *done : 0, ok);
    end_real(*target.session);
    return ok;
  }
  const ssize_t n = target.mode == Mode::kVirtual
                        ? virtual_read(*target.session, buffer, size, false)
                        : failure(target);
  set_retry(*target.api, bio, target.session->last_error);
  *done = n > 0 ? static_cast<size_t>(n) : 0;
  return n > 0 ? 1 : static_cast<int>(n);
}

template <size_t Copy>
int ssl_write(BIO* bio, const char* buffer, size_t size, size_t* done) {
  const SslMethod& method = *methods[Copy].load(std::memory_order_acquire);
  const Target target = target_of(method, bio, Entry::kImplied);
  if (target.session == nullptr) return method.write(bio, buffer, size, done);
  if (target.mode == Mode::kTap) {
    begin_real(*target.session);
    const int ok = method.write(bio, buffer, size, done);
    after_write(*target.session, buffer, ok == 1 ? *done : 0);
    end_real(*target.session);
    return ok;
  }
  const ssize_t n = target.mode == Mode::kVirtual ? virtual_write(*target.session, buffer, size)
                                                  : failure(target);
  set_retry(*target.api, bio, target.session->last_error);
  *done = n > 0 ? static_cast<size_t>(n) : 0;
  return n > 0 ? 1 : static_cast<int>(n);
}

template <size_t Copy>
long ssl_ctrl(BIO* bio, int command, long number, void* pointer) {
  const SslMethod& method = *methods[Copy].load(std::memory_order_acquire);
  const bool handshake = command == kBioDoStateMachine;
  if (!handshake && command != kBioPending && command != kBioReset) {
    return method.ctrl(bio, command, number, pointer);
  }
  const Target target = target_of(method, bio, handshake ? Entry::kImplied : Entry::kLook);
  if (target.session == nullptr) return method.ctrl(bio, command, number, pointer);
  Session& session = *target.session;
  if (command == kBioReset) {
    SSL* ssl = session.ssl;
    const long result = method.ctrl(bio, command, number, pointer);
    runtime::OwnWork own;
    if (get_state(*method.library, ssl) == &session) session.reset();
    return result;
  }
  if (command == kBioPending) {
    if (target.mode == Mode::kVirtual) return static_cast<long>(virtual_pending(session));
    if (session.pushed_back() > 0) return static_cast<long>(session.pushed_back());
    return method.ctrl(bio, command, number, pointer);
  }
  if (target.mode == Mode::kTap) {
    begin_real(session);
    const long result = method.ctrl(bio, command, number, pointer);
    after_handshake(session);
    end_real(session);
    return result;
  }
  if (target.mode == Mode::kVirtual) session.last_error = kErrorNone;
  const long result = target.mode == Mode::kVirtual ? 1 : failure(target);
  set_retry(*target.api, bio, session.last_error);
  return result;
}

template <size_t Copy>
int ssl_destroy(BIO* bio) {
  const SslMethod& method = *methods[Copy].load(std::memory_order_acquire);
  const Target target = bio != nullptr ? target_of(method, bio, Entry::kLook) : Target{};
  if (target.mode == Mode::kTap) {
    runtime::OwnWork own;  // whether the session ends with its BIO is libssl's to know
    drain_tap(target.session->tap.get(), target.session->fd);
  }
  if (target.mode != Mode::kVirtual) return method.destroy(bio);
  // It shuts the session down first, and that one never shook hands.
  target.api->ERR_set_mark();
  const int result = method.destroy(bio);
  target.api->ERR_pop_to_mark();
  return result;
}

// REQUIRES: OwnWork.
template <size_t Copy>
BIO_METHOD* front(const Library& library, const BIO_METHOD* original) {
  const OpensslApi& api = library.api;
  auto made = std::make_unique<SslMethod>();
  made->library = &library;
  made->original = original;
  made->read = api.BIO_meth_get_read_ex(original);
  made->write = api.BIO_meth_get_write_ex(original);
  made->ctrl = api.BIO_meth_get_ctrl(original);
  made->destroy = api.BIO_meth_get_destroy(original);
  if (!made->read || !made->write || !made->ctrl || !made->destroy) return nullptr;
  made->ours = api.BIO_meth_new(kBioSsl, "ssl");
  if (made->ours == nullptr) return nullptr;
  api.BIO_meth_set_read_ex(made->ours, ssl_read<Copy>);
  api.BIO_meth_set_write_ex(made->ours, ssl_write<Copy>);
  api.BIO_meth_set_ctrl(made->ours, ssl_ctrl<Copy>);
  api.BIO_meth_set_destroy(made->ours, ssl_destroy<Copy>);
  api.BIO_meth_set_puts(made->ours, api.BIO_meth_get_puts(original));
  api.BIO_meth_set_gets(made->ours, api.BIO_meth_get_gets(original));
  api.BIO_meth_set_create(made->ours, api.BIO_meth_get_create(original));
  api.BIO_meth_set_callback_ctrl(made->ours, api.BIO_meth_get_callback_ctrl(original));
  const SslMethod* expected = nullptr;
  if (!methods[Copy].compare_exchange_strong(expected, made.get())) return nullptr;
  return made.release()->ours;
}

template <size_t... Copy>
BIO_METHOD* make_front(const Library& library, const BIO_METHOD* original,
                       std::index_sequence<Copy...>) {
  BIO_METHOD* result = nullptr;
  ((result = result != nullptr || methods[Copy].load() != nullptr ? result
                                                                  : front<Copy>(library, original)),
   ...);
  return result;
}

const BIO_METHOD* find_front(const BIO_METHOD* original) {
  for (const auto& slot : methods) {
    const SslMethod* method = slot.load(std::memory_order_acquire);
    if (method != nullptr && method->original == original) return method->ours;
  }
  return nullptr;
}

// The method to make a BIO with instead of the one asked for.
const BIO_METHOD* replace(const BIO_METHOD* method) {
  // A method begins with its type, in every OpenSSL since 0.9; all but BIO_f_ssl's leave
  // here. What is behind the pointer is then checked before it is believed.
  if (method == nullptr || *reinterpret_cast<const int*>(method) != kBioSsl ||
      !runtime::tls_active()) {
    return method;
  }
  if (const BIO_METHOD* ours = find_front(method)) return ours;
  const Library* library = library_of(method);
  if (library == nullptr || !library->usable) return method;
  const OpensslApi& api = library->api;
  if (!api.BIO_f_ssl || api.BIO_f_ssl() != method || !api.BIO_meth_new ||
      !api.BIO_meth_get_read_ex || !api.BIO_meth_get_write_ex || !api.BIO_meth_set_read_ex ||
      !api.BIO_meth_set_write_ex || !api.BIO_meth_get_ctrl || !api.BIO_meth_set_ctrl ||
      !api.BIO_meth_get_destroy || !api.BIO_meth_set_destroy || !api.BIO_meth_get_create ||
      !api.BIO_meth_set_create || !api.BIO_meth_get_puts || !api.BIO_meth_set_puts ||
      !api.BIO_meth_get_gets || !api.BIO_meth_set_gets || !api.BIO_meth_get_callback_ctrl ||
      !api.BIO_meth_set_callback_ctrl || !api.BIO_set_retry_reason || !api.BIO_set_flags ||
      !api.BIO_clear_flags) {
    return method;
  }
  runtime::OwnWork own;
  make_front(*library, method, std::make_index_sequence<kCopies>());
  const BIO_METHOD* ours = find_front(method);  // ours or a faster thread's
  return ours != nullptr ? ours : method;
}

}  // namespace

BIO* BIO_new(const void* caller, const BIO_METHOD* method) {
  using Function = BIO* (*)(const BIO_METHOD*);
  static CallSites sites;
  auto original = reinterpret_cast<Function>(find_crypto(sites, caller, "BIO_new"));
  return original != nullptr ? original(replace(method)) : nullptr;
}

BIO* BIO_new_ex(const void* caller, OSSL_LIB_CTX* context, const BIO_METHOD* method) {
  using Function = BIO* (*)(OSSL_LIB_CTX*, const BIO_METHOD*);
  static CallSites sites;
  auto original = reinterpret_cast<Function>(find_crypto(sites, caller, "BIO_new_ex"));
  return original != nullptr ? original(context, replace(method)) : nullptr;
}

}  // namespace recshim::ops::openssl
