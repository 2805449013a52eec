// Functions of libssl that the installed headers may not declare, being those of another version.
#pragma once

#include <openssl/ssl.h>
#include <sys/time.h>

extern "C" {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#undef SSL_get_peer_certificate
X509* SSL_get_peer_certificate(const SSL*);  // 1.1
#endif

#if OPENSSL_VERSION_NUMBER < 0x30200000L
int SSL_add_expected_rpk(SSL*, EVP_PKEY*);
int SSL_client_hello_get_extension_order(SSL*, uint16_t*, size_t*);
int SSL_compress_certs(SSL*, int);
int SSL_get0_client_cert_type(const SSL*, unsigned char**, size_t*);
int SSL_get0_server_cert_type(const SSL*, unsigned char**, size_t*);
SSL* SSL_get0_connection(SSL*);
const char* SSL_get0_group_name(SSL*);
EVP_PKEY* SSL_get0_peer_rpk(const SSL*);
size_t SSL_get1_compressed_cert(SSL*, int, unsigned char**, size_t*);
int SSL_set1_cert_comp_preference(SSL*, int*, size_t);
int SSL_set1_compressed_cert(SSL*, int, unsigned char*, size_t, size_t);
int SSL_set1_client_cert_type(SSL*, const unsigned char*, size_t);
int SSL_set1_server_cert_type(SSL*, const unsigned char*, size_t);
int SSL_get_negotiated_client_cert_type(const SSL*);
int SSL_get_negotiated_server_cert_type(const SSL*);
int SSL_get_handshake_rtt(const SSL*, uint64_t*);
int SSL_get_event_timeout(SSL*, timeval*, int*);
int SSL_get_rpoll_descriptor(SSL*, void*);
int SSL_get_wpoll_descriptor(SSL*, void*);
int SSL_net_read_desired(SSL*);
int SSL_net_write_desired(SSL*);
int SSL_handle_events(SSL*);
int SSL_inject_net_dgram(SSL*, const unsigned char*, size_t, const void*, const void*);
int SSL_is_connection(SSL*);
int SSL_is_quic(const SSL*);
int SSL_is_tls(const SSL*);
int SSL_get_blocking_mode(SSL*);
int SSL_set_blocking_mode(SSL*, int);
int SSL_set1_initial_peer_addr(SSL*, const void*);
int SSL_shutdown_ex(SSL*, uint64_t, const void*, size_t);
SSL* SSL_new_stream(SSL*, uint64_t);
SSL* SSL_accept_stream(SSL*, uint64_t);
size_t SSL_get_accept_stream_queue_len(SSL*);
int SSL_set_default_stream_mode(SSL*, uint32_t);
int SSL_set_incoming_stream_policy(SSL*, int, uint64_t);
uint64_t SSL_get_stream_id(SSL*);
int SSL_get_stream_type(SSL*);
int SSL_is_stream_local(SSL*);
int SSL_get_stream_read_state(SSL*);
int SSL_get_stream_write_state(SSL*);
int SSL_get_stream_read_error_code(SSL*, uint64_t*);
int SSL_get_stream_write_error_code(SSL*, uint64_t*);
int SSL_get_conn_close_info(SSL*, void*, size_t);
int SSL_stream_conclude(SSL*, uint64_t);
int SSL_stream_reset(SSL*, const void*, size_t);
#endif

#if OPENSSL_VERSION_NUMBER < 0x30300000L
int SSL_get_value_uint(SSL*, uint32_t, uint32_t, uint64_t*);
int SSL_set_value_uint(SSL*, uint32_t, uint32_t, uint64_t);
int SSL_write_ex2(SSL*, const void*, size_t, uint64_t, size_t*);
#endif

#if OPENSSL_VERSION_NUMBER < 0x30400000L
int SSL_set_block_padding_ex(SSL*, size_t, size_t);
#endif

#if OPENSSL_VERSION_NUMBER < 0x30500000L
SSL* SSL_accept_connection(SSL*, uint64_t);
size_t SSL_get_accept_connection_queue_len(SSL*);
SSL* SSL_get0_domain(SSL*);
SSL* SSL_get0_listener(SSL*);
int SSL_get_domain_flags(const SSL*, uint64_t*);
int SSL_is_domain(SSL*);
int SSL_is_listener(SSL*);
int SSL_listen(SSL*);
SSL* SSL_new_from_listener(SSL*, uint64_t);
SSL* SSL_new_listener_from(SSL*, uint64_t);
int SSL_set_quic_tls_cbs(SSL*, const void*, void*);
int SSL_set_quic_tls_early_data_enabled(SSL*, int);
int SSL_set_quic_tls_transport_params(SSL*, const unsigned char*, size_t);
#endif
}
