#include "shim/ops/tls_certificate.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <memory>

namespace recshim::ops {
namespace {

using X509Owner = std::unique_ptr<X509, decltype(&X509_free)>;

X509Owner parse(const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  X509Owner certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())), X509_free);
  EXPECT_EQ(bytes, reinterpret_cast<const unsigned char*>(der.data()) + der.size());
  return certificate;
}

class Certificate : public ::testing::TestWithParam<std::string> {};

TEST_P(Certificate, OpensslReadsItAndFindsTheHost) {
  const X509Owner certificate = parse(synthetic_certificate(GetParam()));
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_get_version(certificate.get()), X509_VERSION_3);
  EXPECT_EQ(X509_cmp_current_time(X509_get0_notBefore(certificate.get())), -1);
  EXPECT_EQ(X509_cmp_current_time(X509_get0_notAfter(certificate.get())), 1);
  const std::string host = GetParam();
  if (X509_check_ip_asc(certificate.get(), host.c_str(), 0) != 1) {
    EXPECT_EQ(X509_check_host(certificate.get(), host.data(), host.size(), 0, nullptr), 1);
  }
  EXPECT_EQ(X509_check_host(certificate.get(), "other.example", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
}

TEST_P(Certificate, ItsKeyIsAPointOfTheCurve) {
  const X509Owner certificate = parse(synthetic_certificate(GetParam()));
  ASSERT_NE(certificate, nullptr);
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(EVP_PKEY_get_bits(key), 256);
  std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(key, nullptr), EVP_PKEY_CTX_free);
  EXPECT_EQ(EVP_PKEY_public_check(context.get()), 1);
}

TEST_P(Certificate, GnutlsReadsItAndFindsTheHost) {
  std::string der = synthetic_certificate(GetParam());
  gnutls_x509_crt_t certificate;
  ASSERT_EQ(gnutls_x509_crt_init(&certificate), 0);
  const gnutls_datum_t datum{reinterpret_cast<unsigned char*>(der.data()),
                             static_cast<unsigned>(der.size())};
  ASSERT_EQ(gnutls_x509_crt_import(certificate, &datum, GNUTLS_X509_FMT_DER), 0);
  EXPECT_NE(gnutls_x509_crt_check_hostname(certificate, GetParam().c_str()), 0U);
  EXPECT_EQ(gnutls_x509_crt_check_hostname(certificate, "other.example"), 0U);
  EXPECT_EQ(gnutls_x509_crt_get_activation_time(certificate), 946684800);   // 2000-01-01
  EXPECT_GT(gnutls_x509_crt_get_expiration_time(certificate), 4070908800);  // 2099
  gnutls_x509_crt_deinit(certificate);
}

INSTANTIATE_TEST_SUITE_P(
    Hosts, Certificate,
    ::testing::Values("api.example.com", "localhost", "192.0.2.7", "2001:db8::1",
                      // Longer than a common name may be, and than one length byte tells.
                      std::string(60, 'a') + "." + std::string(60, 'b') + "." +
                          std::string(60, 'c') + "." + std::string(60, 'd') + ".example"));

TEST(CertificateEdges, AnAddressInBracketsIsAnAddress) {
  const X509Owner certificate = parse(synthetic_certificate("[2001:db8::1]"));
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "2001:db8::1", 0), 1);
}

TEST(CertificateEdges, NoHostOrAnImpossibleOneIsNobodys) {
  EXPECT_EQ(synthetic_certificate(""), synthetic_certificate("unknown.invalid"));
  EXPECT_EQ(synthetic_certificate(std::string(5000, 'x')),
            synthetic_certificate("unknown.invalid"));
}

TEST(CertificateEdges, SameHostSameBytesOtherHostOtherSerial) {
  EXPECT_EQ(synthetic_certificate("a.example"), synthetic_certificate("a.example"));
  const X509Owner a = parse(synthetic_certificate("a.example"));
  const X509Owner b = parse(synthetic_certificate("b.example"));
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get0_serialNumber(a.get()), X509_get0_serialNumber(b.get())), 0);
  EXPECT_EQ(X509_verify(a.get(), X509_get0_pubkey(a.get())), 0);
}

}  // namespace
}  // namespace recshim::ops
