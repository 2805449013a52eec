#include "shim/ops/tls_resolve.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "shim/ops/tls_openssl_api.h"
#include "tests/unit/ops/fake_gate.h"

namespace recshim::ops {
namespace {

void* in_libssl() {
  return dlsym(RTLD_DEFAULT, "SSL_read");
}

TEST(Resolve, ALibraryFindsWhatItLinksTo) {
  // libssl links libcrypto.
  EXPECT_EQ(find_for_caller(in_libssl(), "BIO_read"), dlsym(RTLD_DEFAULT, "BIO_read"));
  EXPECT_EQ(find_for_caller(in_libssl(), "no_such_function"), nullptr);
  // libc links neither, and code outside every object sees nothing.
  EXPECT_EQ(find_for_caller(testing::foreign_caller(), "SSL_read"), nullptr);
  std::vector<char> heap(16);
  EXPECT_EQ(find_for_caller(heap.data(), "SSL_read"), nullptr);
  EXPECT_EQ(find_for_caller(nullptr, "SSL_read"), nullptr);
}

TEST(Resolve, TheMainProgramSeesTheGlobalOrder) {
  EXPECT_EQ(find_next("SSL_read"), in_libssl());
  EXPECT_EQ(find_in_loaded("libssl", "SSL_read"), in_libssl());
  EXPECT_EQ(find_in_loaded("libnothing", "SSL_read"), nullptr);
}

TEST(Resolve, FunctionsOfOurOwnAreNeverTheAnswer) {
  EXPECT_TRUE(is_own_object(reinterpret_cast<const void*>(&find_next)));
  EXPECT_FALSE(is_own_object(in_libssl()));
}

TEST(Resolve, AFailureIsNotRemembered) {
  const void* caller = testing::foreign_caller();
  const openssl::Found found = openssl::find_library(caller);
  ASSERT_NE(found.library, nullptr);
  EXPECT_TRUE(found.library->usable);
  EXPECT_FALSE(found.internal);
  EXPECT_EQ(openssl::library_of(in_libssl()), found.library);
  EXPECT_EQ(openssl::library_of(dlsym(RTLD_DEFAULT, "BIO_read")), nullptr);
  std::vector<char> heap(16);
  EXPECT_EQ(openssl::library_of(heap.data()), nullptr);
}

TEST(Resolve, LibsslCallingItselfIsTold) {
  EXPECT_TRUE(openssl::find_library(static_cast<char*>(in_libssl()) + 4).internal);
  EXPECT_TRUE(openssl::find_library(reinterpret_cast<const void*>(&find_next)).internal);
}

TEST(CallSites, RemembersUntilItIsFull) {
  auto sites = std::make_unique<CallSites>();
  const auto site = [](uintptr_t n) { return reinterpret_cast<const void*>(0x400000 + n * 24); };
  EXPECT_EQ(sites->find(site(0)), 0U);
  for (uintptr_t n = 0; n < 200; ++n) sites->remember(site(n), (n + 1) * 8);
  for (uintptr_t n = 0; n < 200; ++n) EXPECT_EQ(sites->find(site(n)), (n + 1) * 8) << n;
  // More than there is room for: an answer is right or missing, never another's.
  for (uintptr_t n = 0; n < 5000; ++n) sites->remember(site(n), (n + 1) * 8);
  for (uintptr_t n = 0; n < 5000; ++n) {
    const uintptr_t value = sites->find(site(n));
    EXPECT_TRUE(value == 0 || value == (n + 1) * 8) << n;
  }
}

}  // namespace
}  // namespace recshim::ops
