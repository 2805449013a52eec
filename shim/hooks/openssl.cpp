// The exported OpenSSL hooks: only the ABI. shim/ops/tls_openssl.h says what each does.
#include "shim/ops/tls_openssl.h"

#define RECSHIM_CALLER __builtin_return_address(0)
#define RECSHIM_WITH_CALLER(...) (RECSHIM_CALLER __VA_OPT__(, ) __VA_ARGS__)

namespace {
using namespace recshim::ops::openssl;  // NOLINT: the table names OpenSSL's types plainly
namespace ops = recshim::ops::openssl;
}  // namespace

// Not noexcept: pthread_cancel(3) unwinds through the program's BIO and us.
#define RECSHIM_HOOK(ret, name, params, args)                               \
  extern "C" __attribute__((visibility("default"), used)) ret name params { \
    return ops::name RECSHIM_WITH_CALLER args;                              \
  }
#include "shim/hooks/openssl.def"
#undef RECSHIM_HOOK
