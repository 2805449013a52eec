// The session's authority, its leaves and Java's store, as OpenSSL and keytool see them.
#include "tools/gateway/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <thread>

#include "tests/unit/control/temp_folder.h"
#include "tools/gateway/java_cacerts.h"

namespace recshim::gateway {
namespace {

using ::testing::HasSubstr;

// What verification of context's certificate against the authority says; "" for well.
std::string verify(SSL_CTX* context, X509* authority, const std::string& host) {
  std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), authority);
  X509_STORE_set_flags(store.get(), X509_V_FLAG_X509_STRICT);
  std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>> checked(X509_STORE_CTX_new());
  X509_STORE_CTX_init(checked.get(), store.get(), SSL_CTX_get0_certificate(context), nullptr);
  X509_STORE_CTX_set_purpose(checked.get(), X509_PURPOSE_SSL_SERVER);
  auto* const parameters = X509_STORE_CTX_get0_param(checked.get());
  const bool numeric = X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1;
  if (!numeric) X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
  if (X509_verify_cert(checked.get()) == 1) return "";
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(checked.get()));
}

std::unique_ptr<Authority> open(const std::string& folder) {
  auto opened = Authority::open(folder);
  EXPECT_TRUE(opened.ok()) << opened.error().message;
  return std::move(*opened);
}

TEST(Authority, LeavesAreValidForTheirHostAlone) {
  const control::TempFolder folder;
  const auto authority = open(folder.path());
  const std::string long_name = std::string(63, 'a') + "." + std::string(63, 'b') + ".test";
  for (const std::string host : {"api.test", "192.0.2.7", "2001:db8::1", long_name.c_str()}) {
    const auto context = authority->server_context(host);
    ASSERT_TRUE(context.ok()) << context.error().message;
    EXPECT_EQ(verify(*context, authority->certificate(), host), "");
    EXPECT_EQ(*authority->server_context(host), *context) << "made once";
  }
  EXPECT_THAT(verify(*authority->server_context("api.test"), authority->certificate(), "b.test"),
              HasSubstr("ostname mismatch"));
  const auto untrusted = authority->server_context("api.test", true);
  ASSERT_TRUE(untrusted.ok());
  EXPECT_THAT(verify(*untrusted, authority->certificate(), "api.test"), HasSubstr("self"));
}

TEST(Authority, IsOneForTheSessionAndItsKeyIsItsOwners) {
  const control::TempFolder folder;
  std::vector<std::jthread> racers;
  for (int i = 0; i < 8; ++i) {
    racers.emplace_back([&] { EXPECT_TRUE(prepare_authority(folder.path()).ok()); });
  }
  racers.clear();
  struct stat info {};
  ASSERT_EQ(stat(ca_key_path(folder.path()).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(ca_path(folder.path()).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644u);
  const auto one = open(folder.path());
  const auto other = open(folder.path());
  EXPECT_EQ(X509_cmp(one->certificate(), other->certificate()), 0);
  EXPECT_EQ(verify(*one->server_context("api.test"), other->certificate(), "api.test"), "");
}

TEST(Authority, BrokenFilesAreAnError) {
  const control::TempFolder folder;
  folder.write("ca.pem", "no certificate");
  folder.write("ca-key.pem", "no key");
  const auto opened = Authority::open(folder.path());
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().message, HasSubstr("ca-key.pem"));
  EXPECT_FALSE(Authority::open(folder.path("ca.pem/folder")).ok());
}

#define KEYTOOL_OR_SKIP() \
  if (std::string(KEYTOOL).empty()) GTEST_SKIP() << "optional data: there is no keytool"

// keytool's list of a store; fails the test when it can't read it.
std::string listed(const std::string& store, const control::TempFolder& folder) {
  folder.write("store", store);
  const std::string command = std::string(KEYTOOL) + " -list -storepass changeit -keystore " +
                              folder.path("store") + " > " + folder.path("list") + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << folder.read("list");
  return folder.read("list");
}

std::string pkcs12_of(X509* certificate, bool encrypted) {
  STACK_OF(X509)* certificates = sk_X509_new_null();
  sk_X509_push(certificates, certificate);
  std::unique_ptr<PKCS12, FreeWith<PKCS12_free>> made(
      PKCS12_create(encrypted ? "changeit" : nullptr, "old", nullptr, nullptr, certificates,
                    NID_undef, encrypted ? NID_aes_256_cbc : -1, 0, encrypted ? 0 : -1, 0));
  sk_X509_free(certificates);
  const BioPtr out(BIO_new(BIO_s_mem()));
  EXPECT_EQ(i2d_PKCS12_bio(out.get(), made.get()), 1);
  return bio_text(out.get());
}

TEST(JavaStore, HoldsWhatWasInItAndOurs) {
  const control::TempFolder folder;
  const auto authority = open(folder.path());
  const control::TempFolder elsewhere;
  const auto other = open(elsewhere.path());
  for (const bool encrypted : {false, true}) {
    const auto made =
        java_store_with(pkcs12_of(other->certificate(), encrypted), authority->certificate());
    ASSERT_TRUE(made.ok()) << made.error().message;
    // One that we wrote is a JKS to read.
    const auto again = java_store_with(*made, authority->certificate());
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again->substr(8, 4), std::string("\0\0\0\3", 4));
    KEYTOOL_OR_SKIP();
    EXPECT_THAT(listed(*made, folder), HasSubstr("contains 2 entries"));
    EXPECT_THAT(listed(*made, folder), HasSubstr("recshim-session-ca"));
  }
}

TEST(JavaStore, WhatIsNoStoreIsAnError) {
  const control::TempFolder folder;
  const auto authority = open(folder.path());
  for (const char* text : {"", "no store", "\xfe\xed\xfe\xed\x00"}) {
    EXPECT_FALSE(java_store_with(text, authority->certificate()).ok());
  }
}

}  // namespace
}  // namespace recshim::gateway
