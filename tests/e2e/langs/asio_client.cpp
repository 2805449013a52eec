// Boost.Asio, asynchronous: sockets enter epoll when they are opened, before they connect, and
// TLS runs over memory BIO pairs. Several coroutines at once, plain and TLS, verification on.
#include <map>
#include <string>
#include <utility>  // awaitable.hpp of Boost 1.74 needs it and does not include it

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

#include "account.h"

namespace asio = boost::asio;
using asio::use_awaitable;
using asio::ip::tcp;

namespace {

std::map<std::string, std::string> replies;  // by label; one thread runs everything

template <typename Stream>
asio::awaitable<std::string> converse(Stream& stream, const std::string& path) {
  char request[256];
  const std::size_t length = write_request(request, sizeof request, path.c_str());
  co_await asio::async_write(stream, asio::buffer(request, length), use_awaitable);
  std::string reply;
  boost::system::error_code error;
  co_await asio::async_read(stream, asio::dynamic_buffer(reply),
                            asio::redirect_error(use_awaitable, error));
  if (error != asio::error::eof) throw boost::system::system_error(error);
  co_return reply;
}

asio::awaitable<void> connect(tcp::socket& socket, const char* port) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto endpoints = co_await resolver.async_resolve(E2E_HOST, port, use_awaitable);
  co_await asio::async_connect(socket, endpoints, use_awaitable);
  socket.set_option(tcp::no_delay(true));
}

asio::awaitable<void> plain(std::string path) {
  tcp::socket socket(co_await asio::this_coro::executor);
  co_await connect(socket, "80");
  replies["plain " + path] = co_await converse(socket, path);
}

asio::awaitable<void> secure(asio::ssl::context& context, std::string path) {
  asio::ssl::stream<tcp::socket> stream(co_await asio::this_coro::executor, context);
  SSL_set_tlsext_host_name(stream.native_handle(), E2E_HOST);
  stream.set_verify_mode(asio::ssl::verify_peer);
  stream.set_verify_callback(asio::ssl::host_name_verification(E2E_HOST));
  co_await connect(stream.next_layer(), "443");
  co_await stream.async_handshake(asio::ssl::stream_base::client, use_awaitable);
  replies["tls " + path] = co_await converse(stream, path);
  boost::system::error_code ignored;
  co_await stream.async_shutdown(asio::redirect_error(use_awaitable, ignored));
}

void rethrow(std::exception_ptr failure) {
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int main() {
  try {
    asio::io_context io;
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.load_verify_file(getenv("E2E_CA"));
    for (const char* path : {"/echo?asio=1", "/big?bytes=4000000", "/chunked?n=20&size=1500"}) {
      asio::co_spawn(io, plain(path), rethrow);
      asio::co_spawn(io, secure(context, path), rethrow);
    }
    io.run();
  } catch (const std::exception& failure) {
    fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
  for (const auto& [label, reply] : replies) show_reply(label.c_str(), reply.data(), reply.size());
  return 0;
}
